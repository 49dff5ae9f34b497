"""Log-loss of blended probabilities: the likelihoods tell all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.costs.base import Costs
from compiler.runtime.ensemble.objectives import EPSILON
from compiler.runtime.ensemble.problem import Problem

FACTORS = 16
"""How many likelihoods are multiplied before a logarithm is taken: neither 1e-15 nor 1e15 to the 16th overflows."""


class Likelihoods(Costs):
    """What the members give to what was the case: R numbers for a member, whatever the number of classes.

    The cost is convex in the weights, so with the gradient g of the running blend w, the blend w + t (e_m - w) costs
    at least f(w) + t (g_m - g w): most members need not be tried.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        said = problem.likelihoods
        assert said is not None, "`suits` has looked"
        self._said = np.clip(said.T.astype(np.float64, order="C"), EPSILON, 1.0)  # (M, R)
        self._total = np.zeros(self._said.shape[1])

    @staticmethod
    def suits(problem: Problem) -> bool:
        return problem.likelihoods is not None

    def start(self, weights: Values) -> None:
        self._total = np.zeros_like(self._total)
        super().start(weights)

    def _add(self, m: int, amount: float) -> None:
        self._total += amount * self._said[m]

    def _moved(self, m: int, amount: float) -> float:
        added = self._said[m] if amount == 1.0 else amount * self._said[m]
        return math.log(self.weights.sum() + amount) - mean_log(self._total + added)  # the sum is not divided first

    def _bounds(self, members: Sequence[int], amounts: Values) -> Values:
        whole = self.weights.sum()
        mean = self._total / whole
        given = self._said if len(members) == len(self._said) else self._said[list(members)]
        # g_m = -ratio_m, and g w = -1; BLAS would wait for its threads longer than one thread takes
        ratios = np.einsum("mr,r->m", given, 1 / mean) / len(mean)
        return -mean_log(mean) - amounts / (whole + amounts) * (ratios - 1)

    def each(self, weights: Values) -> Values:
        costs: list[float] = []
        for some in np.array_split(weights, max(1, weights.shape[0] * len(self._total) // 10_000_000)):
            costs += [-mean_log(one) for one in some @ self._said]
        means, rate = np.array(costs), self.problem.diversity
        return means if not rate else means - rate * (weights @ self.problem.singles - means)


def mean_log(values: Values) -> float:
    """The mean of the logarithms of numbers of EPSILON or more, (R,): a logarithm is slow, a product is not.

    >>> values = np.linspace(0.01, 1, 1001)
    >>> bool(abs(mean_log(values) - np.log(values).mean()) < 1e-13)
    True
    """
    whole = len(values) // FACTORS * FACTORS
    products = np.multiply.reduce(values[:whole].reshape(FACTORS, -1), axis=0)
    return float((np.log(products).sum() + np.log(values[whole:]).sum()) / len(values))
