"""Brier score and RMSE: a square, which the members' Gram matrix tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.costs.base import Costs
from compiler.runtime.ensemble.objectives import RMSE, Brier
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem

BLOCK = 1 << 22
"""How many numbers of all members are looked at at once."""


class Quadratic(Costs):
    """The cost of a blend is w' G w, with G the mean products of the members' errors; so no row is looked at twice."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._gram = gram(problem.pool)

    @staticmethod
    def suits(problem: Problem) -> bool:
        return problem.pooling == "probability" and isinstance(problem.objective, (Brier, RMSE))

    @property
    def singles(self) -> Values:
        return np.diag(self._gram)

    def start(self, weights: Values) -> None:
        self.weights = np.array(weights, dtype=np.float64)

    def _add(self, m: int, amount: float) -> None:
        pass

    def _moved(self, m: int, amount: float) -> float:
        w = self.weights.copy()
        w[m] += amount
        return float(w @ self._gram @ w / w.sum() ** 2)

    def each(self, weights: Values) -> Values:
        means, rate = np.einsum("dm,dm->d", weights @ self._gram, weights), self.problem.diversity
        return means if not rate else means - rate * (weights @ self.singles - means)


def gram(pool: Pool) -> NDArray[np.float64]:
    """The mean products of the members' errors, (M, M): its diagonal is what each costs, Brier score or mean square.

    For classes the mean is over rows, for labels and values over these too.
    """
    products = np.zeros((pool.size, pool.size))
    width = pool.width
    step = max(1, BLOCK // (pool.size * width))
    for first in range(0, len(pool), step):
        part = pool.take(np.arange(first, min(first + step, len(pool))))
        errors = np.stack([part.member(m).ravel() for m in range(pool.size)], dtype=np.float64)
        if pool.task in ("multiclass", "binary"):
            errors[:, np.arange(len(part)) * width + part.labels] -= 1
        else:
            errors -= part.labels.reshape(-1)
        products += errors @ errors.T
    return products / (len(pool) * (1 if pool.task in ("multiclass", "binary") else width))
