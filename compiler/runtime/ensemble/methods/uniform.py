"""Equal weights."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.problem import Problem, Solution


class Uniform(Weighting):
    """The same weight for each member: what every other method has to beat."""

    learns: ClassVar[bool] = False

    def weigh(self, problem: Problem) -> Solution:
        return problem.solution(np.full(problem.pool.size, 1 / problem.pool.size))
