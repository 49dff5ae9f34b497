"""All runs below a folder."""

from __future__ import annotations

from pathlib import Path

from compiler.runtime.runs.entry import Entry, read_entry
from compiler.runtime.runs.folders import run_folders


def runs_below(root: Path, depth: int | None = None) -> tuple[Entry, ...]:
    """The runs at and below `root`, whatever their status, in the order of their paths.

    Args:
        depth: how far below the root at most; None for any distance.

    Raises:
        ConfigError: E803, the root cannot be read.
    """
    folders = sorted(run_folders(root, depth), key=lambda folder: folder.path)
    return tuple(Entry(root / folder.path, *read_entry(root / folder.path)) for folder in folders)
