"""From target columns to labels: which task they are for, the names of their classes, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.dataset import Array
from compiler.runtime.data.source import Blame, Task
from compiler.runtime.data.tables.settings import TableSettings
from compiler.runtime.data.tables.table import Table

MOST_CLASSES = 20
"""So many different whole numbers are still taken for classes, where the task is not said."""

_SHOWN = 5
_YES = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What is predicted.

    Attributes:
        y: class numbers int64 (N,), labels 0 or 1 (N, K), or float64 targets (N,) or (N, K).
        names: of the classes or labels; None for regression.
    """

    task: Task
    y: Array
    names: tuple[str, ...] | None


def task_of(settings: TableSettings, table: Table) -> Task:
    """The task that the content of the target columns suggests."""
    if settings.label_separator is not None:
        return "multilabel"
    numbers = [table.numbers(name) for name in settings.target]
    found = [~table.columns[name].missing for name in settings.target]
    numeric = all(np.isfinite(values[there]).all() for values, there in zip(numbers, found, strict=True))
    if len(numbers) > 1:
        labels = all(
            set(_words(table, name, there)) <= set(_YES) for name, there in zip(settings.target, found, strict=True)
        )
        return "multilabel" if labels else "regression"
    values = numbers[0][found[0]]
    if numeric and not (len(np.unique(values)) <= MOST_CLASSES and (values == np.floor(values)).all()):
        return "regression"
    kinds = len(np.unique(values)) if numeric else table.columns[settings.target[0]].texts()[found[0]].nunique()
    return "binary" if kinds == 2 else "multiclass"


def target_of(
    settings: TableSettings, table: Table, task: Task, key: str, blame: Blame, names: Sequence[str] | None = None
) -> Target | None:
    """The target of every row of `table`.

    Args:
        key: of the configuration that gives the file.
        names: of the classes or labels, where they are known; others are then faults.

    Returns:
        None where `blame` was told why not: E705.
    """
    if settings.label_separator is None and not _complete(settings, table, blame):
        return None
    if task == "regression":
        return _values(settings, table, blame)
    if task == "multilabel":
        one = settings.label_separator is not None
        return _separated(settings, table, blame, names) if one else _marked(settings, table, blame)
    if len(settings.target) > 1:
        message = f"a {task} task has one target, but 'target' names {len(settings.target)} columns"
        blame("E705", message, "target", hint="task: multilabel for columns of 0 and 1, task: regression for values")
        return None
    return _classes(settings, table, task, key, blame, names)


def _complete(settings: TableSettings, table: Table, blame: Blame) -> bool:
    good = True
    for name in settings.target:
        rows = np.flatnonzero(table.columns[name].missing)
        if len(rows):
            message = f"the target {name!r} is missing in {rows_said(rows)}"
            blame(
                "E705", message, "target", hint="take these rows out of the file: there is nothing to learn from them"
            )
            good = False
    return good


def _values(settings: TableSettings, table: Table, blame: Blame) -> Target | None:
    columns = [table.numbers(name) for name in settings.target]
    good = True
    for name, column in zip(settings.target, columns, strict=True):
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            text = str(table.columns[name].content.iloc[int(bad[0])])
            message = f"the target {name!r} of a regression must be a number (got {text!r} in {rows_said(bad)})"
            blame("E705", message, "target", hint="task: multiclass, if it names classes")
            good = False
    y = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    return Target("regression", y, None) if good else None


def _classes(
    settings: TableSettings, table: Table, task: Task, key: str, blame: Blame, known: Sequence[str] | None
) -> Target | None:
    name = settings.target[0]
    numbers = table.numbers(name)
    texts = table.columns[name].texts()
    if np.isfinite(numbers).all():  # 1 and 1.0 are one class, and 10 comes after 9
        values, codes = np.unique(numbers, return_inverse=True)
        names = [str(int(value)) if value == int(value) else repr(float(value)) for value in values]
    else:
        names = sorted(texts.unique().tolist())
        codes = np.searchsorted(np.asarray(names, object), texts.to_numpy(object))
    if known is not None:
        number = {name: i for i, name in enumerate(known)}
        strange = [i for i, found in enumerate(names) if found not in number]
        if strange:
            rows = np.flatnonzero(np.isin(codes, strange))
            message = f"{names[strange[0]]!r} in {rows_said(rows)} is no class of the training rows"
            blame("E705", message, key, hint=f"they have {_listed(known)}")
            return None
        return Target(task, np.asarray([number[found] for found in names], np.int64)[codes], tuple(known))
    if task == "multiclass" and np.isfinite(numbers).all() and not (numbers == np.floor(numbers)).all():
        blame(
            "E705",
            f"the target {name!r} has numbers with fractions, which are no classes",
            "target",
            hint="task: regression",
        )
        return None
    if len(names) < 2 or (task == "binary" and len(names) != 2):
        kinds = f"{len(names)} different value{'s' if len(names) != 1 else ''} ({_listed(names)})"
        wanted = "two" if task == "binary" else "at least two"
        hint = "task: multiclass" if len(names) > 2 else "another target: there is nothing to tell apart"
        blame("E705", f"a {task} task needs {wanted} classes, but the target {name!r} has {kinds}", "target", hint=hint)
        return None
    return Target(task, codes.astype(np.int64), tuple(names))


def _marked(settings: TableSettings, table: Table, blame: Blame) -> Target | None:
    """Labels in a column each, with 0 or 1."""
    columns: list[NDArray[np.int64]] = []
    for name in settings.target:
        texts = table.columns[name].texts().str.lower()
        marks = texts.map(_YES)
        bad = np.flatnonzero(marks.isna().to_numpy())
        if len(bad):
            message = f"the label {name!r} must be 0 or 1 (got {texts.iloc[int(bad[0])]!r} in {rows_said(bad)})"
            hint = "label_separator, if one column lists several labels" if len(settings.target) == 1 else None
            blame("E705", message, "target", hint=hint)
        else:
            columns.append(marks.to_numpy(np.int64))
    return (
        Target("multilabel", np.stack(columns, axis=1), settings.target)
        if len(columns) == len(settings.target)
        else None
    )


def _separated(settings: TableSettings, table: Table, blame: Blame, known: Sequence[str] | None) -> Target | None:
    """Labels that one column lists, none where it is empty."""
    name, separator = settings.target[0], str(settings.label_separator)
    column = table.columns[name]
    listed = [[label.strip() for label in text.split(separator) if label.strip()] for text in column.texts().tolist()]
    names = tuple(known) if known is not None else tuple(sorted({label for labels in listed for label in labels}))
    if not names:
        blame("E705", f"the target {name!r} lists no label in any row", "target")
        return None
    number = {label: i for i, label in enumerate(names)}
    y = np.zeros((len(listed), len(names)), np.int64)
    for row, labels in enumerate(listed):
        for label in labels:
            if label not in number:
                blame("E705", f"{label!r} in row {row} is no label of the training rows", "target", hint=_listed(names))
                return None
            y[row, number[label]] = 1
    return Target("multilabel", y, names)


def _words(table: Table, name: str, there: NDArray[np.bool_]) -> list[str]:
    return table.columns[name].texts()[there].str.lower().unique().tolist()


def rows_said(rows: NDArray[np.int64]) -> str:
    """Rows in words: `row 3`, or `3 rows: 3, 5, 8`.

    >>> rows_said(np.array([3])), rows_said(np.arange(1200))
    ('row 3', '1,200 rows: 0, 1, 2, 3, 4, ...')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    return f"{len(rows):,} rows: {', '.join(str(row) for row in rows[:_SHOWN])}{', ...' if len(rows) > _SHOWN else ''}"


def _listed(names: Sequence[str]) -> str:
    some = ", ".join(repr(name[:40]) for name in names[:8])
    return f"{some}, ..." if len(names) > 8 else some
