"""Globs over expanded names: which names one means, and what is near to one that means none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from compiler.errors import closest, did_you_mean


def around(name: str) -> Iterator[str]:
    """The names of what `name` stands in, innermost first.

    >>> list(around("a.b.c"))
    ['a.b', 'a']
    """
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def within(glob: str, names: Collection[str]) -> list[str]:
    """The names that `glob` matches, or that stand in something that it matches.

    >>> within("stage.?", ["stem", "stage.0.conv", "stage.0.relu", "head"])
    ['stage.0.conv', 'stage.0.relu']
    """
    return [name for name in names if any(fnmatchcase(part, glob) for part in (name, *around(name)))]


def near(glob: str, names: Collection[str]) -> str:
    """A hint for a glob that matches none of `names`."""
    start, dot, last = glob.rpartition(".")
    close = closest(last, {name.rpartition(".")[2] for name in names})
    if close and any(fnmatchcase(name, f"{start}{dot}{close}") for name in names):
        return f"did you mean '{start}{dot}{close}'?"
    return did_you_mean(glob, names) or "globs go over the names that 'show' prints; '*' matches dots too"
