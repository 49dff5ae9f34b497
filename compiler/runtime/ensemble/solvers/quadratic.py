"""Brier scores and squared errors: quadratic in the weights; all that counts is the Gram matrix of the errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.solvers.bounded import TOLERANCE, Bounded
from compiler.runtime.ensemble.solvers.errors import errors
from compiler.runtime.ensemble.solvers.simplex import least_of_model, nearest_in_hull

Values = NDArray[np.float64]

_ROUNDS = 20
_EPS = float(np.finfo(np.float64).eps)


def gram_of(pool: Pool) -> Values:
    """The Gram matrix (M, M) of the members' errors: w' gram w is the blend's Brier score or mean squared error."""
    total = np.zeros((pool.size, pool.size))
    for block in errors(pool):
        total += block @ block.T
    per_row = 1 if pool.task in ("multiclass", "binary") else pool.width  # the score is a sum over classes
    return total / (len(pool) * per_row)


def least_squares(gram: Values, linear: Values | None = None, scale: float = 1.0) -> Bounded:
    """Minimise F(w) = scale w' gram w + linear @ w over the simplex.

    The proof: F is convex, so nothing is below F(w) + min_m gradient(w) @ (e_m - w). Without `linear`,
    w' gram v <= sqrt(w' gram w) sqrt(v' gram v) says more.

    Args:
        gram: (M, M), symmetric and positive semidefinite.
        linear: (M,); None for zeros.
    """
    cost = np.zeros(len(gram)) if linear is None else linear
    weights = nearest_in_hull(gram)
    best = _bounded(gram, cost, scale, weights, 1)
    for step in range(2, _ROUNDS):
        value = _value(gram, cost, scale, best.weights)
        if linear is None or value - best.bound <= TOLERANCE:
            break
        weights = least_of_model(2 * scale * gram, 2 * scale * gram @ best.weights + cost, best.weights)
        better = _bounded(gram, cost, scale, weights, step)
        if _value(gram, cost, scale, weights) >= value:
            break
        best = better
    return best


def _value(gram: Values, cost: Values, scale: float, weights: Values) -> float:
    return float(scale * weights @ gram @ weights + cost @ weights)


def _bounded(gram: Values, cost: Values, scale: float, weights: Values, steps: int) -> Bounded:
    used = np.flatnonzero(weights)
    products = gram[:, used] @ weights[used]
    rounding = 8 * (len(used) + 8) * _EPS * (np.abs(gram[:, used]) @ weights[used])
    square = float(weights @ products)
    value = scale * square + float(cost @ weights)
    slack = 3 * scale * float(rounding @ weights) + 8 * _EPS * float(np.abs(cost).max())
    slopes = 2 * scale * (products - square - rounding) + cost - float(cost @ weights)
    bound = value + min(float(slopes.min()), 0.0) - slack
    nearest = float((products - rounding).min())
    if not cost.any() and square > 0 and nearest > 0:
        bound = max(bound, scale * nearest**2 / (square + float(rounding @ weights)))
    return Bounded(weights, bound, steps)
