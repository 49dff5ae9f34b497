"""What a process keeps from one training for the next: its data and, where it is a network, its traced steps.

A worker of a sweep makes one `Warm` and hands it to every `job.run`; a single run has none. Nothing is imported for
it but what reads data.
"""

from __future__ import annotations

from glob import glob, has_magic
from typing import TYPE_CHECKING

from compiler.runtime.data.source import DataSettings
from compiler.settings import Settings
from compiler.spec.located import Map

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from compiler.runtime.data import Dataset


class Warm:
    """What one training leaves for the next in the same process."""

    def __init__(self) -> None:
        self._data: tuple[DataSettings, str, Dataset] | None = None

    def dataset(self, settings: DataSettings, section: Map) -> Dataset:
        """The data set that `settings` describe: the last one where they are the same and no file has changed since.

        Args:
            settings, section: as `load` takes them.

        Raises:
            ConfigError: as `load` does.
        """
        from compiler.runtime.data.load import load

        state = _state(settings)
        if self._data is None or self._data[:2] != (settings, state):
            self._data = None  # not two at a time in memory
            self._data = settings, state, load(settings, section)
        return self._data[2]


def _state(settings: DataSettings) -> str:
    """What tells whether a file that the settings name has changed: their sizes and times."""
    from compiler.runtime.data.image_files import File, files_below, state_of
    from compiler.runtime.data.paths import is_file, is_folder

    files: list[File] = []
    for path in _paths(settings.model_dump()):
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
