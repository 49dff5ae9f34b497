"""Columns that are seldom meant: they never change, they name the rows, or they give the target away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.source import Blame
from compiler.runtime.data.tables.encode import Fitted
from compiler.runtime.data.tables.reading import TablePart, place_of
from compiler.runtime.data.tables.settings import TableSettings
from compiler.runtime.data.tables.table import Table, Values

FEWEST_ROWS = 20
"""Fewer training rows can have what is suspected by chance."""


def suspect(
    settings: TableSettings, part: TablePart, rows: NDArray[np.int64], columns: Mapping[str, Fitted], blame: Blame
) -> None:
    """Report W723 for features of the training rows that tell nothing, or too much."""
    if len(rows) < FEWEST_ROWS:
        return
    train, target = part.table.take(rows, columns), part.target.take(rows)
    for name, column in columns.items():
        hint = f"columns: {{{name}: drop}}"
        values, place = train.columns[name], place_of(part, name, settings)
        leaked = next((other for other in target.columns if _equal(train, name, target, other)), None)
        if _is_constant(values):
            blame("W723", f"the column {name!r} is the same in all {len(rows):,} training rows", *place, hint=hint)
        elif leaked is not None:
            message = f"the column {name!r} tells the target {leaked!r} in all training rows: it gives the answer away"
            blame("W723", message, *place, hint=hint)
        elif column["type"] == "numeric" and _counts_rows(train.numbers(name)):
            message = (
                f"the column {name!r} counts the rows, as an id does: a number of its own in each, one after the other"
            )
            blame("W723", message, *place, hint=f"id: {name}, or {hint}")


def _is_constant(values: Values) -> bool:
    if values.missing.any():
        return False
    return bool(np.ptp(values.numbers) == 0 if values.is_numeric else values.content.nunique() == 1)


def _equal(train: Table, name: str, target: Table, other: str) -> bool:
    """Whether a feature is the target, or another name for it."""
    ours, theirs = train.columns[name], target.columns[other]
    if ours.missing.any() or theirs.missing.any():
        return False
    if ours.is_numeric and theirs.is_numeric:
        return bool(np.array_equal(ours.numbers, theirs.numbers))
    left, right = ours.texts(), theirs.texts()
    kinds = left.nunique()
    if kinds != right.nunique() or kinds == len(left):
        return False
    return len({*zip(left.tolist(), right.tolist(), strict=True)}) == kinds


def _counts_rows(numbers: NDArray[np.float64]) -> bool:
    """Whether whole numbers without gaps worth speaking of are all different."""
    if not np.isfinite(numbers).all() or not (numbers == np.floor(numbers)).all():
        return False
    unique = np.unique(numbers)
    return len(unique) == len(numbers) and unique[-1] - unique[0] < 2 * len(numbers)
