"""What layers are called: Keras's names, cut into words, say what belongs together and how to call it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from compiler.importer.tree import Item, Items, Leaf, children, with_children

Words = tuple[str, ...]

_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


def words(title: str | None) -> Words:
    """The parts of a name.

    >>> words("conv2_block1_1_conv"), words("stage.0/merge"), words(None)
    (('conv2', 'block1', '1', 'conv'), ('stage', '0', 'merge'), ())
    """
    return tuple(part for part in re.split(r"[._/\-]+", title) if part) if title else ()


def automatic(name: str, op: str) -> bool:
    """Whether a name says no more than the op, as those that Keras or the expander make up.

    >>> automatic("conv2d_12", "Conv2D"), automatic("re_lu", "ReLU"), automatic("Add_1", "Add"), automatic("a", "Add")
    (True, True, True, False)
    """
    base = re.sub(r"_?\d*$", "", name)
    made = (op, _snake(op), op.rpartition(".")[2], "merge")
    return any(base in (one, re.sub(r"_?\d*$", "", one)) for one in made)


def _snake(op: str) -> str:
    """A class name as Keras makes a layer's name of it."""
    plain = re.sub(r"\W+", "", op)
    parts = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", plain)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parts).lower()


def common(titles: Iterable[str | None]) -> Words:
    """The words with which all names begin that are there."""
    found = [words(title) for title in titles if title]
    if not found:
        return ()
    return tuple(pair[0] for pair in takewhile(lambda pair: len(set(pair)) == 1, zip(*found, strict=False)))


def without(title: str | None, prefix: Words) -> str | None:
    """A name behind a prefix; None where nothing is left."""
    if not prefix or title is None:
        return title
    rest = words(title)[len(prefix) :]
    return "_".join(rest) or None


def joined(prefix: Words) -> str | None:
    """Words as a name; None for none."""
    return "_".join(prefix) or None


def series(titles: Sequence[str | None]) -> str | None:
    """What the copies of a loop are called together: what their names have in common but for the number.

    >>> series(["block1_conv1", "block1_conv2"]), series(["conv2", "conv3"]), series(["a", "b"])
    ('block1_conv', 'conv', None)
    """
    found = [words(title) for title in titles]
    prefix = common(titles) if all(found) else ()
    nexts = {part[len(prefix)] if len(part) > len(prefix) else "" for part in found}
    stems = {re.sub(r"\d+[a-z]?$", "", word) for word in nexts}
    stem = stems.pop() if len(stems) == 1 else ""
    return joined((*prefix, stem) if stem else prefix)


def legal(title: str | None) -> str | None:
    """A name as a model file can have it, its number last; None where no word is left.

    >>> legal("1_conv"), legal("0"), legal("head/dense")
    ('conv_1', None, 'head_dense')
    """
    if title is None:
        return None
    made = re.sub(r"[^A-Za-z0-9_-]+", "_", title)[:100]
    if not _LEGAL.fullmatch(made):
        number = [part for part in words(made) if part[0].isdigit()]
        rest = [part for part in words(made) if not part[0].isdigit()]
        made = "_".join([*rest, *number]) if rest else ""
    return None if not _LEGAL.fullmatch(made) or made in ("prev", "input") else made


def stripped(items: Items, prefix: Words) -> Items:
    """The items with names behind `prefix`; those that others name keep theirs."""
    return tuple(
        item if item.exported else replace(item, title=_kept(item, without(item.title, prefix))) for item in items
    )


def _kept(item: Item, title: str | None) -> str | None:
    return None if title and isinstance(item, Leaf) and automatic(title, item.op) else title


def _agreed(names: Sequence[str | None]) -> str | None:
    """The words that names of equal length share at their places, if one of them is more than a number."""
    if len(set(names)) == 1:
        return names[0]
    parts = [words(name) for name in names]
    if len({len(part) for part in parts}) > 1:
        return None
    shared = tuple(column[0] for column in zip(*parts, strict=True) if len(set(column)) == 1)
    return joined(shared) if any(word.isalpha() for word in shared) else None


def agreed(template: Items, occurrences: Sequence[Items]) -> Items:
    """The template with what the names in all occurrences have in common; they are of one shape."""
    made: list[Item] = []
    for at, item in enumerate(template):
        alike = [items[at] for items in occurrences]
        title = _agreed([other.title for other in alike])
        inner = zip(children(item), *(children(other) for other in alike), strict=True)
        lists = [agreed(one, rest) for one, *rest in inner]
        made.append(with_children(replace(item, title=title), lists))
    return tuple(made)
