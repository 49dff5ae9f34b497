"""Anyone's arrays in one .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from compiler.errors import did_you_mean
from compiler.runtime.data.arrays import NEEDED, ArraySettings
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, Unreadable
from compiler.settings import is_str, rule

if TYPE_CHECKING:
    from compiler.runtime.data.archive import Archive


class Npz(ArraySettings, source="npz"):
    """The arrays of an .npz file. Large ones are mapped where `numpy.savez` put them.

    Fields:
        path: the file.
    """

    path: Annotated[str, rule("the path of an .npz file", is_str, schema={"type": "string"})]

    def open(self, blame: Blame) -> Archive | None:
        from compiler.runtime.data.archive import open_archive  # imports NumPy

        path = user_path(self.path)
        if is_folder(path):
            blame("E702", f"{str(path)!r} is a folder, not an .npz file", "path")
            return None
        if not is_file(path):
            blame("E701", f"no file {str(path)!r}", "path", hint=_nearby(path))
            return None
        try:
            return open_archive(path)
        except Unreadable as error:
            blame(error.code, f"{str(path)!r} {error}", "path", hint=NEEDED if error.code == "E702" else None)
            return None


def _nearby(path: Path) -> str:
    try:
        files = [found.name for found in path.parent.iterdir() if found.suffix == ".npz"]
    except (OSError, ValueError):  # ValueError: a null byte
        return f"the folder {str(path.parent)!r} cannot be read either"
    close = did_you_mean(path.name, files)
    return close or "paths are relative to the folder that the command is started in"
