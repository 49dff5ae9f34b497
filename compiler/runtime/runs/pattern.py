"""Globs over folders: `outputs/sweeps/*/trials/*`, with `**` for any number of folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

_MAGIC = re.compile(r"[*?[]")


def is_pattern(text: str) -> bool:
    """Whether `text` has anything that a glob reads in its own way."""
    return bool(_MAGIC.search(text))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A glob, parted into the folder where the search begins and what stands below it.

    >>> Pattern.of("outputs/sweeps/a/trials/0000?")
    Pattern(start=PosixPath('outputs/sweeps/a/trials'), steps=('0000?',))
    """

    start: Path
    steps: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        parts = PurePosixPath(text).parts
        plain = next((i for i, part in enumerate(parts) if is_pattern(part)), len(parts))
        return cls(Path(*parts[:plain]), parts[plain:])

    @property
    def depth(self) -> int | None:
        """How far below `start` a folder can be that matches; None for any distance."""
        return None if "**" in self.steps else len(self.steps)

    def matches(self, path: str) -> bool:
        """Whether the path of a folder, from `start` on, is one.

        >>> Pattern.of("runs/**/fold-*").matches("a/b/fold-1"), Pattern.of("runs/*").matches("a/b")
        (True, False)
        """
        return _match(self.steps, path.split("/") if path else [])


def _match(steps: Sequence[str], parts: Sequence[str]) -> bool:
    if not steps:
        return not parts
    if steps[0] == "**":
        return _match(steps[1:], parts) or (bool(parts) and _match(steps, parts[1:]))
    return bool(parts) and fnmatchcase(parts[0], steps[0]) and _match(steps[1:], parts[1:])
