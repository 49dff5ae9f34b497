"""The study as a journal in the sweep's folder: Optuna's own form, safe against kills, and fast at 10,000 trials.

Optuna is imported with this file.
"""

from __future__ import annotations

import gc
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState

from compiler.errors import ConfigError, Fault
from compiler.runtime.run.files import reported
from compiler.runtime.sweep.locks import FileLock
from compiler.runtime.sweep.snapshot import read_snapshot, snapshot_end, write_snapshot

_OFTEN = 4_000_000  # bytes behind the snapshot from which on a new one is worth its time: half a second to read

_CHUNK = 65536  # bytes


class Journal(JournalStorage):
    """Optuna's journal storage, several of whose operations can be one piece to all other processes.

    A kill while a record was written leaves a torn last line, which readers pass over and the next writer removes.
    """

    def __init__(self, path: Path) -> None:
        self._file = _JournalFile(path)
        with _no_collection():
            super().__init__(self._file)  # reads it
        self._thread_lock = threading.RLock()  # `together` holds it before the file's lock, as all operations do

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let no other process write meanwhile; what is written within is on the disk at the end, all or nothing."""
        with self._thread_lock, self._file.held():
            yield

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        # Optuna reads and then writes: who once had the trial could take it to be his again when another was faster
        with self.together():
            return super().set_trial_state_values(trial_id, state, values)

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


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let nobody look for garbage among a million new objects that stay: a third of the time to read them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _JournalFile(BaseJournalBackend):
    """The file: a JSON record a line.

    Attributes:
        offset: up to which byte the file was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path)
        self._holding = False
        self._appended, self._end = bytearray(), 0
        self._failed: ConfigError | None = None
        self._offsets: dict[int, int] = {}
        with reported(f"write '{path}'"):
            path.touch()

    @property
    def offset(self) -> int:
        return max(self._offsets.values(), default=0)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the file's lock; what is appended within is written at its end, in one piece: a kill leaves all of it,
        or nothing. Entered by one thread at a time.

        Raises:
            ConfigError: E803 or E805, the file system refuses; this process has then no more to say.
        """
        if self._holding:
            yield
            return
        if self._failed:
            raise self._failed
        with self._lock.held():
            self._holding = True
            try:
                yield
            finally:
                self._holding = False
                if self._appended:
                    self._write()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Put records behind all others. Raises as `held` does."""
        with self.held():
            if not self._appended:
                with reported(f"read '{self.path}'"):
                    self._end = _whole(self.path)
            self._appended += b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)

    def _write(self) -> None:
        """Write what was appended behind the last whole line; one that has no end is that of a killed writer."""
        try:
            with reported(f"write '{self.path}'"), self.path.open("ab", buffering=0) as file:
                if not self._lock.ours:
                    raise _stood_still(self.path)
                if file.tell() != self._end:
                    file.truncate(self._end)
                left = memoryview(bytes(self._appended))
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
        except ConfigError as error:
            self._failed = error  # what this process has read is no more what is there
            raise
        finally:
            self._appended.clear()

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
        lines = self._bytes(offset).split(b"\n")[:-1]  # behind the last newline is what is torn, or not yet whole
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

    def _bytes(self, offset: int) -> bytes:
        """The file from there on, with what was appended and is not yet written."""
        if self._failed:
            raise self._failed
        if self._appended and offset >= self._end:
            return bytes(self._appended[offset - self._end :])
        with reported(f"read '{self.path}'"), self.path.open("rb") as file:
            file.seek(offset)
            return file.read(self._end - offset) + self._appended if self._appended else file.read()


def _whole(path: Path) -> int:
    """The size of the file up to the end of its last line that has one."""
    with path.open("rb") as file:
        size = start = file.seek(0, os.SEEK_END)
        while start > 0:
            file.seek(start := max(0, start - _CHUNK))
            end = file.read(_CHUNK).rfind(b"\n")
            if end >= 0:
                return min(size, start + end + 1)
    return 0


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a line; behind a torn one, a program that did not know may have written its own."""
    for text in (line, line[line.rfind(b'{"op_code":') :]):
        try:
            record = json.loads(text)
        except ValueError:
            continue
        return record if isinstance(record, dict) and "op_code" in record else None
    return None


def _stood_still(path: Path) -> ConfigError:
    message = f"this process stood still for so long that another took the lock of '{path}' from it"
    return ConfigError([Fault("E806", message, hint="its trial is begun again by another worker")])


def _damaged(path: Path, offset: int) -> ConfigError:
    message = f"the study's journal '{path}' is damaged at byte {offset}: what stands there is no record"
    return ConfigError([Fault("E803", message, hint="put a copy back, or start the sweep anew")])
