"""A model of the members' predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Pooling, Stacked, Values
from compiler.runtime.ensemble.folds import folds
from compiler.runtime.ensemble.methods.base import Weighting, one_thread
from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.training.losses import Task
from compiler.settings import PositiveInt

PENALTIES = (math.inf, 10.0, 1.0, 0.1, 0.01, 0.001, 1e-4)
"""What is tried; with the first one the blend is the plain mean (of logarithms, and normalised, for probabilities)."""

Fitted = tuple[Values, Values]  # what is added to the coefficients of the plain mean, and the intercept


class Stacking(Weighting):
    """Ridge regression of the labels on the members' logarithms of probabilities (logistic), or on their values.

    The penalty draws the coefficients to those of the plain mean, and not to 0, so that little is lost where there is
    little to learn. It is chosen by cross-validation: coefficients are never judged on the rows that they were fitted
    to. They may be below 0. Wolpert 1992, Neural Networks 5(2), page 241; van Houwelingen and le Cessie 1990 for the
    penalty.

    Fields:
        folds: of the cross-validation that chooses the penalty.
        iterations: of L-BFGS for one penalty, at most.
    """

    folds: PositiveInt = 5
    iterations: PositiveInt = 100

    def refusal(self, task: Task, objective: Objective, pooling: Pooling) -> str | None:
        return "'stacking' has coefficients of the logarithms in any case" if pooling == "logit" else None

    def weigh(self, problem: Problem) -> Solution:
        pool = problem.pool
        terms = _terms(pool)
        best = math.inf
        with one_thread():
            if len(pool) >= 2 and self.folds >= 2:
                best = self._penalty(problem, terms)
            penalties = PENALTIES[: PENALTIES.index(best) + 1]
            blend = _blend(pool, self._path(terms, pool, np.arange(len(pool)), penalties)[-1])
        return Solution(blend, problem.cost_of(blend), iterations=len(penalties))

    def _penalty(self, problem: Problem, terms: Values) -> float:
        """The penalty whose predictions of the folds that were left out cost least."""
        pool = problem.pool
        fold = folds(pool.labels, pool.task, self.folds, problem.seed)
        said = np.empty((len(PENALTIES), len(pool), pool.width))
        for number in range(int(fold.max()) + 1):
            train, out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            part = pool.take(out)
            for i, fitted in enumerate(self._path(terms, pool, train, PENALTIES)):
                said[i, out] = part.blended(_blend(pool, fitted))
        return PENALTIES[int(np.argmin([problem.mean_of(one) for one in said]))]

    def _path(self, terms: Values, pool: Pool, rows: NDArray[np.int64], penalties: Sequence[float]) -> list[Fitted]:
        """What is fitted to some rows, for each penalty; each begins where the one before it came to."""
        given, labels = terms[rows], pool.labels[rows]
        shape = (pool.size, pool.width, pool.width) if _classes(pool.task) else (pool.size, pool.width)
        fitted: Fitted = np.zeros(shape), np.zeros(pool.width)
        path: list[Fitted] = []
        for penalty in penalties:
            if penalty < math.inf:
                way = _squares if pool.task == "regression" else self._logistic
                fitted = way(given, labels, penalty, fitted)
            path.append(fitted)
        return path

    def _logistic(self, terms: Values, labels: NDArray[Any], penalty: float, begin: Fitted) -> Fitted:
        from scipy.optimize import minimize

        value = _cross_entropy(terms, labels, penalty, begin)
        flat = np.concatenate([begin[0].ravel(), begin[1]])
        found = minimize(value, flat, jac=True, method="L-BFGS-B", options={"maxiter": self.iterations, "ftol": 1e-8})
        return found.x[: begin[0].size].reshape(begin[0].shape), found.x[begin[0].size :]


def _classes(task: Task) -> bool:
    return task in ("multiclass", "binary")


def _terms(pool: Pool) -> Values:
    """What coefficients multiply, (N, M, C)."""
    plain = Stacked(pool.task, np.zeros((1, 1)), np.zeros(1))
    return np.stack([plain.term(pool.member(m)) for m in range(pool.size)], axis=1)


def _blend(pool: Pool, fitted: Fitted) -> Stacked:
    """The blend of the plain mean and what is added to it."""
    mean = np.eye(pool.width) if _classes(pool.task) else np.ones(pool.width)
    return Stacked(pool.task, fitted[0] + mean / pool.size, fitted[1])


def _cross_entropy(
    terms: Values, labels: NDArray[Any], penalty: float, begin: Fitted
) -> Callable[[Values], tuple[float, Values]]:
    """The penalised cross-entropy, and its gradient, of flat coefficients and intercept."""
    rows, _, width = terms.shape
    offset = terms.mean(axis=1)
    shape = begin[0].shape
    flat = terms.reshape(rows, -1)
    truth = np.eye(width)[labels] if len(shape) == 3 else labels.astype(np.float64)

    def value(given: Values) -> tuple[float, Values]:
        added, intercept = given[:-width].reshape(shape), given[-width:]
        if len(shape) == 3:
            logits = offset + flat @ added.reshape(-1, width) + intercept
            top = logits.max(axis=1, keepdims=True)
            log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
            said = np.exp(logits - log_sum[:, None])
            loss = (log_sum - (logits * truth).sum(axis=1)).mean()
            wrong = (said - truth) / rows
            slope = flat.T @ wrong
        else:
            logits = offset + np.einsum("nmk,mk->nk", terms, added) + intercept
            loss = (np.logaddexp(0, logits) - truth * logits).mean()
            wrong = (1 / (1 + np.exp(-logits)) - truth) / truth.size
            slope = np.einsum("nmk,nk->mk", terms, wrong)
        gradient = np.concatenate([slope.ravel() + penalty * added.ravel(), wrong.sum(axis=0)])
        return float(loss + penalty / 2 * np.square(added).sum()), gradient

    return value


def _squares(terms: Values, labels: NDArray[Any], penalty: float, begin: Fitted) -> Fitted:
    """Ridge regression of what the plain mean leaves, of each target on what the members say about it."""
    from sklearn.linear_model import Ridge

    rows, _, width = terms.shape
    left = labels.reshape(rows, width) - terms.mean(axis=1)
    added, intercept = np.zeros_like(begin[0]), np.zeros(width)
    for k in range(width):
        # relative to the variance of what is said, so that units do not matter
        ridge = Ridge(alpha=max(penalty * rows * float(terms[:, :, k].var()), 1e-12), solver="cholesky")
        ridge.fit(terms[:, :, k], left[:, k])
        added[:, k], intercept[k] = ridge.coef_, ridge.intercept_
    return added, intercept
