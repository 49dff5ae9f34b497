"""What members are worth to an ensemble: without one of them, and with only the first few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Blend, Weighted
from compiler.runtime.ensemble.methods import Uniform, Weighting
from compiler.runtime.ensemble.problem import Problem, Solution

DROPPED = 32
"""Members that are dropped at most, each of which asks for new weights."""

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Of the ensembles that are compared by their size."""


def worths(problem: Problem, method: Weighting, most: int = DROPPED, seconds: float = inf) -> Mapping[int, float]:
    """By how much the cost on the rows of the problem rises when a member is dropped and the rest are weighed again.

    A member that has no weight is worth nothing, and is not dropped to see it.

    Args:
        most: how many are dropped, those with the largest weights.
        seconds: after which no further one is dropped.

    Returns:
        By the members' positions; without those that were not tried. Empty for one member: nothing is left without it.
    """
    every, end = list(range(problem.pool.size)), monotonic() + seconds
    if len(every) < 2:
        return {}
    whole = method.weigh(problem)
    idle = [] if whole.weights is None else [m for m in every if not whole.weights[m]]
    tried = [m for m in order(problem, whole) if m not in idle][:most]
    cost = _cost(problem, whole.blend)
    found = dict.fromkeys(idle, 0.0)
    for m in tried:
        if monotonic() > end:
            break
        rest = problem.only([other for other in every if other != m])
        found[m] = _cost(rest, method.weigh(rest).blend) - cost
    return found


@dataclass(frozen=True, slots=True)
class Sizes:
    """The objective of ensembles of the first k members; as it is, whether larger or smaller is better.

    Attributes:
        sizes: k.
        in_sample: weights and order from the rows that it is measured on.
        crossed: weights and order from the other folds' rows.
        uniform: the plain mean of the k that are best alone on the other folds' rows.
    """

    sizes: tuple[int, ...]
    in_sample: tuple[float, ...]
    crossed: tuple[float, ...]
    uniform: tuple[float, ...]


def by_size(
    problem: Problem,
    method: Weighting,
    fold: NDArray[np.int64],
    sizes: Sequence[int] = SIZES,
    seconds: float = inf,
    known: Sequence[Solution] = (),
) -> Sizes:
    """How good ensembles of few members are, and what more of them bring.

    The first members are those with the largest weights when all are weighed; of equal ones the best alone. Objectives
    that are no means over rows are the mean of the folds'.

    Args:
        fold: (N,), which fold each row is in.
        sizes: of which those are looked at for which there are members.
        seconds: after which no further size is looked at.
        known: the solution of all members, and that without each fold, where they have been found.
    """
    end = monotonic() + seconds
    parts = [
        (problem.take(np.flatnonzero(fold != number)), problem.take(np.flatnonzero(fold == number)))
        for number in range(int(fold.max()) + 1)
    ]
    whole, *without = known or [method.weigh(each) for each in (problem, *(train for train, _ in parts))]
    ranked = order(problem, whole)
    ranked_by_fold = [
        (order(train, solution), order(train, Uniform().weigh(train)))
        for (train, _), solution in zip(parts, without, strict=True)
    ]
    costs: list[tuple[float, float, float]] = []
    there = [k for k in sizes if k <= problem.pool.size]
    for k in there:
        if monotonic() > end:
            break
        inside = _of_members(problem, problem, method, ranked[:k])
        crossed = uniform = 0.0
        for (train, out), (ours, best) in zip(parts, ranked_by_fold, strict=True):
            share = len(out.pool) / len(problem.pool)
            crossed += share * _of_members(train, out, method, ours[:k])
            uniform += share * _of_members(train, out, Uniform(), best[:k])
        costs.append((inside, crossed, uniform))
    columns = [tuple(_value(problem, cost) for cost in column) for column in zip(*costs, strict=True)] or [(), (), ()]
    return Sizes(tuple(there[: len(costs)]), *columns)


def _of_members(train: Problem, out: Problem, method: Weighting, members: list[int]) -> float:
    """The cost on the rows of one problem, by weights from those of another."""
    return _cost(out.only(members), method.weigh(train.only(members)).blend)


def order(problem: Problem, solution: Solution) -> list[int]:
    """The members by their weights, largest first; of equal ones, and where there are no weights, the best alone."""
    weights = np.zeros(problem.pool.size) if solution.weights is None else solution.weights
    return [int(m) for m in np.lexsort((problem.singles, -weights))]


def _cost(problem: Problem, blend: Blend) -> float:
    """The mean cost of a blend on the rows of a problem."""
    if isinstance(blend, Weighted) and blend.temperature == 1.0:
        return problem.mean_cost(blend.weights)
    return problem.mean_of(problem.said(blend))


def _value(problem: Problem, cost: float) -> float:
    return -cost if problem.objective.best == "max" else problem.objective.of_mean(cost)
