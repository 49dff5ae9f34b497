"""Greedy selection, with replacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.costs import Costs, costs_of
from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.settings import MaybePositiveInt, PositiveInt, is_number, rule

Share = Annotated[
    float,
    rule(
        "a number in (0, 1]", is_number, lambda v: 0 < v <= 1, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    ),
]


class Greedy(Weighting):
    """Again and again the member that makes the blend best is taken, also more than once: that is its weight.

    Caruana, Niculescu-Mizil, Crew and Ksikes 2004, Ensemble selection from libraries of models, ICML. Selection begins
    with the best few members by their own cost (section 2.2), and the blend of the best round counts, not of the last.

    Fields:
        rounds: how many are taken, those that it begins with among them.
        start: it begins with so many of the best members at most; with fewer where their plain mean is better.
        bags: selections from drawn members each, whose weights are averaged (section 2.3); None: one from all members.
        share: of the members that a bag draws.
    """

    rounds: PositiveInt = 25
    start: PositiveInt = 1
    bags: MaybePositiveInt = None
    share: Share = 0.5

    def weigh(self, problem: Problem) -> Solution:
        size = problem.pool.size
        costs = costs_of(problem)
        if self.bags is None:
            picked = self._select(costs, range(size))
            return problem.solution(_weights(picked, size), self.rounds, picked)
        random = np.random.default_rng(problem.seed)
        drawn = max(1, round(self.share * size))
        bags = [np.sort(random.choice(size, drawn, replace=False)).tolist() for _ in range(self.bags)]
        weights = np.mean([_weights(self._select(costs, bag), size) for bag in bags], axis=0)
        return problem.solution(weights, self.rounds * self.bags)

    def _select(self, costs: Costs, members: Sequence[int]) -> tuple[int, ...]:
        """The members that the best round's blend has, in the order in which they were taken."""
        singles = costs.singles
        costs.start(np.zeros(costs.problem.pool.size))
        picked: list[int] = []
        came_to: list[float] = []
        for m in sorted(members, key=lambda m: (singles[m], m))[: min(self.start, self.rounds)]:
            came_to.append(costs.moved(m))
            costs.add(m)
            picked.append(m)
        first = _least(came_to)  # the best beginning
        del picked[first + 1 :], came_to[first + 1 :]
        costs.start(np.bincount(picked, minlength=costs.problem.pool.size).astype(np.float64))
        while len(picked) < self.rounds:
            m, cost = costs.best(members)
            costs.add(m)
            picked.append(m)
            came_to.append(cost)
        best = first + _least(came_to[first:])
        return tuple(picked[: best + 1])


def _least(costs: Sequence[float]) -> int:
    """The first of the least costs: the same weights come again, and rounding is no difference."""
    return int(np.argmax(np.array(costs) <= min(costs) + 1e-12))


def _weights(picked: Sequence[int], size: int) -> Values:
    return np.bincount(picked, minlength=size) / len(picked)
