"""Paths that a user wrote: asking about them never raises, however odd they are."""

from __future__ import annotations

from pathlib import Path


def user_path(text: str) -> Path:
    """`text` as a path, with `~` for the home folder where there is one."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # the home of an unknown user
        return Path(text)


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file; False too where it cannot be asked (no permission, too long, a null byte)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder; False too where it cannot be asked."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
