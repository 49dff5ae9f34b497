"""What a method asks: what the running blend comes to when a member's weight is raised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.problem import Problem

SLACK = 1e-9
"""How far rounding may put a bound above the cost that it bounds."""


class Costs(ABC):
    """Abstract: `problem.penalised`, of a running blend and what it may become.

    Attributes:
        weights: of the running blend, (M,); they need not sum to 1.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.weights: Values = np.zeros(problem.pool.size)

    @property
    def singles(self) -> Values:
        """The mean cost of each member alone, (M,)."""
        return self.problem.singles

    @staticmethod
    @abstractmethod
    def suits(problem: Problem) -> bool:
        """Whether this way of asking gives the problem's costs."""

    @abstractmethod
    def _moved(self, m: int, amount: float) -> float:
        """The mean cost once the weight of `m` is raised by `amount`."""

    @abstractmethod
    def _add(self, m: int, amount: float) -> None:
        """Raise the weight of `m` by `amount`, in all but `weights`."""

    def _bounds(self, members: Sequence[int], amounts: Values) -> Values | None:
        """What `_moved` is at least, for each of some members; None where nothing is known. The blend is not empty."""
        return None

    def start(self, weights: Values) -> None:
        """Make the blend of these weights, (M,), the running one."""
        self.weights = np.zeros(len(weights))
        for m in np.flatnonzero(weights):
            self.add(int(m), float(weights[m]))

    def add(self, m: int, amount: float = 1.0) -> None:
        """Raise the weight of `m`."""
        self._add(m, amount)
        self.weights[m] += amount

    def moved(self, m: int, amount: float = 1.0) -> float:
        """The penalised cost once the weight of `m` is raised by `amount`."""
        return self._penalised(self._moved(m, amount), m, amount)

    def best(self, members: Sequence[int], amounts: Values | float = 1.0) -> tuple[int, float]:
        """Whose weight to raise, and the penalised cost that it comes to; of equal ones the first.

        Args:
            members: whom to choose from.
            amounts: by how much, for each of them; below 0 to take a member out.
        """
        by = np.broadcast_to(np.asarray(amounts, dtype=np.float64), (len(members),))
        bounds = self._bounds(members, by) if self.weights.any() else None
        if bounds is None:
            costs = [self.moved(m, float(a)) for m, a in zip(members, by, strict=True)]
            least = int(np.argmin(costs))
            return members[least], costs[least]
        floors = np.array([self._penalised(b, m, a) for b, m, a in zip(bounds, members, by, strict=True)])
        chosen: tuple[float, int] | None = None
        for i in np.argsort(floors, kind="stable"):
            if chosen is not None and floors[i] > chosen[0] + SLACK:
                break
            one = self.moved(members[i], float(by[i])), members[i]
            chosen = one if chosen is None else min(chosen, one)
        assert chosen is not None, "somebody to choose from"
        return chosen[1], chosen[0]

    def each(self, weights: Values) -> Values:
        """The penalised costs of several blends, (D,), of weights (D, M) that sum to 1."""
        return np.array([self.problem.penalised(one) for one in weights])

    def _penalised(self, mean: float, m: int, amount: float) -> float:
        rate = self.problem.diversity
        if not rate:
            return mean
        theirs = (self.weights @ self.singles + amount * self.singles[m]) / (self.weights.sum() + amount)
        return mean - rate * (float(theirs) - mean)
