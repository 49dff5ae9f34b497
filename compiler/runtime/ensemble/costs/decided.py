"""Accuracy and F1 of classes: a row counts for the class that it is decided for, and most rows are settled."""

from __future__ import annotations

import numpy as np

from compiler.runtime.ensemble.blends import LEAST
from compiler.runtime.ensemble.costs.totals import Totals
from compiler.runtime.ensemble.objectives import Accuracy, MacroF1
from compiler.runtime.ensemble.problem import Problem


class Decided(Totals):
    """As `Totals`, but looks only at rows that one member can turn.

    A member can raise one class above another by its weight at most (in logarithms, by that times the range of these).
    The sum of k members leads by k times the mean lead: the more members there are, the fewer rows are open.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._reach = 1.0 if problem.pooling == "probability" else -float(np.log(LEAST))
        self._reached: float | None = None  # what the open rows were found for

    @staticmethod
    def suits(problem: Problem) -> bool:
        return problem.pool.task != "multilabel" and isinstance(problem.objective, (Accuracy, MacroF1))

    def _add(self, m: int, amount: float) -> None:
        super()._add(m, amount)
        self._reached = None

    def _look(self, reach: float) -> None:
        """Find what is open: classes that are no more than `reach` below the top of their row, where there are two."""
        self._decided = self._total.argmax(axis=1)
        near = self._total >= self._total.max(axis=1, keepdims=True) - reach
        counts = np.count_nonzero(near, axis=1)
        near[counts == 1] = False
        counts = counts[counts > 1]
        self._open = np.flatnonzero(near)  # row after row
        self._rows, self._classes = np.divmod(self._open, self._total.shape[1])
        self._starts, self._counts = np.cumsum(counts) - counts, counts
        self._part = self._total.ravel()[self._open]
        self._reached = reach

    def _moved(self, m: int, amount: float) -> float:
        reach = abs(amount) * self._reach * (1 + 1e-6)  # rounding turns no row beyond it
        if self._reached is None or reach > self._reached:
            self._look(reach)
        decided = self._decided
        if len(self._open):
            values = self._part + amount * self.term(m).ravel()[self._open].astype(np.float64)
            tops = np.repeat(np.maximum.reduceat(values, self._starts), self._counts)
            best = np.flatnonzero(values == tops)[::-1]  # of equal ones the first is written last
            decided = decided.copy()
            decided[self._rows[best]] = self._classes[best]
        objective, pool = self.problem.objective, self.problem.pool
        assert isinstance(objective, (Accuracy, MacroF1)), "`suits` has looked"
        return -objective.of_classes(decided, pool.labels, pool.width)
