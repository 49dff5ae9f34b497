"""What members are worth, against SciPy's optimum without each of them, and ensembles of few members by plain loops."""

import numpy as np
import pytest
from scipy.optimize import minimize

from compiler.runtime.ensemble.methods import Uniform
from compiler.runtime.ensemble.methods.optimal import Optimal
from compiler.runtime.ensemble.objectives import RMSE, LogLoss, MacroF1
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.ensemble.weighting import folds
from compiler.runtime.ensemble.worth import by_size, order, worths
from tests.ensemble.pools import drawn_pool


def _least(truth: np.ndarray) -> float:
    """The least log-loss of a blend of probabilities of the right class, (N, M), by SLSQP."""
    size = truth.shape[1]
    found = minimize(
        lambda w: -np.log(truth @ w).mean(),
        np.full(size, 1 / size),
        jac=lambda w: -(truth / (truth @ w)[:, None]).mean(axis=0),
        bounds=[(0, 1)] * size,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(size)},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return float(found.fun)


def test_the_worth_of_each_is_what_the_optimum_loses_without_it() -> None:
    pool = drawn_pool("multiclass", 7, 120, seed=4)
    problem = Problem(pool, LogLoss())
    solution = Optimal().weigh(problem)
    found = worths(problem, Optimal())
    assert solution.weights is not None and sorted(found) == list(range(7))
    truth = pool.truth.astype(np.float64)
    for m, worth in found.items():
        assert worth == pytest.approx(_least(np.delete(truth, m, axis=1)) - _least(truth), abs=1e-6)
        assert worth >= 0 and (solution.weights[m] > 0 or worth == 0)
    assert len([m for m in found if not solution.weights[m]]) >= 1, "the case has an idle member"
    few = worths(problem, Optimal(), most=2)
    heaviest = set(order(problem, solution)[:2])
    assert {m for m, worth in few.items() if worth} == heaviest and all(few[m] == found[m] for m in few)


def test_alone_nobody_can_be_dropped() -> None:
    assert worths(Problem(drawn_pool("multiclass", 1, 20), LogLoss()), Uniform()) == {}


def test_the_worth_in_a_plain_mean_of_values() -> None:
    pool = drawn_pool("regression", 4, 60)
    said, labels = pool.tensor().astype(np.float64), pool.labels
    found = worths(Problem(pool, RMSE()), Uniform())
    for m, worth in found.items():
        without = np.square(np.delete(said, m, axis=0).mean(axis=0) - labels).mean()
        assert worth == pytest.approx(without - np.square(said.mean(axis=0) - labels).mean())


@pytest.mark.parametrize("objective", [LogLoss(), MacroF1()], ids=repr)
def test_the_first_few(objective: LogLoss | MacroF1) -> None:
    pool = drawn_pool("multiclass", 5, 150)
    fold = folds(pool.labels, pool.task, 5, 0)
    found = by_size(Problem(pool, objective), Uniform(), fold)
    assert found.sizes == (1, 2, 3, 4)
    p, y = pool.tensor().astype(np.float64), pool.labels
    for i, k in enumerate(found.sizes):
        total = 0.0
        for number in range(5):
            train, out = fold != number, fold == number
            best = np.argsort([objective.cost(p[m][train], y[train], "multiclass") for m in range(5)], kind="stable")
            said = p[best[:k]].mean(axis=0)[out]
            total += objective.value(said, y[out], "multiclass") * out.sum() / len(y)
        assert found.crossed[i] == pytest.approx(total, rel=1e-6)
    assert found.uniform == found.crossed


def test_more_members_never_harm_the_optimum_on_its_own_rows() -> None:
    pool = drawn_pool("multiclass", 8, 100)
    found = by_size(Problem(pool, LogLoss()), Optimal(), folds(pool.labels, pool.task, 5, 0))
    assert found.sizes == (1, 2, 3, 4, 6, 8)
    fold = folds(pool.labels, pool.task, 5, 0)
    problem = Problem(pool, LogLoss())
    solved = [Optimal().weigh(problem.take(np.flatnonzero(fold != number))) for number in range(-1, 5)]
    assert by_size(problem, Optimal(), fold, known=solved) == found, "what is known need not be found again"
    assert all(more <= less + 1e-9 for less, more in zip(found.in_sample, found.in_sample[1:], strict=False))
    assert found.in_sample[-1] == pytest.approx(_least(pool.truth.astype(np.float64)), abs=1e-6)


def test_when_time_is_out_the_rest_is_left() -> None:
    pool = drawn_pool("multiclass", 6, 60)
    problem = Problem(pool, LogLoss())
    assert set(worths(problem, Uniform(), seconds=-1)) == set()
    none = by_size(problem, Uniform(), folds(pool.labels, pool.task, 5, 0), seconds=-1)
    assert none.sizes == none.in_sample == none.crossed == none.uniform == ()
