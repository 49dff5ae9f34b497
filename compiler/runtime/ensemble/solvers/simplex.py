"""Least squares and convex quadratic models over the simplex, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

PIVOTS = 30  # of NNLS for a member at most; one is the rule, three are SciPy's limit


def nearest_in_hull(gram: Values) -> Values:
    """The w of the simplex that minimises w' gram w, (M,).

    It is non-negative least squares (Lawson and Hanson 1974, chapter 23): with gram = A'A and one more row, in which A
    has c and the target c, the best u = s w has for each w the best scale s, and there c^2 q / (c^2 + q) is left of
    q = w' gram w, which grows with q. So u / sum(u) minimises q.

    Args:
        gram: (M, M), symmetric and positive semidefinite up to rounding; it may be singular.
    """
    from scipy.optimize import nnls

    # columns of one length: a member that is far off everything does not spoil the others' digits
    length = np.sqrt(np.clip(np.diag(gram), 0, None))
    if not length.all():
        return (length == 0) / (length == 0).sum()
    values, vectors = np.linalg.eigh(gram / np.outer(length, length))
    rows = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
    scaled, _ = nnls(
        np.vstack([rows, length.min() / length]), np.append(np.zeros(len(gram)), 1.0), maxiter=PIVOTS * len(gram)
    )
    found = scaled / length
    return found / found.sum()


def least_of_model(hessian: Values, gradient: Values, weights: Values, constant: float | None = None) -> Values:
    """The y of the simplex that minimises gradient' (y - w) + (y - w)' hessian (y - w) / 2, (M,).

    With b = hessian w - gradient that is y' hessian y / 2 - b' y, on the simplex half of
    y' (hessian - b 1' - 1 b' + t 1 1') y for any t; and t = b' inverse(hessian) b leaves this matrix semidefinite.

    Args:
        hessian: (M, M), positive semidefinite; some millionths are added to its diagonal, which keeps y nearer to w, so
            that w = y, again and again, comes to the model's least point.
        weights: w.
        constant: t, where it is known; then nothing is added.
    """
    if constant is None:
        curved = np.diag(hessian)
        usual = float(weights @ curved) or float(curved.max()) or 1.0
        hessian = hessian + 1e-6 * np.diag(curved + usual)  # with less, t would be so large that digits are lost
    target = hessian @ weights - gradient
    if constant is None:
        constant = float(target @ np.linalg.solve(hessian, target)) if target.any() else 0.0
    return nearest_in_hull(hessian - target[:, None] - target[None, :] + constant)
