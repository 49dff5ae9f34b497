"""Where the run directories are: a walk that looks into no file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

from compiler.runtime.run.files import RECORD, reported

_WITHOUT_RUNS = frozenset(("predictions", "checkpoints"))
"""Folders of a run that have none below them."""


_SETTLED = 2 * 10**9
"""Nanoseconds after which a change shows in a folder's time: some file systems count in seconds."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder with a `run.json`.

    Attributes:
        path: from the root on, with `/`; empty for the root itself.
        stamp: modification time in ns, size and inode of `run.json`: a record that is written anew has another one.
        alone: the folder's own modification time in ns, where no folders are in it that could have further runs: as
            long as it stays, none has come. 0 where that is not known.
    """

    path: str
    stamp: tuple[int, int, int]
    alone: int


def run_folders(root: Path, depth: int | None, known: Mapping[str, int]) -> Iterator[RunFolder]:
    """The run directories at and below `root`, in no order; hidden folders are left out.

    A run may have others below it, such as its snapshots. A folder that cannot be read has none.

    Args:
        depth: how far below the root at most; None for any distance.
        known: `alone` of run directories, by path, as an earlier search found it: they are not listed again.

    Raises:
        ConfigError: E803, the root itself cannot be read.
    """
    with reported(f"read '{root}'"):
        os.scandir(root).close()
    waiting = [("", 0)]
    while waiting:
        path, level = waiting.pop()
        folder = f"{root}/{path}"
        try:
            alone = known.get(path, 0)
            if alone and os.stat(folder).st_mtime_ns == alone:  # noqa: PTH116  # 10,000 Path objects take longer than the rest
                yield RunFolder(path, _stamp(os.stat(f"{folder}/{RECORD}")), alone)  # noqa: PTH116  # as above
                continue
            found, below = _listed(folder)
        except OSError:
            continue
        if found is not None:
            yield RunFolder(path, _stamp(found), 0 if below else _settled(folder))
        if depth is None or level < depth:
            waiting += [(f"{path}/{name}" if path else name, level + 1) for name in below]


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _listed(folder: str) -> tuple[os.stat_result | None, list[str]]:
    """Of `run.json`, if it is there; and the folders below that may have runs."""
    found, below, without = None, list[str](), False
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == RECORD:
                found = entry.stat()
            elif not entry.name.startswith(".") and entry.is_dir():
                if not (entry.is_symlink() and _leads_up(entry, folder)):
                    below.append(entry.name)
                without = without or entry.name in _WITHOUT_RUNS
    if found is not None and without:
        below = [name for name in below if name not in _WITHOUT_RUNS]
    return found, below


def _settled(folder: str) -> int:
    """The folder's modification time; 0 where a further change could leave it as it is."""
    changed = os.stat(folder).st_mtime_ns  # noqa: PTH116  # as above
    return changed if changed < time_ns() - _SETTLED else 0


def _leads_up(link: os.DirEntry[str], folder: str) -> bool:
    """Whether a link would go round in a circle."""
    target, here = os.path.realpath(link.path), os.path.realpath(folder)
    return here == target or here.startswith(target.rstrip(os.sep) + os.sep)
