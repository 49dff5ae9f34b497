"""Weights that are drawn."""

from __future__ import annotations

import numpy as np

from compiler.runtime.ensemble.costs import costs_of
from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.settings import PositiveInt, PositiveNumber


class RandomSearch(Weighting):
    """The best of weights that are drawn from a Dirichlet distribution; equal ones are the first draw.

    Fields:
        draws: how many weights are tried.
        concentration: of the distribution; with 1 all weights are equally likely, below it few members have most.
    """

    draws: PositiveInt = 1000
    concentration: PositiveNumber = 1.0

    def weigh(self, problem: Problem) -> Solution:
        size = problem.pool.size
        random = np.random.default_rng(problem.seed)
        drawn = random.dirichlet(np.full(size, self.concentration), self.draws - 1)
        weights = np.concatenate([np.full((1, size), 1 / size), drawn])
        best = int(np.argmin(costs_of(problem).each(weights)))
        return problem.solution(weights[best], self.draws)
