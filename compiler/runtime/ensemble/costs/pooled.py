"""Log-loss of pooled logarithms: convex too, and the gradient says whom to try."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.runtime.ensemble.blends import LEAST, Values
from compiler.runtime.ensemble.costs.totals import Totals
from compiler.runtime.ensemble.objectives import LogLoss
from compiler.runtime.ensemble.problem import Problem

REACH = -float(np.log(LEAST))
"""How large a logarithm is at most."""


class Pooled(Totals):
    """As `Totals`, with the bound of a convex cost: f(w) + t (g_m - g w) for the blend w + t (e_m - w)."""

    @staticmethod
    def suits(problem: Problem) -> bool:
        return problem.pooling == "logit" and isinstance(problem.objective, LogLoss)

    def _bounds(self, members: Sequence[int], amounts: Values) -> Values:
        pool, whole = self.problem.pool, self.weights.sum()
        mean = self._total / whole
        said = self._blend.normalised(mean)
        slope = said.copy()  # of the cost, by the pooled logarithms
        if pool.task == "multilabel":
            slope = (slope - pool.labels) / slope.size
        else:
            slope[np.arange(len(pool)), pool.labels] -= 1
            slope /= len(pool)
        here = float(np.vdot(slope, mean))
        single = slope.astype(np.float32)
        slopes = np.array([np.einsum("nc,nc->n", single, self.term(m)).sum(dtype=np.float64) for m in members])
        steps = amounts / (whole + amounts)
        slack = 1e-6 * REACH * float(np.abs(slope).sum()) * np.abs(steps)  # what float32 may be off by
        return self.problem.mean_of(said) + steps * (slopes - here) - slack
