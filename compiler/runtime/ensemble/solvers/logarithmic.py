"""Pooled logarithms: the log-loss of softmax(sum_m w_m log p_m), which is convex in the weights, with a ridge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import LEAST
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.solvers.bounded import TOLERANCE, Bounded
from compiler.runtime.ensemble.solvers.simplex import PIVOTS, Values

_ROUNDS = 50  # of members taken in; a handful is the rule
_STEPS = 50  # of Newton's in a round
_TAKEN = 16  # members a round at least
_ELEMENTS = 2**20  # of a block
_EPS = float(np.finfo(np.float64).eps)


def penalty(weights: Values, ridge: float, rows: int) -> float:
    """What the ridge adds: ridge / (2 rows) times the squared distance from equal weights of sum 1."""
    return float(ridge / (2 * rows) * np.square(weights - 1 / len(weights)).sum())


def least_pooled(pool: Pool, ridge: float, linear: Values | None = None, scale: float = 1.0) -> Bounded:
    """Minimise F(w) = scale loss(w) + linear @ w + penalty(w) over w >= 0, whose sum is free: it sharpens or flattens.

    Projected Newton steps among the members that have a weight and those that enter; all are looked at once a round.

    The proof: F less the penalty is convex, so with F's slopes g and the penalty's curvature r no v >= 0 is below
    F(w) - sum_m max_v(g_m (w_m - v_m) - r (w_m - v_m)^2 / 2).

    Args:
        pool: of a task with probabilities.
        ridge: positive, as `penalty` has it: the precision of a normal prior.
        linear: (M,); None for zeros.

    Returns:
        weights whose gap is `TOLERANCE` at most, where rounding allows that; `bound` is F's, the penalty with it.
    """
    cost = np.zeros(pool.size) if linear is None else linear
    curve, equal = ridge / len(pool), 1 / pool.size
    weights = np.full(pool.size, equal)
    margins: dict[int, NDArray[np.float32]] = {}
    value, best = np.inf, Bounded(weights, -np.inf, 0)
    for _ in range(_ROUNDS):
        loss, exact = _exact(pool, weights)
        before, value = value, scale * loss + float(cost @ weights) + penalty(weights, ridge, len(pool))
        gaps = _gaps(weights, scale * exact + cost + curve * (weights - equal), curve)
        rounding = 64 * _EPS * (scale + abs(value) + float(np.abs(cost @ weights)))
        best = Bounded(weights, max(best.bound, value - float(gaps.sum()) - rounding), best.iterations)
        if gaps.sum() <= TOLERANCE / 2 or before - value <= _EPS * abs(value):  # or as good as rounding allows
            break
        entering = np.argsort(-gaps, kind="stable")[: max(_TAKEN, len(margins))]
        if margins:
            entering = entering[gaps[entering] > TOLERANCE / (4 * pool.size)]
            chosen = np.union1d(np.flatnonzero(weights), entering)
        else:  # from the start every member has a weight: the most promising go on, whose blend may be a worse one
            chosen, value = np.sort(entering), np.inf
            weights = np.where(np.isin(np.arange(pool.size), chosen), 1 / len(chosen), 0.0)
            exact = _exact(pool, weights)[1]
        margins = {int(m): margins[m] if m in margins else _margins(pool, m).astype(np.float32) for m in chosen}
        few, taken = _newton(
            list(margins.values()),
            weights[chosen],
            pool.task == "multilabel",
            scale,
            cost[chosen],
            scale * exact[chosen],
            (curve, equal),
            max(TOLERANCE / 8, float(gaps.sum()) / 100),
        )
        weights = np.zeros(pool.size)
        weights[chosen] = few
        best = Bounded(best.weights, best.bound, best.iterations + taken)
    return best


def _newton(
    margins: Sequence[NDArray[np.float32]],
    weights: Values,
    implicit: bool,
    scale: float,
    cost: Values,
    exact: Values,
    prior: tuple[float, float],
    enough: float,
) -> tuple[Values, int]:
    """Weights of a few members whose gap among these is `enough`, and the number of steps.

    Args:
        exact: the slopes of the loss at `weights`; those of `margins`, which are rounded, are set right by them.
        prior: its curvature and its middle.
    """
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import nnls

    curve, middle = prior

    def total(w: Values, loss: float) -> float:
        return scale * loss + float(cost @ w) + curve / 2 * float(np.square(w - middle).sum())

    loss, slopes, hessian = _moments(margins, weights, implicit)
    cost = cost + exact - scale * slopes
    value = total(weights, loss)
    for step in range(_STEPS):
        gradient = scale * slopes + cost + curve * (weights - middle)
        if _gaps(weights, gradient, curve).sum() <= enough:
            return weights, step
        root = cholesky(scale * hessian + curve * np.eye(len(weights)))
        target = root @ weights - solve_triangular(root, gradient, trans=1)
        goal, _ = nnls(root, target, maxiter=PIVOTS * len(root))
        slope, length = float(gradient @ (goal - weights)), 1.0
        while True:
            there = weights + length * (goal - weights)
            loss, slopes, hessian = _moments(margins, there, implicit)
            now = total(there, loss)
            if now <= value + 1e-4 * length * slope + 4 * _EPS * abs(value):
                break
            length /= 2
            if length < 1e-9:
                return weights, step
        weights, value = there, now
    return weights, _STEPS


def _gaps(weights: Values, slopes: Values, curve: float) -> Values:
    """What moving each weight alone could gain at most, (M,)."""
    away = weights - np.maximum(weights - slopes / curve, 0)
    return slopes * away - curve / 2 * np.square(away)


def _exact(pool: Pool, weights: Values) -> tuple[float, Values]:
    """The loss, and its slopes for all members, (M,)."""
    loss, slopes = 0.0, np.zeros(pool.size)
    count = len(pool) * (pool.width if pool.task == "multilabel" else 1)
    for rows in _pieces(len(pool), pool.size * pool.width):
        part = pool.take(np.arange(rows.start, rows.stop))
        block = np.stack([_margins(part, m) for m in range(pool.size)])
        logs, shares = _softmax(np.tensordot(weights, block, 1), pool.task == "multilabel")
        loss += float(logs.sum())
        slopes += block.reshape(pool.size, -1) @ shares.ravel()
    return loss / count, slopes / count


def _moments(margins: Sequence[NDArray[np.float32]], weights: Values, implicit: bool) -> tuple[float, Values, Values]:
    """The loss of a few members' blend, its slopes (M,) and its second derivatives (M, M)."""
    size, (count, width) = len(margins), margins[0].shape
    loss, slopes, hessian = 0.0, np.zeros(size), np.zeros((size, size))
    for rows in _pieces(count, size * width):
        block = np.stack([one[rows] for one in margins], dtype=np.float64)
        logs, shares = _softmax(np.tensordot(weights, block, 1), implicit)
        loss += float(logs.sum())
        means = np.einsum("mrk,rk->mr", block, shares)
        slopes += means.sum(axis=1)
        block *= np.sqrt(shares)
        flat = block.reshape(size, -1)
        hessian += flat @ flat.T - means @ means.T
    return loss / count, slopes / count, hessian / count


def _margins(pool: Pool, m: int) -> Values:
    """By how much member `m`'s logarithms of the others are above that of what was the case: (N, C), or (N K, 1)."""
    said = np.clip(pool.member(m).astype(np.float64), LEAST, 1 - LEAST)
    if pool.task == "multilabel":
        odds = np.log(said) - np.log1p(-said)
        return np.where(pool.labels > 0, -odds, odds).reshape(-1, 1)
    logs = np.log(said)
    return logs - logs[np.arange(len(logs)), pool.labels][:, None]


def _softmax(z: Values, implicit: bool) -> tuple[Values, Values]:
    """The logarithm of the sum of exponentials of a row, (R,), and their shares, (R, C).

    Args:
        implicit: whether there is one more in each row: of zero, for what was the case.
    """
    top = np.maximum(z.max(axis=1), 0)  # what was the case has zero, here or there
    shares = np.exp(z - top[:, None])
    whole = shares.sum(axis=1) + (np.exp(-top) if implicit else 0)
    return top + np.log(whole), shares / whole[:, None]


def _pieces(count: int, width: int) -> Iterator[slice]:
    step = max(1, _ELEMENTS // width)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
