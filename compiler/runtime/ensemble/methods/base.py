"""What a weighting method is: settings, and a function from a problem to a solution."""

from __future__ import annotations

from abc import abstractmethod

from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.training.named import Named


class Weighting(Named, family="weighting method"):
    """Abstract: how the members' weights are found."""

    @abstractmethod
    def weigh(self, problem: Problem) -> Solution:
        """The weights for the members of `problem`. The same problem gives the same weights."""
