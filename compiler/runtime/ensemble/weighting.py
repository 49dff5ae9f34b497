"""The whole way from a pool to its blend, and the cross-validation of the weights that gives the headline number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Pooling, Values
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.training.losses import Task


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
    """Find the weights of a pool's members as `settings` says."""
    pooling: Pooling = "probability" if settings.pooling == "auto" else settings.pooling
    problem = Problem(pool, settings.objective_of(pool.task), pooling, settings.seed, settings.diversity)
    return Weighed(settings.method.weigh(problem), tuple(range(pool.size)), pooling)


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


def folds(labels: NDArray[np.generic], task: Task, count: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, (N,): the same for all methods, so that their numbers can be compared.

    Folds are of equal size, up to one row, and of classes each has its equal share, up to one row.

    Args:
        labels: as in `Pool`.
        count: how many folds; there are never more than rows.

    Raises:
        ValueError: there are less than two rows.
    """
    n = len(labels)
    if n < 2:
        raise ValueError("the cross-validation of weights needs 2 rows at least")
    order = np.random.default_rng(seed).permutation(n)
    if task in ("multiclass", "binary"):
        order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % min(count, n)
    return fold
