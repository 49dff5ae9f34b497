"""Anyone's arrays in .npy files, such as those that are larger than the memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from compiler.errors import did_you_mean
from compiler.runtime.data.arrays import NEEDED, ArraySettings
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, Unreadable
from compiler.settings import is_str, rule

if TYPE_CHECKING:
    from compiler.runtime.data.archive import NpyFiles

_FILES = {"type": "object", "additionalProperties": {"type": "string"}}


def _are_files(value: object) -> bool:
    if isinstance(value, Mapping):
        files = cast("Mapping[object, object]", value)
        return len(files) > 0 and all(is_str(name) and is_str(path) for name, path in files.items())
    return is_str(value)


class Npy(ArraySettings, source="npy"):
    """One .npy file for each array: those of a folder (`x.npy`, `y.npy`), or named ones. Large ones are mapped.

    Fields:
        path: the folder; or the files by the names of their arrays, `{x: images.npy, y: labels.npy}`.
    """

    path: Annotated[
        str | dict[str, str],
        rule(
            "a folder of .npy files, or their paths by name",
            _are_files,
            schema={"anyOf": [{"type": "string"}, _FILES]},
        ),
    ]

    def open(self, blame: Blame) -> NpyFiles | None:
        from compiler.runtime.data.archive import NpyFiles, open_folder  # imports NumPy

        if isinstance(self.path, dict):
            files = {name: user_path(path) for name, path in self.path.items()}
            for name in files:
                if not is_file(files[name]):
                    blame("E701", f"no file {str(files[name])!r}", "path", name, hint=_nearby(files[name]))
            return NpyFiles(Path("data.path"), files) if all(map(is_file, files.values())) else None
        folder = user_path(self.path)
        if is_file(folder):
            hint = f"'path: {{x: {folder}, y: ...}}' names single files"
            blame("E702", f"{str(folder)!r} is a file, not a folder of .npy files", "path", hint=hint)
            return None
        if not is_folder(folder):
            blame(
                "E701", f"no folder {str(folder)!r}", "path", hint="paths are relative to where the command is started"
            )
            return None
        try:
            return open_folder(folder)
        except Unreadable as error:
            blame(error.code, f"{str(folder)!r} {error}", "path", hint=NEEDED)
            return None


def _nearby(path: Path) -> str:
    try:
        close = did_you_mean(path.name, [found.name for found in path.parent.iterdir()])
    except (OSError, ValueError):  # ValueError: a null byte
        return f"the folder {str(path.parent)!r} cannot be read either"
    return close or "paths are relative to the folder that the command is started in"
