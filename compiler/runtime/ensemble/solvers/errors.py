"""What the members are wrong by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.pool import Pool

_ELEMENTS = 2**21  # of a block


def errors(pool: Pool) -> Iterator[NDArray[np.float64]]:
    """Predictions less what was due, in blocks of rows (M, rows C): one-hot classes, labels, or values are due."""
    step = max(1, _ELEMENTS // (pool.size * pool.width))
    for start in range(0, len(pool), step):
        part = pool.take(np.arange(start, min(start + step, len(pool))))
        due = _due(part)
        yield np.stack([(part.member(m) - due).ravel() for m in range(part.size)])


def _due(pool: Pool) -> NDArray[np.float64]:
    if pool.task in ("multiclass", "binary"):
        return (pool.labels[:, None] == np.arange(pool.width)).astype(np.float64)
    return pool.labels.reshape(len(pool), pool.width).astype(np.float64)
