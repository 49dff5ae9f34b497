"""What weights are fitted to, by the names that `ensemble.objective` takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.training.losses import Task
from compiler.runtime.training.named import Named, snake

Array = NDArray[Any]
Measure = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From how often each of N rows is drawn, (B, N), to B measures."""

_PROBABILITIES: frozenset[Task] = frozenset[Task](("multiclass", "binary", "multilabel"))
EPSILON = 1e-15
"""What a likelihood counts for at least, as scikit-learn had it for float64."""


class Objective(Named, family="objective"):
    """Abstract: a measure of predictions against labels.

    Class attributes:
        tasks: those that it suits.
        best: whether larger or smaller is better.
    """

    tasks: ClassVar[frozenset[Task]]
    best: ClassVar[Literal["max", "min"]] = "min"

    @property
    def key(self) -> str:
        """Its name in a record's metrics."""
        return "macro_f1" if isinstance(self, MacroF1) else snake(type(self).__name__)

    @abstractmethod
    def value(self, said: Array, labels: Array, task: Task) -> float:
        """The measure of predictions (N, C) of rows whose labels are as in `Pool`."""

    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64] | None:
        """The measure of each row, (N,), where `value` follows from its mean alone (`of_mean`); else None."""
        return None

    def of_mean(self, mean: float) -> float:
        """The measure whose rows have this mean."""
        return mean

    def resampled(self, said: Array, labels: Array, task: Task) -> Measure:
        """The measure of rows that are drawn with replacement."""

        def measure(counts: NDArray[np.float64]) -> NDArray[np.float64]:
            drawn = (np.repeat(np.arange(len(labels)), row.astype(np.int64)) for row in counts)
            return np.array([self.value(said[rows], labels[rows], task) for rows in drawn])

        return measure

    def cost(self, said: Array, labels: Array, task: Task) -> float:
        """The measure, or less than zero of it: smaller is better."""
        value = self.value(said, labels, task)
        return value if self.best == "min" else -value


class _ByRow(Objective, abstract=True):
    """Abstract: follows from the mean over rows."""

    @abstractmethod
    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64]: ...

    def value(self, said: Array, labels: Array, task: Task) -> float:
        return self.of_mean(float(self.by_row(said, labels, task).mean()))

    def resampled(self, said: Array, labels: Array, task: Task) -> Measure:
        rows = self.by_row(said, labels, task)
        return lambda counts: np.array([self.of_mean(mean) for mean in counts @ rows / len(rows)])


class LogLoss(_ByRow, aliases=("cross_entropy",)):
    """-log of the probability of the right class; for labels the mean over them of both sides'. Nats."""

    tasks: ClassVar[frozenset[Task]] = _PROBABILITIES

    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64]:
        if task == "multilabel":
            p = np.clip(said.astype(np.float64), EPSILON, 1 - EPSILON)
            return -(labels * np.log(p) + (1 - labels) * np.log1p(-p)).mean(axis=1)
        right = said[np.arange(len(labels)), labels].astype(np.float64)
        return -np.log(np.clip(right, EPSILON, 1.0))


class Brier(_ByRow):
    """Squared distance from the one-hot row; for labels their mean squared difference. Brier 1950."""

    tasks: ClassVar[frozenset[Task]] = _PROBABILITIES

    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64]:
        p = said.astype(np.float64)
        if task == "multilabel":
            return np.square(p - labels).mean(axis=1)
        right = p[np.arange(len(labels)), labels]
        return np.square(p).sum(axis=1) - 2 * right + 1


class RMSE(_ByRow, aliases=("root_mean_squared_error",)):
    """Root of the mean squared difference, over rows and targets."""

    tasks: ClassVar[frozenset[Task]] = frozenset(("regression",))

    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64]:
        return np.square(said.astype(np.float64) - labels.reshape(said.shape)).mean(axis=1)

    def of_mean(self, mean: float) -> float:
        return float(np.sqrt(mean))


class MAE(_ByRow, aliases=("mean_absolute_error",)):
    """Mean absolute difference, over rows and targets."""

    tasks: ClassVar[frozenset[Task]] = frozenset(("regression",))

    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64]:
        return np.abs(said.astype(np.float64) - labels.reshape(said.shape)).mean(axis=1)


class Accuracy(_ByRow, aliases=("acc",)):
    """Share of rows whose likeliest class is right; of labels on the right side of 0.5."""

    tasks: ClassVar[frozenset[Task]] = _PROBABILITIES
    best: ClassVar[Literal["max", "min"]] = "max"

    def by_row(self, said: Array, labels: Array, task: Task) -> NDArray[np.float64]:
        if task == "multilabel":
            return ((said >= 0.5) == (labels > 0)).mean(axis=1)
        return (said.argmax(axis=1) == labels).astype(np.float64)

    def of_classes(self, decided: NDArray[np.int64], labels: Array, classes: int) -> float:
        """The measure of rows that are decided for these classes, (N,); not for `multilabel`."""
        return float((decided == labels).mean())


class MacroF1(Objective, aliases=("macro_f1", "f1_macro", "f1")):
    """Harmonic mean of precision and recall of each class or label, averaged."""

    tasks: ClassVar[frozenset[Task]] = _PROBABILITIES
    best: ClassVar[Literal["max", "min"]] = "max"

    def value(self, said: Array, labels: Array, task: Task) -> float:
        if task != "multilabel":
            return self.of_classes(said.argmax(axis=1), labels, said.shape[1])
        taken, right = said >= 0.5, labels > 0
        return _f1((taken & right).sum(axis=0), taken.sum(axis=0) + right.sum(axis=0))

    def of_classes(self, decided: NDArray[np.int64], labels: Array, classes: int) -> float:
        """The measure of rows that are decided for these classes, (N,); not for `multilabel`."""
        hits = np.bincount(labels[decided == labels], minlength=classes)
        return _f1(hits, np.bincount(decided, minlength=classes) + np.bincount(labels, minlength=classes))


def _f1(hits: Array, both: Array) -> float:
    """The mean of each class's F1, from its hits and how often it was said and was right, both (C,)."""
    return float(np.divide(2.0 * hits, both, out=np.zeros(len(hits)), where=both > 0).mean())

    def resampled(self, said: Array, labels: Array, task: Task) -> Measure:
        from scipy.sparse import csr_array

        classes = np.arange(said.shape[1])
        taken = said >= 0.5 if task == "multilabel" else said.argmax(axis=1)[:, None] == classes
        right = labels > 0 if task == "multilabel" else labels[:, None] == classes
        hit, there = csr_array((taken & right).astype(np.float64)), csr_array(taken.astype(np.float64) + right)

        def measure(counts: NDArray[np.float64]) -> NDArray[np.float64]:
            hits, both = counts @ hit, counts @ there
            return np.divide(2.0 * hits, both, out=np.zeros_like(hits), where=both > 0).mean(axis=1)

        return measure


class AUC(Objective, aliases=("roc_auc",)):
    """Area under the ROC curve; of each class against the rest, or of each label, averaged. Exact, by ranks."""

    tasks: ClassVar[frozenset[Task]] = _PROBABILITIES
    best: ClassVar[Literal["max", "min"]] = "max"

    def value(self, said: Array, labels: Array, task: Task) -> float:
        from scipy.stats import rankdata

        if task == "binary":
            said, truth = said[:, 1:], labels[:, None]
        else:
            truth = labels if task == "multilabel" else labels[:, None] == np.arange(said.shape[1])
        there = np.flatnonzero((truth.min(axis=0) == 0) & (truth.max(axis=0) == 1))  # both sides are among the rows
        truth = truth[:, there].astype(np.float64)
        ours = truth.sum(axis=0)
        above = (rankdata(said[:, there], axis=0) * truth).sum(axis=0) - ours * (ours + 1) / 2  # Mann and Whitney 1947
        return float(np.mean(above / (ours * (len(truth) - ours))))

    def resampled(self, said: Array, labels: Array, task: Task) -> Measure:
        """A draw that lacks one side of a class leaves the class out, as `value` does."""
        if task == "binary":
            columns = [(said[:, 1], labels > 0)]
        else:
            truth = labels > 0 if task == "multilabel" else labels[:, None] == np.arange(said.shape[1])
            columns = [(said[:, k], truth[:, k]) for k in range(said.shape[1])]
        areas = [_area(score, truth) for score, truth in columns]

        def measure(counts: NDArray[np.float64]) -> NDArray[np.float64]:
            turned = np.ascontiguousarray(counts.T, dtype=np.float32)  # sums of counts are exact up to 2^24 rows
            drawn = np.stack([area(turned) for area in areas])
            known = ~np.isnan(drawn)
            with np.errstate(invalid="ignore"):
                return np.where(known, drawn, 0.0).sum(axis=0) / known.sum(axis=0)

        return measure


def _area(score: Array, truth: NDArray[np.bool_]) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    """The area under one ROC curve from how often each row is drawn, (N, B); NaN where a draw lacks a side.

    It is the share of the pairs of a true row and a false one in which the true one scores more; ties count a half.
    """
    order = np.argsort(score, kind="stable")
    ranked, true = score[order], np.flatnonzero(truth[order])
    ends = np.searchsorted(ranked, ranked[true], "left"), np.searchsorted(ranked, ranked[true], "right")
    cuts = np.unique(np.concatenate([[0], *ends]))  # sums are needed only up to where the ties of true rows end
    at = [np.searchsorted(cuts, end) for end in ends]
    among = [np.searchsorted(true, end) for end in ends]

    def measure(counts: NDArray[np.float32]) -> NDArray[np.float64]:
        every = counts[order]
        ours = every[true]
        all_below = _below(np.add.reduceat(every, cuts[cuts < len(order)], axis=0))
        ours_below = _below(ours)
        twice = all_below[at[0]] + all_below[at[1]] - ours_below[among[0]] - ours_below[among[1]]
        trues = ours_below[-1].astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.einsum("ib,ib->b", ours, twice, dtype=np.float64) / (2 * trues * (len(order) - trues))

    return measure


def _below(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of the first 0, 1, ... rows."""
    return np.concatenate([np.zeros((1, counts.shape[1]), counts.dtype), np.cumsum(counts, axis=0)])


USUAL: dict[Task, Objective] = {
    "multiclass": LogLoss(),
    "binary": LogLoss(),
    "multilabel": LogLoss(),
    "regression": RMSE(),
}
"""What `objective: auto` is."""
