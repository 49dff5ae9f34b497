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
        class_names: of the columns; empty for regression.
    """

    task: Task
    ids: NDArray[Any]
    predictions: NDArray[np.float32]
    class_names: tuple[str, ...]

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """By name: `row`, `class` where there is one, then `p.NAME` each, or `value`, or `value.0`, `value.1`, ...."""
        values = self.predictions.T
        if self.task == "regression":
            names = ["value"] if len(values) == 1 else [f"value.{i}" for i in range(len(values))]
        else:
            names = [f"p.{name}" for name in self.class_names]
        likeliest: dict[str, NDArray[Any]] = {}
        if self.task in ("multiclass", "binary"):
            likeliest["class"] = np.asarray(self.class_names)[self.predictions.argmax(axis=1)]
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
    """`predictions` (N, C) or (N, K), `rows` (N,), and `classes` where there are any."""
    arrays: dict[str, Any] = {"predictions": predicted.predictions, "rows": predicted.ids}
    if predicted.class_names:
        arrays["classes"] = np.asarray(predicted.class_names)
    np.savez(path, allow_pickle=False, **arrays)


def write_parquet(predicted: Predicted, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(predicted.columns), path)


WRITERS: Mapping[str, Any] = {".csv": write_csv, ".npz": write_npz, ".parquet": write_parquet}
"""By the ending of the file's name."""
