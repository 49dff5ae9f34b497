"""Where the run directories are: a walk that looks into no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler.runtime.run.files import RECORD, reported

_WITHOUT_RUNS = frozenset(("predictions", "checkpoints"))
"""Folders of a run that have none below them."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder with a `run.json`.

    Attributes:
        path: from the root on, with `/`; empty for the root itself.
        stamp: modification time in ns, size and inode of `run.json`: a record that is written anew has another one.
    """

    path: str
    stamp: tuple[int, int, int]


def run_folders(root: Path, depth: int | None = None) -> Iterator[RunFolder]:
    """The run directories at and below `root`, in no order; hidden folders are left out.

    A run may have others below it, such as its snapshots. A folder that cannot be read has none.

    Args:
        depth: how far below the root at most; None for any distance.

    Raises:
        ConfigError: E803, the root itself cannot be read.
    """
    with reported(f"read '{root}'"):
        os.scandir(root).close()
    waiting = [("", 0)]
    while waiting:
        path, level = waiting.pop()
        folder = f"{root}/{path}"
        below: list[os.DirEntry[str]] = []
        found = None
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == RECORD:
                        found = entry.stat()
                    elif not entry.name.startswith(".") and entry.is_dir():
                        below.append(entry)
        except OSError:
            continue
        if found is not None:
            yield RunFolder(path, (found.st_mtime_ns, found.st_size, found.st_ino))
        if depth is not None and level >= depth:
            continue
        for entry in below:
            without = found is not None and entry.name in _WITHOUT_RUNS
            if not without and not (entry.is_symlink() and _leads_up(entry, folder)):
                waiting.append((f"{path}/{entry.name}" if path else entry.name, level + 1))


def _leads_up(link: os.DirEntry[str], folder: str) -> bool:
    """Whether a link would go round in a circle."""
    target, here = os.path.realpath(link.path), os.path.realpath(folder)
    return here == target or here.startswith(target.rstrip(os.sep) + os.sep)
