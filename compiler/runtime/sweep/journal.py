"""The study as a journal in the sweep's folder: Optuna's own form, safe against kills, and fast at 10,000 trials.

Optuna is imported with this file.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from compiler.errors import ConfigError, Fault
from compiler.runtime.run.files import reported
from compiler.runtime.sweep.locks import FileLock
from compiler.runtime.sweep.snapshot import read_snapshot, snapshot_end, write_snapshot

_OFTEN = 4_000_000  # bytes behind the snapshot from which on a new one is worth its time: half a second to read


class Journal(JournalStorage):
    """Optuna's journal storage, several of whose operations can be one piece to all other processes.

    A kill while a record was written leaves a torn last line, which readers pass over and the next writer removes.
    """

    def __init__(self, path: Path) -> None:
        self._file = _JournalFile(path)
        super().__init__(self._file)
        self._thread_lock = threading.RLock()  # `together` holds it before the file's lock, as all operations do

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let no other process write meanwhile; what is written within is on the disk at the end."""
        with self._thread_lock, self._file.held():
            yield

    def compact(self, often: int = _OFTEN) -> bool:
        """Write a snapshot, by which the next process opens the study faster, unless the last one is still good.

        Args:
            often: bytes of the journal behind the last snapshot from which on there is a new one.
        """
        if self._file.offset - snapshot_end(self._file.path) < often:
            return False
        with self.together():
            (study,) = self.get_all_studies()
            trials = self.get_all_trials(self.get_study_id_from_name(study.study_name), deepcopy=False)
            offset = self._file.offset
        # Optuna replaces a trial that changes, so these can be written while others go on
        write_snapshot(self._file.path, study.study_name, study.directions, study.user_attrs, trials, offset)
        return True


class _JournalFile(BaseJournalBackend):
    """The file: a JSON record a line.

    Attributes:
        offset: up to which byte the file was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path)
        self._holding = self._unsynced = False
        self._offsets: dict[int, int] = {}
        with reported(f"write '{path}'"):
            path.touch()

    @property
    def offset(self) -> int:
        return max(self._offsets.values(), default=0)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the file's lock; within, what is written is synced once, at the end. Entered by one thread at a time."""
        if self._holding:
            yield
            return
        with self._lock.held():
            self._holding = True
            try:
                yield
            finally:
                self._holding = False
                if self._unsynced:
                    self._unsynced = False
                    with self.path.open("rb") as file:
                        os.fsync(file.fileno())

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records behind all others.

        Raises:
            ConfigError: E803 or E805, the file system refuses; what was written of them is passed over.
        """
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with self.held(), reported(f"write '{self.path}'"):
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)
            try:
                _remove_torn(descriptor)
                while data:
                    data = data[os.write(descriptor, data) :]
                self._unsynced = True
            finally:
                os.close(descriptor)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from that number on, counted as this process has read them: a snapshot stands for many.

        Raises:
            ConfigError: E803, the file cannot be read, or a line of it is no record.
        """
        number = log_number_from
        if number == 0:
            snapshot = read_snapshot(self.path)
            self._offsets = {0: 0}
            if snapshot:
                yield from snapshot.records
                number = len(snapshot.records)
                self._offsets[number] = snapshot.offset
        offset = self._offsets[number]
        with reported(f"read '{self.path}'"), self.path.open("rb") as file:
            file.seek(offset)
            lines = file.read().split(b"\n")[:-1]  # what stands behind the last newline is torn, or not yet whole
        self._offsets = {number: offset}
        for i, line in enumerate(lines):
            record = _record(line)
            if record is None:
                if i == len(lines) - 1:
                    return  # it was being replaced while it was read: it is read again
                raise _damaged(self.path, offset)
            number, offset = number + 1, offset + len(line) + 1
            self._offsets[number] = offset
            yield record


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a line; behind a torn one, a program that did not know may have written its own."""
    for text in (line, line[line.rfind(b'{"op_code":') :]):
        try:
            record = json.loads(text)
        except ValueError:
            continue
        return record if isinstance(record, dict) and "op_code" in record else None
    return None


def _remove_torn(descriptor: int) -> None:
    """Cut off a last line that has no end: its writer was killed, for the lock is ours."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    start, end = size, -1
    while start > 0 and end < 0:
        start = max(0, start - 65536)
        end = os.pread(descriptor, min(65536, size - start), start).rfind(b"\n")
    if os.fstat(descriptor).st_size == size:
        os.ftruncate(descriptor, start + end + 1)


def _damaged(path: Path, offset: int) -> ConfigError:
    message = f"the study's journal '{path}' is damaged at byte {offset}: what stands there is no record"
    return ConfigError([Fault("E803", message, hint="put a copy back, or start the sweep anew")])
