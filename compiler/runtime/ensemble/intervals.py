"""How sure one may be of a measure, and that one model is better than another on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.training.losses import Task

Array = NDArray[Any]
Values = NDArray[np.float64]

LEVEL = 0.95
_CHUNK = 400_000  # counts at a time: 3 MB, which a core's cache holds


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, and where it may be.

    Attributes:
        estimate: on the rows themselves.
        low, high: the ends; None without draws.
    """

    estimate: float
    low: float | None
    high: float | None
    level: float = LEVEL

    @property
    def sure(self) -> bool:
        """Whether zero lies outside: for a gain, that there is one (or a loss) at this level."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def as_json(self) -> dict[str, float | None]:
        """For `run.json`, which has no NaN."""
        estimate = self.estimate if isfinite(self.estimate) else None
        return {"estimate": estimate, "low": self.low, "high": self.high, "level": self.level}


@dataclass(frozen=True, eq=False)
class Resampled:
    """Measures of several models on the same rows, and on the same bootstrap draws of them.

    Attributes:
        values: of each model on the rows.
        drawn: for each model (draws,), one measure for each draw; the n-th draw is the same for all models.
    """

    objective: Objective
    values: Mapping[str, float]
    drawn: Mapping[str, Values]

    def value(self, name: str, level: float = LEVEL) -> Interval:
        """The measure of a model with its interval."""
        return _interval(self.values[name], self.drawn[name], level)

    def gain(self, name: str, over: str, level: float = LEVEL) -> Interval:
        """By how much `name` is better than `over`: positive where it is, whatever the objective's direction."""
        sign = 1 if self.objective.best == "max" else -1
        difference = self.values[name] - self.values[over]
        return _interval(sign * difference, sign * (self.drawn[name] - self.drawn[over]), level)


def resample(
    objective: Objective, said: Mapping[str, Array], labels: Array, task: Task, draws: int = 2000, seed: int = 0
) -> Resampled:
    """Measure models on bootstrap draws of the rows: the paired percentile bootstrap (Efron and Tibshirani 1993, An
    Introduction to the Bootstrap, chapter 13). With the same seed the draws are those of `scipy.stats.bootstrap`.

    Args:
        said: of each model, predictions (N, C) of the same rows.
        labels: as in `Pool`.
        draws: of N rows with replacement; 0 for none.
    """
    measures = {name: objective.resampled(one, labels, task) for name, one in said.items()}
    parts: dict[str, list[Values]] = {name: [] for name in said}
    for counts in _counts(len(labels), draws, seed):
        for name, measure in measures.items():
            parts[name].append(measure(counts))
    values = {name: objective.value(one, labels, task) for name, one in said.items()}
    return Resampled(objective, values, {name: np.concatenate([np.empty(0), *each]) for name, each in parts.items()})


def _counts(rows: int, draws: int, seed: int) -> Iterator[Values]:
    """How often each row is in each draw, (B, N), for all draws in turn."""
    generator = np.random.default_rng(seed)
    most = max(1, _CHUNK // rows)
    for start in range(0, draws, most):
        size = min(most, draws - start)
        taken = generator.integers(0, rows, (size, rows))
        taken += np.arange(size)[:, None] * rows
        yield np.bincount(taken.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def _interval(estimate: float, drawn: Values, level: float) -> Interval:
    known = drawn[~np.isnan(drawn)]  # an AUC of a draw that has rows of one class only is not known
    if not len(known):
        return Interval(float(estimate), None, None, level)
    low, high = np.percentile(known, [50 * (1 - level), 50 * (1 + level)])
    return Interval(float(estimate), float(low), float(high), level)


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test of two models' accuracies on the same rows (1947, Psychometrika 12(2), page 153).

    Attributes:
        gained: rows that the first has right and the second wrong.
        lost: rows the other way round.
        exact: two-sided p of the binomial test, which is conservative.
        mid: two-sided mid-p, which is not (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91).
    """

    gained: int
    lost: int
    exact: float
    mid: float

    def as_json(self) -> dict[str, float]:
        """For `run.json`."""
        return {"gained": self.gained, "lost": self.lost, "exact_p": self.exact, "mid_p": self.mid}


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Compare two models by which rows they have right, (N,) each, as `right` gives them."""
    from scipy.special import bdtr

    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    both, fewer = gained + lost, min(gained, lost)
    upto = float(bdtr(fewer, both, 0.5)) if both else 1.0
    below = float(bdtr(fewer - 1, both, 0.5)) if fewer else 0.0
    return McNemar(gained, lost, min(1.0, 2 * upto), min(1.0, upto + below))


def right(said: Array, labels: Array, task: Task) -> NDArray[np.bool_]:
    """Which rows a model has right, (N,): the likeliest class is the label; for `multilabel`, all labels of the row."""
    if task == "multilabel":
        return ((said >= 0.5) == (labels > 0)).all(axis=1)
    return said.argmax(axis=1) == labels
