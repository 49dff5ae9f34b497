"""The simplex method of Nelder and Mead, by SciPy."""

from __future__ import annotations

import numpy as np

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.costs import costs_of
from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.settings import MaybePositiveInt, PositiveNumber


class NelderMead(Weighting):
    """A search without gradients over logits, whose softmax the weights are; it begins at equal weights.

    Nelder and Mead 1965, The Computer Journal 7(4), page 308; with the parameters of Gao and Han 2012 for many members.
    It may stop far from the optimum, the more so the more members there are, and cannot tell.

    Fields:
        evaluations: how often it may ask for the cost; None: SciPy's 200 times the number of members.
        tolerance: it stops where costs and logits differ by less than this.
    """

    evaluations: MaybePositiveInt = None
    tolerance: PositiveNumber = 1e-6

    def weigh(self, problem: Problem) -> Solution:
        from scipy.optimize import minimize

        size = problem.pool.size
        if size == 1:
            return problem.solution(np.ones(1))
        costs = costs_of(problem)
        options = {"adaptive": True, "xatol": self.tolerance, "fatol": self.tolerance, "maxfev": self.evaluations}
        found = minimize(
            lambda logits: float(costs.each(_softmax(logits)[None])[0]),
            np.zeros(size),
            method="Nelder-Mead",
            options={key: value for key, value in options.items() if value is not None},
        )
        return problem.solution(_softmax(found.x), int(found.nfev))


def _softmax(logits: Values) -> Values:
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()
