"""Optimal weights against SciPy's SLSQP, and their certificates against whatever weights there are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.ensemble.aim import check_aim
from compiler.runtime.ensemble.methods import Optimal
from compiler.runtime.ensemble.objectives import AUC, MAE, RMSE, Accuracy, Brier, LogLoss, MacroF1, Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.solvers.likelihood import likeliest
from compiler.runtime.ensemble.solvers.logarithmic import penalty
from compiler.runtime.training.losses import Task
from compiler.spec.located import Leaf, Map

Array = NDArray[Any]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """BLAS's threads spin while they wait: beside other processes small problems would take 20 times as long."""
    with threadpool_limits(1, "blas"):
        yield


def slsqp(cost: Any, slope: Any, size: int) -> Array:
    """SciPy's optimum over the simplex."""
    whole = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(size)}
    options = {"ftol": 1e-13, "maxiter": 1000}
    start = np.full(size, 1 / size)
    found = minimize(cost, start, jac=slope, method="SLSQP", bounds=[(0, 1)] * size, constraints=whole, options=options)
    weights = np.clip(found.x, 0, None)
    return weights / weights.sum()


def likeliest_by_slsqp(truth: Array) -> Array:
    def slope(w: Array) -> Array:
        return -(truth / (truth @ w)[:, None]).mean(axis=0)

    return slsqp(lambda w: -np.log(truth @ w).mean(), slope, truth.shape[1])


def members(seed: int) -> tuple[Array, Array]:
    """Probabilities (M, N, C) of members that learnt the same, each with its own errors and its own confidence."""
    drawn = np.random.default_rng(seed)
    size, rows, classes = int(drawn.integers(2, 65)), int(drawn.choice([2, 5, 30, 300])), int(drawn.integers(2, 6))
    labels = drawn.integers(0, classes, rows)
    signal = 2.0 * (labels[:, None] == np.arange(classes)) + drawn.normal(size=(rows, classes))
    logits = signal + drawn.normal(size=(size, rows, classes)) * drawn.uniform(0.3, 2, (size, 1, 1))
    logits *= drawn.uniform(0.3, 3, (size, 1, 1))
    said = np.exp(logits - logits.max(axis=2, keepdims=True))
    return said / said.sum(axis=2, keepdims=True), labels


def spoilt(said: Array, labels: Array, how: int) -> Array:
    """What real pools have: duplicates, a useless member, a perfect one, members that are sure and wrong."""
    said = said.copy()
    match how:
        case 1:
            said[-1] = said[0]
        case 2:
            said[0] = said.shape[2] ** -1.0
        case 3:
            said[0] = np.eye(said.shape[2])[labels]
        case 4:
            said[0] = np.eye(said.shape[2])[(labels + 1) % said.shape[2]]
        case 5:
            said[:, 0] = np.eye(said.shape[2])[(labels[0] + 1) % said.shape[2]]  # all of them, in one row
        case _:
            pass
    return said


def pool_of(said: Array, labels: Array, task: Any) -> Pool:
    names = tuple(str(k) for k in range(len(said)))
    columns = tuple(str(k) for k in range(said.shape[2]))
    return Pool(task, columns, names, tuple(said.astype(np.float32)), labels, np.arange(said.shape[1]))


@pytest.mark.parametrize("block", range(4))
def test_log_loss_is_slsqps_in_200_problems(block: int) -> None:
    for seed in range(50 * block, 50 * block + 50):
        said, labels = members(seed)
        problem = Problem(pool_of(spoilt(said, labels, seed % 6), labels, "multiclass"), LogLoss())
        solution = Optimal().weigh(problem)
        truth = np.maximum(problem.pool.truth.astype(np.float64), 1e-15)
        weights = likeliest_by_slsqp(truth)
        reference = LogLoss().value(problem.said(problem.blend(weights)), labels, "multiclass")
        assert solution.weights is not None and solution.gap is not None
        assert solution.weights.min() >= 0 and solution.weights.sum() == pytest.approx(1, abs=1e-12)
        assert solution.cost == pytest.approx(reference, abs=1e-6), seed
        assert solution.gap <= 1e-8, seed
        assert solution.cost - reference <= solution.gap, seed
        assert solution.cost == pytest.approx(LogLoss().value(problem.said(solution.blend), labels, "multiclass"))


@given(st.integers(0, 10**6), st.integers(0, 5), st.floats(-8, 1), st.booleans())
def test_no_weights_are_below_the_bound(seed: int, how: int, digits: float, with_linear: bool) -> None:
    said, labels = members(seed)
    truth = spoilt(said, labels, how)[:, np.arange(len(labels)), labels].T
    size, drawn = truth.shape[1], np.random.default_rng(seed)
    linear = drawn.normal(size=size) * 0.1 if with_linear else np.zeros(size)
    scale = 1.5 if with_linear else 1.0
    truth = np.maximum(truth, 1e-15)

    def value(w: Array) -> Any:
        return linear @ w - scale * np.log(truth @ w).mean(axis=0)

    found = likeliest(truth, linear if with_linear else None, scale, tolerance=10**digits)
    best = likeliest(truth, linear if with_linear else None, scale)
    assert value(found.weights) - found.bound <= 10**digits
    others = [found.weights, best.weights, *np.eye(size), *drawn.dirichlet(np.full(size, 0.3), 20)]
    assert min(value(w) for w in others) >= found.bound
    assert value(best.weights) <= min(value(w) for w in others) + 1e-8


def values(seed: int, task: str) -> tuple[Array, Array]:
    """What members say (M, N, K) of labels, or of several targets, which one member knows and another has not seen."""
    drawn = np.random.default_rng(seed)
    size, rows, width = int(drawn.integers(2, 20)), int(drawn.choice([2, 30, 200])), int(drawn.integers(1, 4))
    due = drawn.normal(size=(rows, width))
    said = due + drawn.normal(size=(rows, width)) / 2 + drawn.normal(size=(size, rows, width))
    said *= drawn.uniform(0.5, 1.5, (size, 1, 1))
    if task == "multilabel":
        said, due = 1 / (1 + np.exp(-said)), (due > 0).astype(np.int64)
    match seed % 4:
        case 1:
            said[-1] = said[0]
        case 2:
            said[0] = due
        case 3:
            said[0] = 0 if task == "multilabel" else 1e4
        case _:
            pass
    return said, due


@pytest.mark.parametrize("diversity", [0.0, 0.3])
@pytest.mark.parametrize(
    ("objective", "task"),
    [
        (Brier(), "multiclass"),
        (Brier(), "binary"),
        (Brier(), "multilabel"),
        (LogLoss(), "multilabel"),
        (RMSE(), "regression"),
        (MAE(), "regression"),
    ],
)
def test_other_objectives(objective: Objective, task: Task, diversity: float) -> None:
    for seed in range(24):
        said, labels = members(seed) if task in ("multiclass", "binary") else values(seed, task)
        if task == "binary":
            said, labels = said[:, :, :2] / said[:, :, :2].sum(axis=2, keepdims=True), labels % 2
        if task in ("multiclass", "binary"):
            said = spoilt(said, labels, seed % 6)
        said = said[:20]
        problem = Problem(pool_of(said, labels, task), objective, diversity=diversity)
        solution = Optimal().weigh(problem)
        assert solution.weights is not None and solution.gap is not None
        drawn = np.random.default_rng(seed)
        size = len(said)
        others = [*np.eye(size), *drawn.dirichlet(np.full(size, 0.3), 50), searched(problem, solution.weights)]
        least = min(map(problem.penalised, others))
        reached = problem.penalised(solution.weights)
        unit = max(1.0, problem.mean_cost(solution.weights))
        assert reached <= least + 1e-8 * unit, seed
        assert solution.gap <= 1e-8 * unit, seed
        if not diversity:
            assert solution.cost - objective.of_mean(max(least, 0.0)) <= solution.gap, seed
            assert solution.cost == pytest.approx(objective.cost(problem.said(solution.blend), labels, task), abs=1e-9)


def searched(problem: Problem, start: Array) -> Array:
    """What SLSQP, which is given values alone, makes of weights that are near to `start`."""
    size = len(start)
    begin = 0.9 * start + 0.1 / size
    whole = {"type": "eq", "fun": lambda w: w.sum() - 1}
    found = minimize(problem.penalised, begin, method="SLSQP", bounds=[(0, 1)] * size, constraints=whole)
    weights = np.clip(found.x, 0, None)
    return weights / weights.sum()


@pytest.mark.parametrize("objective", [Accuracy(), MacroF1(), AUC()])
def test_what_is_not_convex_has_no_proof(objective: Objective) -> None:
    assert "cannot be proved: it is not convex" in str(Optimal().refusal("binary", objective, "probability"))
    assert Optimal().refusal("binary", LogLoss(), "probability") is None
    assert "logits are pooled" in str(Optimal().refusal("binary", Brier(), "logit"))


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_pooled_logits(task: Task) -> None:
    ridge = 2.0
    for seed in range(20):
        said, labels = members(seed) if task != "multilabel" else values(seed, task)
        if task == "binary":
            said, labels = said[:, :, :2] / said[:, :, :2].sum(axis=2, keepdims=True), labels % 2
        if task != "multilabel":
            said = spoilt(said, labels, seed % 6)
        said = said[:10]
        problem = Problem(pool_of(said, labels, task), LogLoss(), "logit")
        solution = Optimal(ridge=ridge).weigh(problem)
        assert solution.weights is not None and solution.gap is not None

        def penalised(w: Array, problem: Problem = problem) -> float:
            return problem.mean_cost(w) + penalty(w, ridge, len(problem.pool))

        reached = penalised(solution.weights)
        found = minimize(penalised, 0.9 * solution.weights + 0.01, method="L-BFGS-B", bounds=[(0, None)] * len(said))
        drawn = np.random.default_rng(seed).gamma(0.3, size=(50, len(said)))
        assert solution.weights.min() >= 0 and solution.gap <= 1e-8, seed
        assert reached - min(float(found.fun), *map(penalised, drawn)) <= solution.gap, seed
        assert reached == pytest.approx(float(found.fun), abs=1e-6), seed


@pytest.mark.parametrize(
    ("settings", "task", "message", "where"),
    [
        ({"objective": Accuracy()}, "binary", "the optimum of 'accuracy' cannot be proved", "objective"),
        ({"objective": Brier(), "pooling": "logit"}, "binary", "the optimum of 'brier' cannot be proved", "pooling"),
        ({"objective": RMSE()}, "binary", "'rmse' is no objective of members of the task 'binary'", "objective"),
        ({"objective": MAE(), "pooling": "logit"}, "regression", "values have no logits", "pooling"),
        ({"objective": Brier(), "pooling": "auto"}, "binary", None, ""),
    ],
)
def test_what_cannot_be_found_is_a_fault_where_it_was_asked_for(
    settings: dict[str, Any], task: Task, message: str | None, where: str
) -> None:
    def place(line: int) -> Place:
        return Place(Source("optimal.yaml", "objective: x\npooling: y\n"), line, 1)

    section = Map({"objective": Leaf("x", place(1)), "pooling": Leaf("y", place(2))}, place(1))
    diagnostics = Diagnostics()
    check_aim(EnsembleSettings(method=Optimal(), **settings), task, section, diagnostics)
    assert [fault.code for fault in diagnostics.faults] == ([] if message is None else ["E852"])
    if message:
        (fault,) = diagnostics.faults
        assert message in fault.message and fault.hint
        assert fault.place == section.entries[where].place
