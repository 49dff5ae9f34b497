"""The whole way from a pool to its blend, and the cross-validation of the weights that gives the headline number."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Pooling, Values, Weighted
from compiler.runtime.ensemble.costs import costs_of
from compiler.runtime.ensemble.duplicates import apart
from compiler.runtime.ensemble.folds import folds
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.temperature import tempered


@dataclass(frozen=True, eq=False)
class Weighed:
    """A pool's weights.

    Attributes:
        solution: its blend is of all members of the pool; those that were taken out make no difference to it.
        kept: positions of the members that were not taken out, as too like another or above `max_members`.
        pooling: the space in which predictions are pooled.
        notes: what was decided on the way, in sentences for the user.
    """

    solution: Solution
    kept: tuple[int, ...]
    pooling: Pooling
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What blends say about rows that their weights have not seen.

    Attributes:
        said: (N, C), each row by a blend that was fitted without the row's fold.
        fold: (N,), which fold each row is in.
        value: the objective of `said`, as it is: larger is better for accuracy.
        weighed: of each fold.
    """

    said: Values
    fold: NDArray[np.int64]
    value: float
    weighed: tuple[Weighed, ...]


def weigh(pool: Pool, settings: EnsembleSettings) -> Weighed:
    """Find the weights of a pool's members as `settings` says.

    In this order: of near duplicates the best one stays; the space of pooling is decided; the method finds the weights
    (the mean over draws of the rows, with `bags`); the least worthy member is taken out and the rest weighed again,
    until there are `max_members`; the blend's temperature is fitted.
    """
    notes: list[str] = []
    kept = list(range(pool.size))
    if settings.near_duplicates is not None:
        kept = apart(pool, settings.objective_of(pool.task), settings.near_duplicates)
        gone = [name for m, name in enumerate(pool.names) if m not in kept]
        notes += [f"left out, as too like better ones: {', '.join(gone)}"] if gone else []
    pooling = settings.pooling
    if pooling == "auto":
        pooling, note = _space(pool.only(kept), settings)
        notes.append(note)
    problem = Problem(pool.only(kept), settings.objective_of(pool.task), pooling, settings.seed, settings.diversity)
    solution, stay = _pruned(problem, settings)
    if len(stay) < len(kept):
        notes.append(
            f"{len(stay)} of {len(kept)} members stay, of which the weights are the best: {settings.max_members}"
        )
    kept = [kept[m] for m in stay]
    if settings.temperature and isinstance(solution.blend, Weighted):
        blend, cost = tempered(problem.only(stay), solution.blend)
        solution = replace(solution, blend=blend, cost=cost)
        notes.append(f"temperature {blend.temperature:.3f}")
    picked = tuple(kept[m] for m in solution.picked)
    solution = replace(solution, blend=solution.blend.among(pool.size, kept), picked=picked)
    return Weighed(solution, tuple(kept), pooling, tuple(notes))


def cross_validated(pool: Pool, settings: EnsembleSettings) -> CrossValidated:
    """Predict each row by weights that are fitted without its fold; all that `weigh` decides is decided again."""
    fold = folds(pool.labels, pool.task, settings.folds, settings.seed)
    said = np.empty((len(pool), pool.width))
    weighed: list[Weighed] = []
    for number in range(int(fold.max()) + 1):
        one = weigh(pool.take(np.flatnonzero(fold != number)), settings)
        out = np.flatnonzero(fold == number)
        said[out] = pool.take(out).blended(one.solution.blend)
        weighed.append(one)
    value = settings.objective_of(pool.task).value(said, pool.labels, pool.task)
    return CrossValidated(said, fold, value, tuple(weighed))


def _space(pool: Pool, settings: EnsembleSettings) -> tuple[Pooling, str]:
    """The space of pooling whose cross-validated weights are better, and how much."""
    objective = settings.objective_of(pool.task)
    spaces: tuple[Pooling, ...] = ("probability",) if pool.task == "regression" else ("probability", "logit")
    spaces = tuple(one for one in spaces if settings.method.refusal(pool.task, objective, one) is None)
    if len(spaces) < 2 or len(pool) < 4:  # too few rows to tell
        return "probability", "pooled as probability: there is no choice"
    values = {one: cross_validated(pool, settings.model_copy(update={"pooling": one})).value for one in spaces}
    sign = 1 if objective.best == "min" else -1
    best: Pooling = min(spaces, key=lambda one: sign * values[one])
    said = ", ".join(f"{one} {value:.5f}" for one, value in values.items())
    return best, f"pooled as {best}, by cross-validated weights: {said}"


def _pruned(problem: Problem, settings: EnsembleSettings) -> tuple[Solution, list[int]]:
    """The solution for those members that stay, and which they are."""
    stay = list(range(problem.pool.size))
    solution = _bagged(problem, settings)
    while settings.max_members is not None and len(solution.blend.used) > settings.max_members:
        used = list(solution.blend.used)
        out = _least_worthy(problem, solution)
        problem = problem.only([m for m in used if m != out])
        stay = [stay[m] for m in used if m != out]
        solution = _bagged(problem, settings)
    return solution, stay


def _least_worthy(problem: Problem, solution: Solution) -> int:
    """The member without which the rest, with their weights as they are, cost least."""
    if solution.weights is None:
        return solution.blend.used[int(np.argmin(solution.blend.sway[list(solution.blend.used)]))]
    used = list(solution.blend.used)
    if not np.isclose(solution.weights.sum(), 1):  # of logarithms; their sum says how sure the blend is
        without = [np.where(np.arange(len(solution.weights)) == m, 0.0, solution.weights) for m in used]
        return used[int(np.argmin([problem.cost(one) for one in without]))]
    costs, weights = costs_of(problem.only(used)), solution.weights[used]
    costs.start(weights)
    return used[costs.best(range(len(used)), -weights)[0]]


def _bagged(problem: Problem, settings: EnsembleSettings) -> Solution:
    """What the method finds; with `bags`, the mean of what it finds for draws of the rows (Breiman 1996)."""
    if settings.bags is None:
        return settings.method.weigh(problem)
    random, rows = np.random.default_rng(settings.seed), len(problem.pool)
    drawn = [np.sort(random.integers(0, rows, rows)) for _ in range(settings.bags)]
    found = [settings.method.weigh(problem.take(some)) for some in drawn]
    blend = found[0].blend.mean([one.blend for one in found])
    if isinstance(blend, Weighted):
        return problem.solution(blend.weights, sum(one.iterations for one in found))
    return Solution(blend, problem.cost_of(blend), iterations=sum(one.iterations for one in found))
