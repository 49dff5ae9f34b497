"""Brier score and RMSE: a square, which the members' Gram matrix tells."""

from __future__ import annotations

import numpy as np

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.costs.base import Costs
from compiler.runtime.ensemble.objectives import RMSE, Brier
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.ensemble.solvers.quadratic import gram_of


class Quadratic(Costs):
    """The cost of a blend is w' G w, with G the mean products of the members' errors; so no row is looked at twice."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._gram = gram_of(problem.pool)

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
