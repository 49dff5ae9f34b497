"""The folds of the weights' cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.training.losses import Task


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
