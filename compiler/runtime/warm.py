"""What a process keeps from one training for the next: its data and, where it is a network, its traced steps.

A worker of a sweep makes one `Warm` and hands it to every `job.run`; a single run has none. Nothing is imported for
it but what reads data.
"""

from __future__ import annotations

from collections.abc import Mapping
from glob import glob, has_magic
from typing import TYPE_CHECKING, Any, TypeVar

from compiler.runtime.data.source import DataSettings
from compiler.settings import Settings
from compiler.spec.located import Map

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from compiler.runtime.data import Dataset
    from compiler.runtime.training import TrainSettings
    from compiler.runtime.training.threads import Threads

T = TypeVar("T")

MOST = 16
"""Networks that are kept at most ..."""

MOST_BYTES = 1 << 28
"""... and bytes of their variables, but always one."""

MOST_DATA_BYTES = 1 << 29
"""Inputs of data sets that stay while another one is read: those of the folds of a cross-validation, say."""


class OtherProcess(Exception):
    """A training that needs a process of its own: what holds for a whole process was settled here by an earlier one."""


class Warm:
    """What one training leaves for the next in the same process: data sets and networks, the last used ones."""

    def __init__(self) -> None:
        self._settled: tuple[Threads, bool] | None = None
        self._data: list[tuple[DataSettings, str, Dataset]] = []
        self._copies: dict[int, tuple[object, Any]] = {}
        self._steps: dict[Hashable, tuple[Any, int]] = {}  # the one that was used last comes last

    def settle(self, train: TrainSettings) -> None:
        """Settle what TensorFlow takes for a whole process, once: its threads, and whether it is to be deterministic.

        Raises:
            OtherProcess: an earlier training settled it otherwise.
        """
        settled = train.threads, train.deterministic
        if self._settled not in (None, settled):
            raise OtherProcess("train.threads and train.deterministic hold for a whole process, and are others now")
        self._settled = settled

    def dataset(self, settings: DataSettings, section: Map) -> Dataset:
        """The data set that `settings` describe: an earlier one where they are the same and no file has changed since.

        Args:
            settings, section: as `load` takes them.

        Raises:
            ConfigError: as `load` does.
        """
        from compiler.runtime.data.load import load

        state = _state(settings)
        known = next((kept for kept in self._data if kept[:2] == (settings, state)), None)
        others = [kept for kept in self._data if kept[0] != settings]
        if known is None:
            while sum(_nbytes(kept[2]) for kept in others) > MOST_DATA_BYTES:
                del others[0]
            self._data = others
            self._copies.clear()
            known = settings, state, load(settings, section)
        self._data = [*others, known]
        return known[2]

    def copied(self, rows: T, copy: Callable[[T], Any]) -> Any:
        """`copy(rows)`, made once for the same rows as long as no other data are read."""
        if id(rows) not in self._copies:
            self._copies[id(rows)] = rows, copy(rows)
        return self._copies[id(rows)][1]

    def taken(self, key: Hashable) -> Any:
        """What was kept under `key`, kept no longer; None where there is nothing."""
        return self._steps.pop(key, (None, 0))[0]

    def keep(self, key: Hashable, steps: Any, nbytes: int) -> None:
        """Keep `steps`, of so many bytes, under `key`; those that were not used for longest give way."""
        self._steps[key] = steps, nbytes
        while len(self._steps) > MOST or (len(self._steps) > 1 and self._nbytes > MOST_BYTES):
            del self._steps[next(iter(self._steps))]

    @property
    def _nbytes(self) -> int:
        return sum(nbytes for _, nbytes in self._steps.values())


def _nbytes(data: Dataset) -> int:
    """Of the inputs that are in memory."""
    splits = [split.x for split in (data.train, data.val, data.test)]
    inputs = [part for x in splits for part in (x.values() if isinstance(x, Mapping) else (x,))]
    return sum(getattr(part, "nbytes", 0) for part in inputs)


def _state(settings: DataSettings) -> str:
    """What tells whether a file that the settings name has changed: their sizes and times."""
    from compiler.runtime.data.image_files import File, files_below, state_of
    from compiler.runtime.data.paths import is_file, is_folder

    files: list[File] = []
    for path in _paths(settings.model_dump(exclude={"source", "task", "memory", "cache"})):  # what reads no rows
        if is_folder(path):
            files += files_below(path, f"{path}/")
        elif is_file(path):
            stat = path.stat()
            files.append(File(str(path), stat.st_size, stat.st_mtime_ns))
    return state_of(files)


def _paths(value: object) -> Iterator[Path]:
    """Every text in nested settings that names something on the disk; globs name several."""
    from compiler.runtime.data.paths import user_path

    if isinstance(value, str) and "\0" not in value:
        path = user_path(value)
        yield from map(user_path, sorted(glob(str(path)))) if has_magic(value) else (path,)  # noqa: PTH207  # of a whole path
    elif isinstance(value, Settings):
        yield from _paths(value.model_dump())
    elif isinstance(value, dict):
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _paths(item)
