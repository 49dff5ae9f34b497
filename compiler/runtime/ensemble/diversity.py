"""How unlike the members are: pair by pair, and what that is worth to the ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Values, Weighted
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Measures of pairs of members, (S, S) each and symmetric; not a number where one does not exist.

    Of classes and labels, from which decisions are right (Kuncheva and Whitaker 2003, Machine Learning 51(2), page
    181). The decisions are one for each row; for `multilabel` one for each label of each row.

    Attributes:
        members: their positions in the pool, (S,).
        errors: of each alone: the share of its decisions that are wrong; for `regression` its root mean squared error.
        error_correlation: of being wrong; for `regression` of the differences from the labels.
        distance: for `regression` the root of the mean squared difference of what two say; None for classes.
        q: Yule's Q statistic: 1 for members that are right together, 0 for independent ones.
        disagreement: the share of decisions that exactly one of the two has right.
        double_fault: the share that both have wrong.
        kappa: Cohen's: how much more often two decide the same than by chance (1960, Educational and Psychological
            Measurement 20(1), page 37).
    """

    members: tuple[int, ...]
    errors: Values
    error_correlation: Values
    distance: Values | None = None
    q: Values | None = None
    disagreement: Values | None = None
    double_fault: Values | None = None
    kappa: Values | None = None

    def matrices(self) -> dict[str, Values]:
        """Those measures that there are, by name."""
        every = {
            "error_correlation": self.error_correlation,
            "distance": self.distance,
            "q": self.q,
            "disagreement": self.disagreement,
            "double_fault": self.double_fault,
            "kappa": self.kappa,
        }
        return {name: matrix for name, matrix in every.items() if matrix is not None}


def pairs(pool: Pool, members: Sequence[int]) -> Pairs:
    """The measures of all pairs of some members, given by their positions; only their predictions are read."""
    if pool.task == "regression":
        return _of_values(pool, members)
    decided, labels, classes = _decisions(pool, members)
    wrong = (decided != labels).astype(np.float32)
    count = float(wrong.shape[1])
    both_wrong = (wrong @ wrong.T).astype(np.float64)  # float32 counts are exact up to 2^24
    wrongs = np.diag(both_wrong)
    one_wrong = wrongs[:, None] - both_wrong  # the first alone
    both_right = count - both_wrong - one_wrong - one_wrong.T
    like, unlike = both_right * both_wrong, one_wrong * one_wrong.T
    sides = np.sqrt(wrongs * (count - wrongs))
    with np.errstate(invalid="ignore", divide="ignore"):
        return Pairs(
            members=tuple(members),
            errors=wrongs / count,
            error_correlation=(like - unlike) / np.outer(sides, sides),
            q=(like - unlike) / (like + unlike),
            disagreement=(one_wrong + one_wrong.T) / count,
            double_fault=both_wrong / count,
            kappa=_kappa(decided, classes),
        )


def _decisions(pool: Pool, members: Sequence[int]) -> tuple[Array, Array, int]:
    """(what each member decides, (S, R); what is right, (R,); how many classes there are to decide for)."""
    if pool.task == "multilabel":
        decided = np.stack([(pool.member(m) >= 0.5).ravel() for m in members]).astype(np.uint8)
        return decided, (pool.labels > 0).ravel().astype(np.uint8), 2
    small = np.uint8 if pool.width <= 2**8 else np.uint16 if pool.width <= 2**16 else np.int64
    decided = np.stack([pool.member(m).argmax(axis=1).astype(small) for m in members])
    return decided, pool.labels.astype(small), pool.width


def _kappa(decided: Array, classes: int) -> Values:
    """Of each pair of rows of (S, R)."""
    agreed = np.stack([np.count_nonzero(decided == one, axis=1) for one in decided]) / decided.shape[1]
    shares = np.stack([np.bincount(one, minlength=classes) for one in decided]) / decided.shape[1]
    chance = shares @ shares.T
    return (agreed - chance) / (1 - chance)


def _of_values(pool: Pool, members: Sequence[int]) -> Pairs:
    from scipy.spatial.distance import pdist, squareform

    errors = np.stack([(pool.member(m) - pool.labels.reshape(len(pool), -1)).ravel() for m in members])
    size = errors.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.atleast_2d(np.corrcoef(errors))
    return Pairs(
        members=tuple(members),
        errors=np.sqrt(np.square(errors).mean(axis=1)),
        error_correlation=correlation,
        distance=squareform(pdist(errors)) / np.sqrt(size),
    )


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Where an ensemble's loss comes from: `ensemble = members - ambiguity - confidence`, exactly.

    The loss is the objective, smaller is better; for `rmse` it is the mean squared error. Where the loss is convex in
    what is pooled, the ambiguity is never below zero: the more the members differ, the more is won by pooling them.

        squared error, Brier   the members' weighted mean squared distance from the ensemble (Krogh and Vedelsby 1995,
                               NIPS 7, page 231)
        log-loss               of probabilities: the mean of sum_m w_m log(p_y / p_my), with p the ensemble's
        log-loss               of logits: the mean of sum_m w_m KL(p || p_m) (Heskes 1998, NIPS 10, page 266)

    Attributes:
        members: the members' losses, by their weights.
        ambiguity: what pooling them wins.
        confidence: what is won by a temperature, and by weights that do not sum to 1; 0 without these.
        ensemble: its loss.
    """

    members: float
    ambiguity: float
    confidence: float
    ensemble: float

    def as_json(self) -> dict[str, float]:
        """For `run.json`."""
        return {
            "members": self.members,
            "ambiguity": self.ambiguity,
            "confidence": self.confidence,
            "ensemble": self.ensemble,
        }


def ambiguity(problem: Problem, blend: Weighted) -> Ambiguity:
    """The split of a blend's loss on the rows of a problem.

    Raises:
        ValueError: the weights sum to nothing, or some are below zero: there is no such mean of the members.
    """
    total = float(blend.weights.sum())
    if total <= 0 or blend.weights.min() < 0:
        raise ValueError("a mean of the members needs weights that are not negative, and not all zero")
    shares = blend.weights / total
    members = float(problem.singles @ shares)
    pooled = problem.mean_cost(shares)
    plain = blend.temperature == 1.0 and abs(total - 1) < 1e-12
    ensemble = pooled if plain else problem.mean_of(problem.said(blend))
    return Ambiguity(members, members - pooled, pooled - ensemble, ensemble)
