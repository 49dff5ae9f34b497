"""From columns to features: what was fitted on the training rows, applied to any rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from compiler.runtime.data.dataset import Input, Inputs
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.data.tables.table import Table, Values

Fitted = Mapping[str, Any]
"""What `fit` gives for one column, in JSON's values."""


def width(column: Fitted) -> int:
    """How many features a column becomes."""
    if column["type"] == "numeric":
        return 1 + column["indicator"]
    if column["encode"] == "codes":
        return 1
    return len(column["categories"]) + column["other"] + column["missing"]


def size(column: Fitted) -> int:
    """How many codes a column with `encode: codes` has: 0 for what is rare or new, then its categories, then holes."""
    return 1 + len(column["categories"]) + column["missing"]


def features(
    table: Table, rows: NDArray[np.int64], names: list[str], columns: Mapping[str, Fitted]
) -> NDArray[np.float32]:
    """The features of `rows` of some columns, float32 (len(rows), F), side by side in the order of `names`.

    A number is filled where it is missing, then centred and scaled in float64; its indicator is 1 where it was missing.
    A category is one-hot (its categories, then one for rare ones where training had some, then one for holes where it
    had some; a new one is rare, or all zeros), or its code.
    """
    out = np.zeros((len(rows), sum(width(columns[name]) for name in names)), np.float32)
    at = 0
    for name in names:
        column = columns[name]
        part = out[:, at : at + width(column)]
        at += width(column)
        if column["type"] == "numeric":
            _put_numbers(table.numbers(name)[rows], column, part)
        else:
            _put_categories(table.columns[name].take(rows), column, part)
    return out


def _put_numbers(found: NDArray[np.float64], column: Fitted, out: NDArray[np.float32]) -> None:
    holes = np.isnan(found)
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, and is reported
        out[:, 0] = (np.where(holes, column["fill"], found) - column["centre"]) / column["scale"]
    if column["indicator"]:
        out[:, 1] = holes


def _put_categories(values: Values, column: Fitted, out: NDArray[np.float32]) -> None:
    categories = column["categories"]
    codes = codes_of(values, column)
    if column["encode"] == "codes":
        out[:, 0] = codes
        return
    place = np.full(size(column) + 1, -1)  # where the 1 of each code goes; nowhere where it is -1
    place[1 : len(categories) + 1] = np.arange(len(categories))
    if column["other"]:
        place[0] = len(categories)
    if column["missing"]:
        place[len(categories) + 1] = len(categories) + column["other"]
    where = place[codes]
    rows = np.flatnonzero(where >= 0)
    out[rows, where[rows]] = 1


def codes_of(values: Values, column: Fitted) -> NDArray[np.int64]:
    """Codes (N,): 0 for what is rare or new, and for holes where training had none."""
    texts = values.texts(folded=column["type"] == "text")
    codes = pd.Index(column["categories"], dtype="str").get_indexer(pd.Index(texts)).astype(np.int64) + 1
    codes[values.missing] = len(column["categories"]) + 1 if column["missing"] else 0
    return codes


def encoded(table: Table, rows: NDArray[np.int64], fitted: Mapping[str, Any], lazy: bool) -> Inputs:
    """The features of `rows` by input; the one of a single input is not in a mapping."""
    columns = fitted["columns"]
    made: dict[str, Input] = {}
    for name, names in fitted["inputs"].items():
        make = EncodedRows if lazy else features
        made[name] = make(table, rows, names, columns)
    single = made.get("")
    return made if single is None else single


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRows(LazyRows):
    """`features`, when its rows are asked for.

    Attributes:
        rows: which of the table.
    """

    table: Table
    rows: NDArray[np.int64]
    names: list[str]
    columns: Mapping[str, Fitted]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), sum(width(self.columns[name]) for name in self.names))

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return features(self.table, self.rows[rows], self.names, self.columns)
