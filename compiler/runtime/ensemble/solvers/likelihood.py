"""The mixture of greatest likelihood: the log-loss of a blend of probabilities, which is convex in the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.objectives import EPSILON
from compiler.runtime.ensemble.solvers.bounded import TOLERANCE, Bounded
from compiler.runtime.ensemble.solvers.simplex import least_of_model

Values = NDArray[np.float64]

_ROUNDS = 200  # of members taken in; a handful is the rule
_STEPS = 100  # of Newton's in a round; ten is the rule
_TAKEN = 16  # members a round at least
_EPS = float(np.finfo(np.float64).eps)
_BLOCK = 2**17  # elements that are worked on while they are in a processor's cache


def likeliest(
    likelihoods: NDArray[np.floating],
    linear: Values | None = None,
    scale: float = 1.0,
    tolerance: float = TOLERANCE,
) -> Bounded:
    """Minimise F(w) = linear @ w - scale mean(log(likelihoods @ w)) over the simplex.

    Newton steps, each a least-squares problem over the simplex: sequential quadratic programming as in Kim, Carbonetto,
    Stephens and Anitescu 2020 (A fast algorithm for maximum likelihood estimation of mixture proportions using
    sequential quadratic programming, JCGS 29(2), page 261). Of many members few have a weight, so steps are taken
    among those that do and those that enter; all are looked at once a round.

    The proof: let g_m = mean(likelihoods_m / (likelihoods @ w)). The logarithm is concave, so no v has F(v) below
    F(w) - max_m(scale (g_m - 1) + linear @ w - linear_m), and without `linear` none below F(w) - scale max_m log g_m
    (Lindsay 1983, Annals of Statistics 11(1), page 86, for the first).

    Args:
        likelihoods: (R, M), not negative; what is below 1e-15 counts as that.
        linear: (M,); None for zeros.

    Returns:
        weights whose gap is `tolerance` at most, where rounding allows that.
    """
    columns = np.ascontiguousarray(likelihoods.T)
    cost = np.zeros(len(columns)) if linear is None else linear
    weights = np.full(len(columns), 1 / len(columns))
    mixed = _mixed(columns, weights)
    chosen, few, value, bound, steps = np.empty(0, dtype=np.int64), np.empty(0), np.inf, -np.inf, 0
    for _ in range(_ROUNDS):
        slopes = scale * _means(columns, mixed)
        excess = slopes - cost - (scale - float(cost @ weights))  # slopes @ weights is scale
        before, value = value, float(cost @ weights) - scale * float(np.log(mixed).mean())
        gap = scale * float(np.log(slopes.max() / scale)) if linear is None else float(excess.max())
        rounding = 64 * _EPS * (abs(value) + scale + float(np.abs(cost).max()))
        bound = max(bound, value - max(gap, 0.0) - rounding)
        if gap <= tolerance / 2 or before - value <= _EPS * abs(value):  # good enough, or as good as rounding allows
            break
        entering = np.argsort(-excess, kind="stable")[: max(_TAKEN, len(chosen))]
        if len(chosen):
            chosen = np.union1d(chosen[few > 0], entering[excess[entering] > tolerance / 4])
            few = weights[chosen]
        else:  # from the start every member has a weight: the most promising go on, whose mixture may be a worse one
            chosen, few, value = np.sort(entering), np.full(len(entering), 1 / len(entering)), np.inf
        part = np.maximum(columns[chosen], EPSILON, dtype=np.float64)
        few, mixed, taken = _newton(part, few, cost[chosen], scale, max(tolerance / 4, gap / 100))
        weights, steps = np.zeros(len(columns)), steps + taken
        weights[chosen] = few
    return Bounded(weights, bound, steps)


def _newton(part: Values, weights: Values, cost: Values, scale: float, enough: float) -> tuple[Values, Values, int]:
    """Weights of a few members whose gap among these is `enough`, the mixture's likelihoods, the number of steps.

    Args:
        part: (M, R), positive.
        weights: (M,) of the simplex, to begin with.
    """
    mixed = weights @ part
    value = float(cost @ weights) - scale * float(np.log(mixed).mean())
    for step in range(_STEPS):
        means, squares = _moments(part, mixed)
        slopes = scale * means - cost
        if float(slopes.max() - slopes @ weights) <= enough:
            return weights, mixed, step
        # without a cost the model is the mean of (z - 2)^2 for the mixtures z of ratios, up to a constant
        constant = None if cost.any() else 4 * scale
        goal = least_of_model(scale * squares, -slopes, weights, constant)
        gain = float(slopes @ (goal - weights))  # what F would fall by, were it linear
        aim, length = goal @ part, 1.0
        while True:
            there = weights + length * (goal - weights)
            blend = mixed + length * (aim - mixed)
            now = float(cost @ there) - scale * float(np.log(blend).mean())
            if now <= value - 1e-4 * length * gain + 4 * _EPS * abs(value):
                break
            length /= 2
            if length < 1e-12:
                return weights, mixed, step
        weights, mixed = (goal, aim) if length == 1.0 else (there, there @ part)
        value = now
    return weights, mixed, _STEPS


def _mixed(columns: NDArray[np.floating], weights: Values) -> Values:
    """The likelihoods of the mixture, (R,)."""
    mixed = np.zeros(columns.shape[1])
    for few in _pieces(*columns.shape):
        mixed += weights[few] @ np.maximum(columns[few], EPSILON, dtype=np.float64)
    return mixed


def _means(columns: NDArray[np.floating], mixed: Values) -> Values:
    """The mean ratio of each member's likelihoods to the mixture's, (M,)."""
    inverse = 1 / mixed
    pieces = [np.maximum(columns[few], EPSILON, dtype=np.float64) @ inverse for few in _pieces(*columns.shape)]
    return np.concatenate(pieces) / len(mixed)


def _moments(part: Values, mixed: Values) -> tuple[Values, Values]:
    """The means over rows of the ratios z = part / mixed, (M,), and of z z', (M, M)."""
    means, squares = np.zeros(len(part)), np.zeros((len(part), len(part)))
    for rows in _pieces(part.shape[1], len(part)):
        ratios = part[:, rows] / mixed[rows]
        means += ratios.sum(axis=1)
        squares += ratios @ ratios.T
    return means / len(mixed), squares / len(mixed)


def _pieces(count: int, width: int) -> list[slice]:
    """Slices of `count` things that have `width` elements each."""
    step = max(1, _BLOCK // width)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
