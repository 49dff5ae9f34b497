"""One controller a sweep: whoever carries it out holds a lock on its folder, which a killed process lets go."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compiler.errors import ConfigError, Fault
from compiler.runtime.sweep.folder import SweepFolder

NAME = "controller.lock"


@contextmanager
def controlling(folder: SweepFolder) -> Iterator[None]:
    """Be the one that carries out the sweep.

    Raises:
        ConfigError: E806, another process is.
    """
    lock = os.open(folder.root / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _locked(lock):
            hint = "wait for it, or give the new sweep a folder of its own: search.resume=false"
            raise ConfigError([Fault("E806", f"another process carries out the sweep '{folder.root}'", hint=hint)])
        yield
    finally:
        os.close(lock)


def is_controlled(folder: SweepFolder) -> bool:
    """Whether a process carries out the sweep just now."""
    path: Path = folder.root / NAME
    if not path.exists():
        return False
    lock = os.open(path, os.O_RDWR)
    try:
        return not _locked(lock)
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
