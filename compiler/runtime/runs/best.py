"""The best of many runs: by a field, so many in all or of each group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from compiler.runtime.runs.entry import MISSING
from compiler.runtime.runs.where import HasFields

Mode = Literal["min", "max"]
F = TypeVar("F", bound=HasFields)

LARGER = frozenset((
    "acc", "accuracy", "auc", "f1", "macro_f1", "macrof1", "precision", "r2", "recall", "roc_auc", "top_k_accuracy",
))  # fmt: skip
SMALLER = frozenset((
    "brier", "cross_entropy", "log_loss", "logloss", "loss", "mae", "mape", "mean_absolute_error", "mse", "rmse",
    "root_mean_squared_error",
))  # fmt: skip
"""Metrics of which less is better; of `LARGER` more. Held against those of trainings and of ensembles by a test: to ask
their classes would take as long as to read the runs."""

_SIZES = ("model.", "timings.")


def mode_of(field: str) -> Mode | None:
    """Whether less or more of a field is better; None where that is not known.

    >>> mode_of("val.log_loss"), mode_of("val.top_5_accuracy"), mode_of("model.params"), mode_of("seeds.train")
    ('min', 'max', 'min', None)
    """
    if field.startswith(_SIZES):
        return "min"
    split, _, metric = field.partition(".")
    steps = metric.split("_")
    plain = "_".join(["top_k", *steps[2:]] if steps[0] == "top" else steps)
    if split not in ("val", "train"):
        return None
    return "max" if plain in LARGER or metric.startswith("f1_") else "min" if plain in SMALLER else None


@dataclass(frozen=True, slots=True)
class Best:
    """Which runs are the best.

    Attributes:
        by: the field that they are compared by; a run without it, or in which it is no number, is none of them.
        k: how many; None for all.
        per: the fields by which they are grouped: `k` of each group.
        mode: whether less or more is better.
    """

    by: str
    k: int | None
    per: tuple[str, ...]
    mode: Mode

    def of(self, runs: Sequence[F]) -> tuple[F, ...]:
        """The best first; equals in the order they are given in. A run without a field of `per` is in no group."""
        ranked = sorted((run for run in runs if _is_number(run.get(self.by))), key=self._cost)
        taken: dict[str, int] = {}
        found: list[F] = []
        for run in ranked:
            group = [run.get(name) for name in self.per]
            if MISSING in group:
                continue
            key = repr(group)  # a list is a value too
            taken[key] = taken.get(key, 0) + 1
            if self.k is None or taken[key] <= self.k:
                found.append(run)
        return tuple(found)

    def _cost(self, run: HasFields) -> float:
        value: object = run.get(self.by)
        assert isinstance(value, (int, float)), "others are left out"
        return value if self.mode == "min" else -value


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # pyright: ignore[reportArgumentType]  # told by its type
