"""What a weighting method is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Blend, Pooling, Values, Weighted
from compiler.runtime.ensemble.objectives import EPSILON, LogLoss, Objective
from compiler.runtime.ensemble.pool import Pool


@dataclass(frozen=True, eq=False)
class Problem:
    """Find the weights of a pool's members.

    Attributes:
        pooling: the space in which predictions are pooled.
        seed: of what is drawn at random.
        diversity: what methods minimise is `penalised`; 0 leaves the objective alone.
    """

    pool: Pool
    objective: Objective
    pooling: Pooling = "probability"
    seed: int = 0
    diversity: float = 0.0

    @cached_property
    def singles(self) -> Values:
        """The cost of each member alone, (M,), as `mean_cost` has it."""
        pool = self.pool
        if self.likelihoods is not None:
            return np.array([-_log(one).mean() for one in self.likelihoods.T])
        return np.array([self.mean_of(pool.member(m)) for m in range(pool.size)])

    @cached_property
    def likelihoods(self) -> NDArray[np.floating] | None:
        """What each member gives to what was the case, (R, M): the right class, or the right side of each label.

        The log-loss of a blend of probabilities is -mean(log(likelihoods @ weights)). None where the cost does not
        follow from it.
        """
        pool = self.pool
        if self.pooling != "probability" or not isinstance(self.objective, LogLoss):
            return None
        if pool.task != "multilabel":
            return pool.truth
        sides = (pool.member(m).astype(np.float64) for m in range(pool.size))  # in float32, 1 - p would be rounded
        return np.stack([np.where(pool.labels > 0, one, 1 - one).ravel() for one in sides]).T

    def blend(self, weights: Values) -> Weighted:
        """The blend that has these weights."""
        return Weighted(self.pool.task, np.asarray(weights, dtype=np.float64), self.pooling)

    def said(self, blend: Blend) -> Values:
        """What a blend says about the pool's rows, (N, C)."""
        return self.pool.blended(blend)

    def cost(self, weights: Values) -> float:
        """The objective at some weights; smaller is better, whatever the objective."""
        mean = self.mean_cost(weights)
        return self.objective.of_mean(mean) if self.objective.best == "min" else mean

    def cost_of(self, blend: Blend) -> float:
        """The objective of any blend of the members; smaller is better."""
        return self.objective.cost(self.said(blend), self.pool.labels, self.pool.task)

    def mean_cost(self, weights: Values) -> float:
        """`cost`, for RMSE before the root is taken: a mean over rows where there is one."""
        if self.likelihoods is not None:
            weights = np.asarray(weights, dtype=np.float64)
            used = np.flatnonzero(weights)
            return float(-_log(self.likelihoods[:, used] @ weights[used]).mean())
        return self.mean_of(self.said(self.blend(weights)))

    def penalised(self, weights: Values) -> float:
        """What is minimised: `mean_cost` less `diversity` times the ambiguity of the members around the blend.

        The ambiguity is the members' mean cost, by their weights, less the blend's (Krogh and Vedelsby 1995, NIPS 7,
        page 231). So this is (1 + diversity) mean_cost(w) - diversity (singles @ w): a linear term is added.
        """
        mean = self.mean_cost(weights)
        return mean if not self.diversity else mean - self.diversity * (float(self.singles @ weights) - mean)

    def solution(self, weights: Values, iterations: int = 0, picked: tuple[int, ...] = ()) -> Solution:
        """Weights that were found, with their cost and without a proof."""
        blend = self.blend(weights)
        return Solution(blend, self.cost(blend.weights), iterations=iterations, picked=picked)

    def mean_of(self, said: NDArray[Any]) -> float:
        """`mean_cost` of predictions, (N, C)."""
        by_row = self.objective.by_row(said, self.pool.labels, self.pool.task)
        if by_row is None:
            return self.objective.cost(said, self.pool.labels, self.pool.task)
        return float(by_row.mean()) * (1 if self.objective.best == "min" else -1)

    def take(self, rows: NDArray[np.int64]) -> Problem:
        """The problem of some rows, given by their positions."""
        return replace(self, pool=self.pool.take(rows))

    def only(self, members: list[int]) -> Problem:
        """The problem of some members, given by their positions."""
        return replace(self, pool=self.pool.only(members))


def _log(likelihoods: NDArray[Any]) -> Values:
    return np.log(np.clip(likelihoods.astype(np.float64), EPSILON, 1.0))


@dataclass(frozen=True, eq=False)
class Solution:
    """What a method found.

    Attributes:
        blend: what it comes to.
        cost: the objective on the problem's own rows; smaller is better.
        gap: how far what was minimised (`cost`, or a penalty with it) may be above its optimum at most, where there is
            a proof of it; else None.
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
