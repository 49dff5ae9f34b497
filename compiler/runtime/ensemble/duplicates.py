"""Members that say the same as better ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem

BLOCK = 1 << 22
"""How many numbers of all members are looked at at once."""


def apart(pool: Pool, objective: Objective, limit: float) -> list[int]:
    """The members no two of which are more alike than `limit`, in their order: from the best on, each that is not too
    like one that was taken before it."""
    alike = correlations(pool)
    taken: list[int] = []
    for m in np.argsort(Problem(pool, objective).singles, kind="stable"):
        if not taken or alike[m, taken].max() <= limit:
            taken.append(int(m))
    return sorted(taken)


def correlations(pool: Pool) -> NDArray[np.float64]:
    """Pearson's correlation of what each two members say about all rows and classes, (M, M).

    A member that always says the same correlates with none.
    """
    size = pool.size
    middle = np.array([pool.member(m).mean(dtype=np.float64) for m in range(size)])[:, None]
    products = np.zeros((size, size))
    step = max(1, BLOCK // (size * pool.width))
    for first in range(0, len(pool), step):
        part = pool.take(np.arange(first, min(first + step, len(pool))))
        said = np.stack([part.member(m).ravel() for m in range(size)], dtype=np.float64) - middle
        products += said @ said.T
    length = np.sqrt(np.diag(products))
    return products / np.outer(np.where(length > 0, length, np.inf), np.where(length > 0, length, np.inf))
