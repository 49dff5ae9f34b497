"""Anyone's arrays: an .npz file with `x` and `y`, or with given splits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from compiler.errors import did_you_mean
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, DataSettings, Part, Rows, Task, Unreadable
from compiler.settings import Problem, choice, is_str, rule

if TYPE_CHECKING:
    from compiler.runtime.data.archive import Archive
    from compiler.runtime.data.dataset import Array

_HINT = "an .npz file holds x and y, or x_train and y_train with or without x_val, y_val and x_test, y_test"
_INPUTS = "with several inputs each stands in an array of its own: x.NAME, or x_train.NAME"


class Npz(DataSettings, source="npz"):
    """Arrays `x` (N, ...) and `y` (N,), or `x_train`, `y_train` with given `_val` and `_test`, else split off.

    With several inputs (a mapping in `input_shape`) the arrays are `x.NAME`, `x_train.NAME`, .... An array `classes`
    of text names the classes. For regression `y` is (N,) or (N, K), for multilabel 0 or 1 of shape (N, K), and
    `classes` says K.
    """

    path: Annotated[str, rule("the path of an .npz file", is_str, schema={"type": "string"})]
    task: Annotated[Task, choice("multiclass", "binary", "multilabel", "regression")] = "multiclass"

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        if self.task == "binary" and self.classes != 2:
            yield Problem(("classes",), "E107", f"'classes' must be 2 for a binary task (got {self.classes})")
        if self.task == "multiclass" and self.classes < 2:
            message = f"'classes' must be at least 2 (got {self.classes})"
            yield Problem(("classes",), "E107", message, "task: regression, if 'y' holds targets")

    def read(self, blame: Blame) -> Rows | None:
        from compiler.runtime.data.archive import open_archive  # imports NumPy

        path = user_path(self.path)
        if is_folder(path):
            blame("E702", f"{str(path)!r} is a folder, not an .npz file", "path")
            return None
        if not is_file(path):
            blame("E701", f"no file {str(path)!r}", "path", hint=_nearby(path))
            return None
        try:
            archive = open_archive(path)
        except Unreadable as error:
            blame(error.code, f"{str(path)!r} {error}", "path", hint=_HINT if error.code == "E702" else None)
            return None
        parts = self._parts(archive, blame)
        if parts is None:
            return None
        names = self._class_names(archive, blame)
        return Rows(names, parts)

    def _parts(self, archive: Archive, blame: Blame) -> dict[str, Part] | None:
        whole, given = "y" in archive.names, "y_train" in archive.names
        if whole == given:
            has = "both 'y' and 'y_train'" if whole else "neither 'y' nor 'y_train'"
            message = f"{str(archive.path)!r} has {has} (it has {_listed(archive.names)})"
            blame("E702", message, "path", hint=_HINT)
            return None
        suffixes = {"all": ""} if whole else {"train": "_train"}
        if given:
            suffixes |= {part: f"_{part}" for part in ("val", "test") if _has(archive, f"_{part}")}
        wanted = [name for s in suffixes.values() for name in (*(_x(s, inner) for inner in self.shapes), f"y{s}")]
        arrays = {name: _read(archive, name, blame) for name in wanted}
        found = {name: array for name, array in arrays.items() if array is not None}
        if len(found) < len(arrays):
            return None
        return {
            part: Part({name: found[_x(suffix, name)] for name in self.shapes}, found[f"y{suffix}"], suffix)
            for part, suffix in suffixes.items()
        }

    def _class_names(self, archive: Archive, blame: Blame) -> tuple[str, ...] | None:
        if "classes" not in archive.names or self.task == "regression":
            return None
        array = _read(archive, "classes", blame)
        if array is None:
            return None
        names = tuple(str(name, "utf-8", "replace") if isinstance(name, bytes) else str(name) for name in array.ravel())
        if array.ndim != 1 or array.dtype.kind not in "US" or len(set(names)) < len(names):
            message = f"'classes' in {str(archive.path)!r} must be a list of different names"
            blame("E702", f"{message} (got {array.dtype} of shape {array.shape})", "path")
        return names


def _x(suffix: str, name: str) -> str:
    return f"x{suffix}.{name}" if name else f"x{suffix}"


def _has(archive: Archive, suffix: str) -> bool:
    return any(name in (f"x{suffix}", f"y{suffix}") or name.startswith(f"x{suffix}.") for name in archive.names)


def _read(archive: Archive, name: str, blame: Blame) -> Array | None:
    if name not in archive.names:
        message = f"{str(archive.path)!r} has no array {name!r} (it has {_listed(archive.names)})"
        blame("E702", message, "path", hint=_INPUTS if "." in name else _HINT)
        return None
    try:
        return archive.read(name)
    except Unreadable as error:
        blame(error.code, f"{str(archive.path)!r} {error}", "path", hint=error.hint)
        return None


def _listed(names: tuple[str, ...]) -> str:
    some = ", ".join(repr(name[:40]) for name in names[:8])
    return f"{some}, ..." if len(names) > 8 else some or "no arrays"


def _nearby(path: Path) -> str:
    try:
        files = [found.name for found in path.parent.iterdir() if found.suffix == ".npz"]
    except (OSError, ValueError):  # ValueError: a null byte
        return f"the folder {str(path.parent)!r} cannot be read either"
    close = did_you_mean(path.name, files)
    return close or "paths are relative to the folder that the command is started in"
