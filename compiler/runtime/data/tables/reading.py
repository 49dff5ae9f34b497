"""From files to rows: which columns are features, and which are targets, ids and groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compiler.errors import did_you_mean
from compiler.runtime.data.dataset import Array, Inputs
from compiler.runtime.data.new_rows import NewRows
from compiler.runtime.data.source import Blame, Part, Rows, Task
from compiler.runtime.data.tables.encode import encoded
from compiler.runtime.data.tables.settings import TableSettings
from compiler.runtime.data.tables.table import Table
from compiler.runtime.data.tables.targets import Target, rows_said, target_of


@dataclass(frozen=True, slots=True, eq=False)
class TablePart(Part):
    """Rows of a table: its features are in `table`, its targets in `target`, and `x` is empty.

    Attributes:
        classes: names of the classes or labels.
    """

    table: Table = field(default_factory=lambda: Table({}))
    target: Table = field(default_factory=lambda: Table({}))
    classes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What gives the file in the configuration."""
        return f"{self.suffix[1:]}_path" if self.suffix else "path"

    def fingerprint(self, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> str:
        return self.table.fingerprint(ids, rows)


def read_tables(settings: TableSettings, task: Task, blame: Blame) -> Rows | None:
    """The rows of all files; None where `blame` was told why not: E701, E702, E705, E707, E721, E722."""
    tables = {part: (key, settings.opened(path, blame, key)) for part, (key, path) in settings.files.items()}
    found = {part: (key, table) for part, (key, table) in tables.items() if table is not None}
    if len(found) < len(tables) or not _all(_check_names(settings, table, blame) for _, table in found.values()):
        return None
    first, *others = found
    parts: dict[str, TablePart] = {}
    names: tuple[str, ...] | None = None
    for part in (first, *others):
        key, table = found[part]
        target = target_of(settings, table, task, key, blame, names)
        features = table if part == first else _like(found[first][1], table, settings, key, blame)
        if target is None or features is None:
            return None
        names = target.names
        parts[part] = _part(settings, table, features, target, part, blame)
    ids = [part.ids for part in parts.values() if part.ids is not None]
    if ids and not _check_ids(settings, np.concatenate(ids), blame):
        return None
    return Rows(names, cast("Mapping[str, Part]", parts))


def features_of(settings: TableSettings, table: Table) -> list[str]:
    """The columns that are no target, id or group, in the order of the file."""
    others = {*settings.target, settings.id, settings.group}
    return [name for name in table.columns if name not in others]


def new_table_rows(
    settings: TableSettings, path: Path, fitted: Mapping[str, Any], blame: Blame, *, labels: bool
) -> NewRows | None:
    """Rows of a file that came after the training; columns that the training had not are left out.

    Args:
        fitted: what the training's `Dataset.fitted` was.

    Returns:
        None where `blame` was told why not: E701, E702, E705, E707, E721, E722.
    """
    table = settings.opened(str(path), blame, "path")
    if table is None:
        return None
    wanted = [*fitted["columns"], *(settings.target if labels else ())]
    if not _all_there(wanted, table, blame, "path"):
        return None
    target = None
    if labels:
        target = target_of(settings, table, cast("Task", fitted["task"]), "path", blame, fitted["classes"] or None)
    if (labels and target is None) or not check_numbers(fitted["columns"], table, "path", blame):
        return None
    rows = np.arange(len(table), dtype=np.int64)
    ids = _whole_numbers(table, settings.id) if settings.id in table.columns else None
    return NewRows(
        x=encoded(table, rows, fitted, lazy=False),
        y=None if target is None else _typed(target),
        ids=rows if ids is None else ids,
        class_names=None if target is None else target.names,
    )


def place_of(part: TablePart, name: str, settings: TableSettings) -> tuple[str, ...]:
    """Where a fault of a column is reported: at what is said of it, else at its file."""
    return ("columns", name) if name in settings.columns else (part.key,)


def prepared_rows(
    part: TablePart, rows: NDArray[np.int64], fitted: Mapping[str, Any], lazy: bool, blame: Blame
) -> Inputs:
    """The features of `rows`; E722 and E704 where a file of its own for `val` or `test` has what training had not."""
    if part.suffix in ("", "_train") or check_numbers(fitted["columns"], part.table, part.key, blame):
        x = encoded(part.table, rows, fitted, lazy)
        for name, made in x.items() if isinstance(x, Mapping) else (("", x),):
            if isinstance(made, np.ndarray) and not np.isfinite(made).all():
                bad = rows[~np.isfinite(made).all(axis=1)]
                where = f"of input {name!r} " if name else ""
                blame(
                    "E704",
                    f"features {where}are beyond float32 in {rows_said(bad)}",
                    part.key,
                    hint="scale: robust, or drop the column",
                )
        return x
    return np.zeros((len(rows), 0), np.float32)


def check_numbers(columns: Mapping[str, Mapping[str, Any]], table: Table, key: str, blame: Blame) -> bool:
    """Report E722 where a numeric column holds something that is no number; whether all are right."""
    good = True
    for name, column in columns.items():
        if column["type"] != "numeric":
            continue
        values = table.columns[name]
        bad = np.flatnonzero(np.isnan(table.numbers(name)) & ~values.missing)
        if len(bad):
            text = str(values.content.iloc[int(bad[0])])[:40]
            message = f"the numeric column {name!r} has {text!r} in {rows_said(bad)}"
            hint = f"rows count from 0; na: [..., {text}], if it stands for a missing value; or "
            hint += f"columns: {{{name}: categorical}}"
            blame("E722", message, key, hint=hint)
            good = False
    return good


def _typed(target: Target) -> Array:
    return target.y.astype(np.float32 if target.task == "regression" else np.int64)


def _check_names(settings: TableSettings, table: Table, blame: Blame) -> bool:
    """E721: every column that the configuration names is there."""
    named = [("target", name) for name in settings.target]
    named += [(key, name) for key in ("id", "group") if (name := getattr(settings, key)) is not None]
    good = [_is_there(name, table, blame, key) for key, name in named]
    good += [_is_there(name, table, blame, "columns", name) for name in settings.columns]
    for key, columns in (settings.inputs or {}).items():
        good += [_is_there(name, table, blame, "inputs", key) for name in columns]
    if all(good) and not features_of(settings, table):
        blame("E721", "there is no column besides target, id and group: nothing enters the model", "target")
        return False
    return all(good)


def _is_there(name: str, table: Table, blame: Blame, *path: str) -> bool:
    if name in table.columns:
        return True
    listed = ", ".join(repr(column[:30]) for column in list(table.columns)[:8])
    few = f"it has {listed}{', ...' if len(table.columns) > 8 else ''}"
    hint = did_you_mean(name, table.columns) or few
    only = next(iter(table.columns))
    if len(table.columns) == 1 and (other := next((sign for sign in ";\t|," if sign in only), None)):
        hint = f"the whole header is one column, {only[:40]!r}: separator: {other!r}"
    blame("E721", f"there is no column {name!r}", *path, hint=hint)
    return False


def _all(found: Iterable[bool]) -> bool:
    """Whether all are true; all are looked at, since each reports a fault of its own."""
    return all(list(found))


def _all_there(names: list[str], table: Table, blame: Blame, key: str) -> bool:
    return _all(_is_there(name, table, blame, key) for name in names)


def _like(first: Table, table: Table, settings: TableSettings, key: str, blame: Blame) -> Table | None:
    """`table` with the columns of `first`, in their order."""
    wanted = features_of(settings, first)
    return table if _all_there(wanted, table, blame, key) else None


def _part(settings: TableSettings, table: Table, features: Table, target: Target, part: str, blame: Blame) -> TablePart:
    groups = None
    if settings.group is not None:
        numbers = table.numbers(settings.group)
        named = numbers if np.isfinite(numbers).all() else table.columns[settings.group].texts().to_numpy(object)
        groups = np.unique(named, return_inverse=True)[1]
    return TablePart(
        x={},
        y=target.y,
        suffix="" if part == "all" else f"_{part}",
        groups=groups,
        ids=None if settings.id is None else _whole_numbers(table, settings.id),
        table=features.select(features_of(settings, features)),
        target=table.select(settings.target),
        classes=target.names or (),
    )


def _whole_numbers(table: Table, name: str | None) -> NDArray[np.int64] | None:
    """A column of whole numbers as int64 (N,); None where it has others: such ids name nothing here."""
    values = table.columns[str(name)]
    if values.missing.any():
        return None
    try:
        if values.is_text:
            return np.asarray([int(text) for text in values.content.tolist()], np.int64)
        numbers = values.content.to_numpy()
        return numbers.astype(np.int64) if np.array_equal(numbers, np.floor(numbers)) else None
    except (ValueError, OverflowError):
        return None


def _check_ids(settings: TableSettings, ids: NDArray[np.int64], blame: Blame) -> bool:
    unique, counts = np.unique(ids, return_counts=True)
    twice = unique[counts > 1]
    if len(twice):
        message = (
            f"the ids of the rows in {settings.id!r} must differ, but {twice[0]} is there {counts[counts > 1][0]} times"
        )
        others = f" ({len(twice):,} such ids)" if len(twice) > 1 else ""
        blame("E722", message + others, "id", hint="id: null numbers the rows by their place in the file")
    return not len(twice)
