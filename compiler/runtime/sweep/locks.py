"""A lock of a file between processes and machines, by a symbolic link: making one is atomic on NFS as well."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

from compiler.runtime.sweep.owners import Owner

GRACE = 30.0
"""Seconds after which a lock is broken whose holder is elsewhere, or stands still."""

_PATIENCE = 0.02  # the longest sleep between two tries
_ASK = 0.05  # from then on the holder is looked at


class FileLock:
    """The lock of a file: `FILE.lock`, a link whose target names the holder.

    The name and the kind are those of Optuna's `JournalFileSymlinkLock`, so that its tools and this keep each other
    out. There, a lock whose holder was killed stands for 30 s; here the next who wants it sees that the holder is dead.
    """

    def __init__(self, path: Path) -> None:
        self._link = path.with_name(f"{path.name}.lock")
        self._token = ""
        self._guard = path.with_name(f"{path.name}.lock.guard")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, and have it within."""
        self._token = json.dumps([_here(os.getpid()).as_json(), uuid4().hex])
        try:
            self._acquire(self._token)
            yield
        finally:
            if self.ours:
                with contextlib.suppress(FileNotFoundError):
                    self._link.unlink()

    @property
    def ours(self) -> bool:
        """Whether the lock is still this one's: whoever stands still for too long loses it."""
        return self._holder() == self._token

    def _acquire(self, token: str) -> None:
        begun = monotonic()
        pause, seen, since = 0.0002, "", begun
        while not self._made(token):
            holder, now = self._holder(), monotonic()
            if holder != seen:
                seen, since = holder, now
            if seen and now - begun > _ASK and (now - since > GRACE or _is_dead(seen)):
                self._break(seen)
            sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _PATIENCE)

    def _made(self, token: str) -> bool:
        try:
            self._link.symlink_to(token)
        except FileExistsError:
            return self._holder() == token  # a server that was asked twice made it at the first time
        return True

    def _holder(self) -> str:
        """The token in the lock; empty where nobody has it."""
        try:
            return str(self._link.readlink())
        except OSError:
            return ""

    def _break(self, token: str) -> None:
        """Remove the lock if it is still that one; of those who want to, one at a time."""
        descriptor = os.open(self._guard, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with contextlib.suppress(OSError):  # some network file systems have no such locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self._holder() == token:
                with contextlib.suppress(FileNotFoundError):
                    self._link.unlink()
        finally:
            os.close(descriptor)


@lru_cache(maxsize=1)
def _here(pid: int) -> Owner:
    """This process; asked anew after a fork."""
    return Owner.here("lock")


def _is_dead(token: str) -> bool:
    try:
        owner, _ = json.loads(token)
        return Owner.read(owner).running is False
    except (ValueError, TypeError):  # Optuna's own lock names the journal only
        return False
