"""Any objective: the running blend is kept as what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import LEAST, Values
from compiler.runtime.ensemble.costs.base import Costs
from compiler.runtime.ensemble.problem import Problem

KEPT = 1 << 28
"""How many numbers are kept for the members' logarithms, 4 bytes each; beyond it they are taken anew."""


class Totals(Costs):
    """The running blend's sum before it is normalised, (N, C): to move it takes one member's predictions."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._blend = problem.blend(np.ones(1))
        self._total: Values = np.zeros((len(problem.pool), problem.pool.width))
        self._kept: dict[int, NDArray[np.float32]] = {}

    @staticmethod
    def suits(problem: Problem) -> bool:
        return True

    def start(self, weights: Values) -> None:
        self._total = np.zeros_like(self._total)
        super().start(weights)

    def term(self, m: int) -> NDArray[np.float32]:
        """What member `m` adds for a weight of 1, (N, C): what it says, or the logarithms of it."""
        if self.problem.pooling == "probability":
            return self.problem.pool.member(m)
        if m in self._kept:
            return self._kept[m]
        said = self.problem.pool.member(m)
        if self.problem.pool.task == "multilabel":
            term = self._blend.log(said).astype(np.float32)
        else:
            term = np.log(np.clip(said, LEAST, 1.0), dtype=np.float32)  # four times as fast as in float64
        if (len(self._kept) + 1) * term.size <= KEPT:
            self._kept[m] = term
        return term

    def _add(self, m: int, amount: float) -> None:
        self._total = self._total + amount * self.term(m).astype(np.float64)

    def _moved(self, m: int, amount: float) -> float:
        return self._cost((self._total + amount * self.term(m).astype(np.float64)) / (self.weights.sum() + amount))

    def _cost(self, total: Values) -> float:
        """The mean cost of a blend whose sum is `total`, of weights that sum to 1."""
        said: Any = total if self.problem.pooling == "probability" else self._blend.normalised(total)
        return self.problem.mean_of(said)
