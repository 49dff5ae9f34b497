"""What a weighting method is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Blend, Pooling, Values, Weighted
from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.pool import Pool


@dataclass(frozen=True, eq=False)
class Problem:
    """Find the weights of a pool's members.

    Attributes:
        pooling: the space in which predictions are pooled.
        seed: of what is drawn at random.
    """

    pool: Pool
    objective: Objective
    pooling: Pooling = "probability"
    seed: int = 0

    @cached_property
    def singles(self) -> Values:
        """The cost of each member alone, (M,)."""
        pool = self.pool
        return np.array([self.objective.cost(pool.member(m), pool.labels, pool.task) for m in range(pool.size)])

    def blend(self, weights: Values) -> Weighted:
        """The blend that has these weights."""
        return Weighted(self.pool.task, np.asarray(weights, dtype=np.float64), self.pooling)

    def said(self, blend: Blend) -> Values:
        """What a blend says about the pool's rows, (N, C)."""
        return self.pool.blended(blend)

    def cost(self, weights: Values) -> float:
        """The objective at some weights; smaller is better, whatever the objective."""
        return self.objective.cost(self.said(self.blend(weights)), self.pool.labels, self.pool.task)

    def take(self, rows: NDArray[np.int64]) -> Problem:
        """The problem of some rows, given by their positions."""
        return replace(self, pool=self.pool.take(rows))

    def only(self, members: list[int]) -> Problem:
        """The problem of some members, given by their positions."""
        return replace(self, pool=self.pool.only(members))


@dataclass(frozen=True, eq=False)
class Solution:
    """What a method found.

    Attributes:
        blend: what it comes to.
        cost: the objective on the problem's own rows; smaller is better.
        gap: how far `cost` may be above the optimum at most, where there is a proof of it; else None.
        iterations: of the method, whatever it counts.
        picked: for `greedy`, the members in the order in which they were taken.
    """

    blend: Blend
    cost: float
    gap: float | None = None
    iterations: int = 0
    picked: tuple[int, ...] = ()

    @property
    def weights(self) -> Values | None:
        """(M,), where the blend has one weight for each member."""
        return self.blend.weights if isinstance(self.blend, Weighted) else None
