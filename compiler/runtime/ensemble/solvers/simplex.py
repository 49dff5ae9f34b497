"""Least squares over the simplex, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def nearest_in_hull(gram: Values) -> Values:
    """The w >= 0 with sum 1 that minimises w' gram w.

    It is non-negative least squares (Lawson and Hanson 1974, chapter 23): with gram = A'A and one more row, in which A
    has c and the target c, the best u = s w has for each w the best scale s, and there c^2 q / (c^2 + q) is left of
    q = w' gram w, which grows with q. So u / sum(u) minimises q.

    Args:
        gram: (M, M), symmetric and positive semidefinite up to rounding, which may be singular.
    """
    from scipy.optimize import nnls

    # columns of one length: a member that is far off everything does not spoil the others' digits
    length = np.sqrt(np.clip(np.diag(gram), 0, None))
    if not length.all():
        return (length == 0) / (length == 0).sum()
    values, vectors = np.linalg.eigh(gram / np.outer(length, length))
    rows = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
    shortest = length.min()
    scaled, _ = nnls(np.vstack([rows, shortest / length]), np.append(np.zeros(len(gram)), 1.0))
    found = scaled / length
    return found / found.sum()
