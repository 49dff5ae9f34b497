"""Predictions as a file: CSV or Parquet with a column for each class, or NumPy's arrays."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.training import Task

_CHUNK = 65_536  # rows that become text at a time


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What a model says about rows.

    Attributes:
        ids: what the rows are called, (N,).
        predictions: float32 (N, C) probabilities of classes, (N, K) of labels, or (N, K) values.
        names: of the columns: classes, labels, or targets where these have names.
    """

    task: Task
    ids: NDArray[Any]
    predictions: NDArray[np.float32]
    names: tuple[str, ...]

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """By name: `row`, `class` where there is one, `p.NAME`; for regression `value.NAME`, `value.0` or `value`."""
        values = self.predictions.T
        if self.task != "regression":
            names = [f"p.{name}" for name in self.names]
        elif self.names or len(values) > 1:
            names = [f"value.{name}" for name in self.names or range(len(values))]
        else:
            names = ["value"]
        likeliest: dict[str, NDArray[Any]] = {}
        if self.task in ("multiclass", "binary"):
            likeliest["class"] = np.asarray(self.names)[self.predictions.argmax(axis=1)]
        return {"row": self.ids, **likeliest, **dict(zip(names, values, strict=True))}


def write_csv(predicted: Predicted, path: Path) -> None:
    """Comma-separated UTF-8; numbers are the shortest text that float32 reads back."""
    columns = predicted.columns
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for first in range(0, len(predicted.ids), _CHUNK):
            writer.writerows(zip(*(_text(values[first : first + _CHUNK]) for values in columns.values()), strict=True))


def _text(values: NDArray[Any]) -> Sequence[Any]:
    return values.astype(str).tolist() if values.dtype.kind == "f" else values.tolist()


def write_npz(predicted: Predicted, path: Path) -> None:
    """`predictions` (N, C) or (N, K), `rows` (N,), and the names of the columns: `classes`, or `targets`."""
    arrays: dict[str, Any] = {"predictions": predicted.predictions, "rows": predicted.ids}
    if predicted.names:
        arrays["targets" if predicted.task == "regression" else "classes"] = np.asarray(predicted.names)
    np.savez(path, allow_pickle=False, **arrays)


def write_parquet(predicted: Predicted, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(predicted.columns), path)


WRITERS: Mapping[str, Any] = {".csv": write_csv, ".npz": write_npz, ".parquet": write_parquet}
"""By the ending of the file's name."""
