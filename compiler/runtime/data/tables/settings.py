"""The keys of every table, whatever its file is, and what becomes of its rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from compiler.errors import did_you_mean
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, DataSettings, Part, Rows, Task, Unreadable
from compiler.runtime.data.tables.columns import (
    ENCODES,
    IMPUTES,
    SCALES,
    Columns,
    Encode,
    Impute,
    InputColumns,
    Names,
    Scale,
    Texts,
    Usual,
)
from compiler.settings import Bool, MaybeStr, Number, PositiveInt, Problem, choice, is_str, rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compiler.runtime.data.dataset import Inputs
    from compiler.runtime.data.new_rows import NewRows
    from compiler.runtime.data.tables.table import Table

MaybeFile = Annotated[str | None, rule("the path of a file", is_str, schema={"type": "string"}, none=True)]
Sizes = Annotated[dict[str, int], rule("auto", lambda value: isinstance(value, Mapping), schema={}, convert=dict)]


class TableSettings(DataSettings):
    """Abstract: a table with named columns.

    `input_shape`, `classes`, `task` and `sizes` may be `auto`: the file then says them, before the model is looked at.

    Fields:
        path: the file, whose rows are split; or `train_path` with `test_path`, `val_path` or both.
        target: the column to predict, or several: labels of a multilabel task, targets of a regression.
        label_separator: of several labels in one column, as in `red|round`.
        id: a column that names the rows; whole numbers become their ids.
        group: a column whose equal values must not be torn apart by splits and folds.
        columns: types, by name, and how single columns are prepared; what is not named goes by its content.
        inputs: which columns enter each of several inputs; null makes one input of all.
        sizes: for `${data.sizes.NAME}` in model files, how many codes a column with `encode: codes` has.
        scale, impute, fill, indicator: what becomes of numbers. `indicator` adds a feature that is 1 where one was
            missing, for columns with holes in the training rows.
        encode, min_count: what becomes of categories; those with fewer training rows are pooled.
        na: what stands for a missing value.
    """

    auto: ClassVar[Mapping[str, object]] = {
        "input_shape": [1], "classes": 2, "task": "multiclass", "sizes": {}
    }  # fmt: skip
    suffixes: ClassVar[tuple[str, ...]]

    task: Annotated[Task, choice("multiclass", "binary", "multilabel", "regression")] = "multiclass"
    path: MaybeFile = None
    train_path: MaybeFile = None
    val_path: MaybeFile = None
    test_path: MaybeFile = None
    target: Names
    label_separator: MaybeStr = None
    id: MaybeStr = None
    group: MaybeStr = None
    columns: Columns = {}  # noqa: RUF012  # pydantic copies it
    inputs: InputColumns = None
    sizes: Sizes = {}  # noqa: RUF012  # pydantic copies it
    scale: Annotated[Scale, SCALES] = "standard"
    impute: Annotated[Impute, IMPUTES] = "median"
    fill: Number = 0.0
    indicator: Bool = False
    encode: Annotated[Encode, ENCODES] = "one_hot"
    min_count: PositiveInt = 1
    na: Texts = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")

    @property
    def usual(self) -> Usual:
        """How columns are prepared that say nothing of their own."""
        return Usual(**{name: getattr(self, name) for name in Usual.model_fields})

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(self.target)

    @property
    def files(self) -> dict[str, tuple[str, str]]:
        """(key, path) of each file by the part that it holds."""
        if self.path is not None:
            return {"all": ("path", self.path)}
        given = {"train": self.train_path, "val": self.val_path, "test": self.test_path}
        return {part: (f"{part}_path", path) for part, path in given.items() if path is not None}

    def check(self) -> Iterable[Problem]:
        yield from super().check()
        given = [key for key in ("train_path", "val_path", "test_path") if getattr(self, key) is not None]
        if self.path is None and self.train_path is None:
            hint = f"data.path=FILE{self.suffixes[0]}, or data.train_path with data.test_path"
            yield Problem(("path",), "E105", "there is no file: 'path' is null", hint)
        elif self.path is not None and given:
            message = f"'path' is one file for all rows, so there can be no {given[0]!r}"
            yield Problem((given[0],), "E107", message, f"train_path in the place of path, or {given[0]}: null")
        elif self.train_path is not None and len(given) == 1:
            yield Problem(("train_path",), "E107", "'train_path' needs 'test_path' or 'val_path'", "path, for one file")
        for key in ("size", "divide_by"):
            if getattr(self, key) is not None:
                yield Problem(
                    (key,), "E107", f"{key!r} must be null for tables", "scale: standard, minmax, robust or none"
                )
        if len(set(self.target)) < len(self.target):
            yield Problem(("target",), "E107", f"'target' names a column twice (got {', '.join(self.target)})")
        for key in ("id", "group"):
            if getattr(self, key) in self.target:
                yield Problem((key,), "E107", f"{key!r} cannot be the target")
        if self.label_separator is not None and len(self.target) > 1:
            yield Problem(("label_separator",), "E107", "'label_separator' divides one target column, not several")

    @abstractmethod
    def table(self, path: Path) -> Table:
        """The content of a file.

        Raises:
            Unreadable: it is not what its format asks for, damaged, or ambiguous.
        """

    def opened(self, path: str, blame: Blame, key: str) -> Table | None:
        """The table of a file; None where `blame` was told why not: E701, E702, E707."""
        from compiler.runtime.data.tables.table import held

        found = user_path(path)
        if is_folder(found):
            blame("E702", f"{str(found)!r} is a folder, not a file with a table", key)
            return None
        if not is_file(found):
            blame("E701", f"no file {str(found)!r}", key, hint=_nearby(found, self.suffixes))
            return None
        try:
            table = held(self, found)
        except Unreadable as error:
            blame("E702", f"{str(found)!r} {error}", key, hint=error.hint)
            return None
        if len(table) == 0:
            blame("E707", f"{str(found)!r} has no rows", key)
            return None
        return table

    def read(self, blame: Blame) -> Rows | None:
        from compiler.runtime.data.tables.reading import read_tables
        from compiler.runtime.data.tables.table import release

        rows = read_tables(self, self.task, blame)
        release()  # a training needs the file once
        return rows

    def settled(self, auto: frozenset[str], blame: Blame) -> dict[str, object] | None:
        from compiler.runtime.data.tables.settled import settled

        return settled(self, auto, blame)

    def fit(self, part: Part, rows: NDArray[Any], blame: Blame) -> Mapping[str, Any]:
        from compiler.runtime.data.tables.fit import fit
        from compiler.runtime.data.tables.reading import TablePart

        assert isinstance(part, TablePart), "a table has no other parts"
        return fit(self, part, rows, blame)

    def prepared(self, part: Part, rows: NDArray[Any], fitted: Mapping[str, Any], lazy: bool, blame: Blame) -> Inputs:
        from compiler.runtime.data.tables.reading import TablePart, prepared_rows

        assert isinstance(part, TablePart), "a table has no other parts"
        return prepared_rows(part, rows, fitted, lazy, blame)

    def new_rows(self, path: Path, fitted: Mapping[str, Any], blame: Blame, *, labels: bool) -> NewRows | None:
        from compiler.runtime.data.tables.reading import new_table_rows

        return new_table_rows(self, path, fitted, blame, labels=labels)


def _nearby(path: Path, suffixes: tuple[str, ...]) -> str:
    try:
        files = [found.name for found in path.parent.iterdir() if found.suffix in suffixes]
    except (OSError, ValueError):  # ValueError: a null byte
        return f"the folder {str(path.parent)!r} cannot be read either"
    close = did_you_mean(path.name, files)
    return close or "paths are relative to the folder that the command is started in"
