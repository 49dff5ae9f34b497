"""Sources of arrays under names: `x` and `y`, or given splits, whatever kind of file they are in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from compiler.runtime.data.paths import user_path
from compiler.runtime.data.source import CACHE, Blame, DataSettings, Part, Rows, Task, Unreadable, class_problems
from compiler.settings import Problem, Str, choice

if TYPE_CHECKING:
    from compiler.runtime.data.archive import Arrays
    from compiler.runtime.data.dataset import Array

NEEDED = "there must be x and y, or x_train and y_train with or without x_val, y_val and x_test, y_test"
_INPUTS = "with several inputs each stands in an array of its own: x.NAME, or x_train.NAME"


class ArraySettings(DataSettings):
    """Abstract: arrays `x` (N, ...) and `y` (N,), or `x_train`, `y_train` with given `_val` and `_test` or without.

    With several inputs (a mapping in `input_shape`) the arrays are `x.NAME`, `x_train.NAME`, .... An array `classes`
    of text names the classes. For regression `y` is (N,) or (N, K), for multilabel 0 or 1 of shape (N, K), and
    `classes` says K.

    Inputs too large to be kept in memory, by `memory`, stay where they are in their file, which is mapped; compressed
    ones are unpacked to the cache first.

    Fields:
        cache: the folder for what is unpacked.
    """

    task: Annotated[Task, choice("multiclass", "binary", "multilabel", "regression")] = "multiclass"
    cache: Str = CACHE

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        yield from class_problems(self, "task: regression, if 'y' holds targets")

    @abstractmethod
    def open(self, blame: Blame) -> Arrays | None:
        """The arrays, not read yet; None where `blame` was told why not."""

    def read(self, blame: Blame) -> Rows | None:
        arrays = self.open(blame)
        parts = self._parts(arrays, blame) if arrays else None
        return Rows(self._class_names(arrays, blame), parts) if arrays and parts else None

    def _parts(self, arrays: Arrays, blame: Blame) -> dict[str, Part] | None:
        whole, given = "y" in arrays.names, "y_train" in arrays.names
        if whole == given:
            has = "both 'y' and 'y_train'" if whole else "neither 'y' nor 'y_train'"
            message = f"{str(arrays.path)!r} has {has} (it has {_listed(arrays.names)})"
            blame("E702", message, "path", hint=NEEDED)
            return None
        suffixes = {"all": ""} if whole else {"train": "_train"}
        if given:
            suffixes |= {part: f"_{part}" for part in ("val", "test") if _has(arrays, f"_{part}")}
        wanted = [name for s in suffixes.values() for name in (*(_x(s, inner) for inner in self.shapes), f"y{s}")]
        read = {name: self._read(arrays, name, blame) for name in wanted}
        found = {name: array for name, array in read.items() if array is not None}
        if len(found) < len(read):
            return None
        return {
            part: Part({name: found[_x(suffix, name)] for name in self.shapes}, found[f"y{suffix}"], suffix)
            for part, suffix in suffixes.items()
        }

    def _class_names(self, arrays: Arrays, blame: Blame) -> tuple[str, ...] | None:
        if "classes" not in arrays.names or self.task == "regression":
            return None
        array = self._read(arrays, "classes", blame)
        if array is None:
            return None
        names = tuple(str(name, "utf-8", "replace") if isinstance(name, bytes) else str(name) for name in array.ravel())
        if array.ndim != 1 or array.dtype.kind not in "US" or len(set(names)) < len(names):
            message = f"'classes' in {str(arrays.path)!r} must be a list of different names"
            blame("E702", f"{message} (got {array.dtype} of shape {array.shape})", "path")
        return names

    def _read(self, arrays: Arrays, name: str, blame: Blame) -> Array | None:
        if name not in arrays.names:
            message = f"{str(arrays.path)!r} has no array {name!r} (it has {_listed(arrays.names)})"
            blame("E702", message, "path", hint=_INPUTS if "." in name else NEEDED)
            return None
        try:
            if not name.startswith("x") or self.keeps(arrays.nbytes(name)):
                return arrays.read(name)
            array = arrays.mapped(name)
            return self._unpacked(arrays, name, blame) if array is None else array
        except Unreadable as error:
            blame(error.code, f"{str(arrays.file(name))!r} {error}", "path", hint=error.hint)
            return None

    def _unpacked(self, archive: Arrays, name: str, blame: Blame) -> Array | None:
        """A compressed array, from a file that it has been unpacked to."""
        from compiler.runtime.data.archive import Archive, NpyFiles
        from compiler.runtime.data.cache import cached

        assert isinstance(archive, Archive), "nothing else is compressed"
        stat = archive.path.stat()
        folder = cached(
            user_path(self.cache),
            archive.path.stem,
            {"file": str(archive.path.resolve()), "array": name},
            f"{stat.st_size} bytes at {stat.st_mtime_ns}",
            lambda folder: archive.extract(name, folder / "array.npy"),
            blame,
        )
        return NpyFiles(folder, {name: folder / "array.npy"}).mapped(name) if folder else None


def _x(suffix: str, name: str) -> str:
    return f"x{suffix}.{name}" if name else f"x{suffix}"


def _has(arrays: Arrays, suffix: str) -> bool:
    return any(name in (f"x{suffix}", f"y{suffix}") or name.startswith(f"x{suffix}.") for name in arrays.names)


def _listed(names: tuple[str, ...]) -> str:
    some = ", ".join(repr(name[:40]) for name in names[:8])
    return f"{some}, ..." if len(names) > 8 else some or "no arrays"
