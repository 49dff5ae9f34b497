"""What every weighting method must do. A new one is tested by being registered; arguments it needs stand here."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from compiler.runtime.ensemble.blends import Stacked, Weighted, blend_of
from compiler.runtime.ensemble.costs import costs_of
from compiler.runtime.ensemble.methods import (
    Fixed,
    Greedy,
    NelderMead,
    Optimal,
    RandomSearch,
    Stacking,
    Uniform,
    Weighting,
)
from compiler.runtime.ensemble.objectives import Accuracy, LogLoss, Objective
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.training.losses import Task
from compiler.runtime.training.named import chosen

from .pools import TASKS, drawn_pool, named

ARGUMENTS: dict[type[Weighting], dict[str, object]] = {
    Fixed: {"weights": [1, 2, 3, 0]},
    NelderMead: {"evaluations": 60},
    RandomSearch: {"draws": 40},
    Stacking: {"iterations": 10},
}
METHODS: list[Weighting] = [cls(**ARGUMENTS.get(cls, {})) for cls in Weighting.choices()]
CASES = [
    (task, objective())
    for objective in Objective.choices()
    for task in TASKS
    if task in objective.tasks and not (task == "binary" and objective is not LogLoss)
]


@pytest.mark.parametrize("method", METHODS, ids=named)
@pytest.mark.parametrize(("task", "objective"), CASES, ids=named)
def test_a_method_keeps_what_all_promise(method: Weighting, task: Task, objective: Objective) -> None:
    if method.refusal(task, objective, "probability") is not None:
        pytest.skip("the method refuses the objective")  # its refusal is a test of its own
    one = drawn_pool(task, 4, 40, width=3, seed=5)
    problem = Problem(one, objective)
    found = method.weigh(problem)
    said = problem.said(found.blend)
    assert said.shape == (40, one.width) and said.dtype == np.float64 and np.isfinite(said).all()
    if task in ("multiclass", "binary"):
        assert np.allclose(said.sum(axis=1), 1, atol=1e-6) and (said >= 0).all()
    assert found.cost == pytest.approx(objective.cost(said, one.labels, task), abs=1e-6)
    if found.weights is not None:
        assert found.weights.shape == (4,) and found.weights.sum() == pytest.approx(1) and (found.weights >= 0).all()
    if found.gap is not None:
        assert 0 <= found.gap < 1e-3

    again = method.weigh(Problem(one, objective))  # deterministic
    assert np.array_equal(problem.said(again.blend), said)

    back = blend_of(json.loads(json.dumps(found.blend.as_json())))
    assert np.allclose(problem.said(back), said, atol=1e-12)

    some = np.arange(0, 40, 2)  # a pool of views gives what a pool of copies gives
    view = one.take(some)
    copy = replace(view, said=tuple(view.member(m) for m in range(4)), index=None, known_truth=None)
    by_view = view.blended(method.weigh(Problem(view, objective)).blend)
    assert np.allclose(by_view, view.blended(method.weigh(Problem(copy, objective)).blend), atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_one_member_is_the_ensemble(method: Weighting) -> None:
    if isinstance(method, Fixed):
        method = Fixed(weights=[3])
    one = drawn_pool("multiclass", 1, 30)
    found = method.weigh(Problem(one, LogLoss()))
    if isinstance(found.blend, Weighted):
        assert found.blend.weights.tolist() == [1.0]
    assert found.blend.used == (0,)


@pytest.mark.parametrize("method", METHODS, ids=named)
@pytest.mark.parametrize("rows", [2, 3])
def test_a_handful_of_rows_is_enough(method: Weighting, rows: int) -> None:
    one = drawn_pool("multiclass", 4, rows)
    assert np.isfinite(method.weigh(Problem(one, LogLoss())).cost)


@pytest.mark.parametrize("pooling", ["probability", "logit"])
@pytest.mark.parametrize("method", [Greedy(), RandomSearch(draws=200), NelderMead(evaluations=300)], ids=named)
def test_methods_that_search_find_more_than_equal_weights(method: Weighting, pooling: Any) -> None:
    for diversity in (0.0, 0.3):
        problem = Problem(drawn_pool("multiclass", 5, 200, seed=2), LogLoss(), pooling, diversity=diversity)
        found = method.weigh(problem).weights
        assert found is not None
        assert problem.penalised(found) < problem.penalised(np.full(5, 0.2))


def test_nothing_is_below_the_certified_optimum() -> None:
    problem = Problem(drawn_pool("multiclass", 6, 150, seed=4), LogLoss())
    least = Optimal().weigh(problem).cost
    for method in (Uniform(), Greedy(rounds=100), RandomSearch(draws=2000), NelderMead()):
        assert method.weigh(problem).cost > least - 1e-9
    assert NelderMead().weigh(problem).cost == pytest.approx(least, abs=1e-3)


@pytest.mark.parametrize(("task", "objective"), CASES, ids=named)
@pytest.mark.parametrize("pooling", ["probability", "logit"])
def test_costs_that_are_asked_for_quickly_are_the_costs(task: Task, objective: Objective, pooling: Any) -> None:
    if task == "regression" and pooling == "logit":
        return
    random = np.random.default_rng(1)
    problem = Problem(drawn_pool(task, 5, 60, seed=9), objective, pooling, diversity=0.2)
    costs = costs_of(problem)
    weights = random.dirichlet(np.ones(5), 3)
    assert np.allclose(costs.each(weights), [problem.penalised(one) for one in weights], atol=1e-5)
    counts = np.array([2.0, 0, 1, 1, 0])
    costs.start(counts)
    for amounts in (np.ones(5), np.array([-2.0, 0.5, -1, -0.5, 1])):
        moved = [counts + amount * np.eye(5)[m] for m, amount in enumerate(amounts)]
        expected = [problem.penalised(one / one.sum()) for one in moved]
        assert np.allclose([costs.moved(m, amount) for m, amount in enumerate(amounts)], expected, atol=1e-5)
        best, cost = costs.best(range(5), amounts)
        assert cost == pytest.approx(min(expected), abs=1e-5) and expected[best] == pytest.approx(cost, abs=1e-5)


def test_stacking_of_values_is_ridge_regression_of_what_the_mean_leaves() -> None:
    one = drawn_pool("regression", 4, 80, width=2, seed=1)
    blend = Stacking().weigh(Problem(one, chosen(Objective, "rmse", "objective"))).blend
    assert isinstance(blend, Stacked)
    terms = np.stack([said.astype(np.float64) for said in one.said], axis=1)
    found = False
    for penalty in (10.0, 1.0, 0.1, 0.01, 0.001, 1e-4):
        fits = [
            Ridge(alpha=penalty * 80 * terms[:, :, k].var()).fit(
                terms[:, :, k], one.labels[:, k] - terms[:, :, k].mean(1)
            )
            for k in range(2)
        ]
        said = np.stack([fit.predict(terms[:, :, k]) + terms[:, :, k].mean(1) for k, fit in enumerate(fits)], axis=1)
        found = found or np.allclose(one.blended(blend), said, atol=1e-8)
    assert found


def test_the_logistic_part_of_stacking_is_scikit_learns_where_the_mean_says_nothing() -> None:
    """With a pool whose plain mean of logarithms is flat there is nothing to be drawn to, and the two are the same."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(150, 3))
    labels = (logits + random.normal(size=(150, 3))).argmax(axis=1)
    said = [np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, -logits)]
    one = replace(drawn_pool("multiclass", 2, 150, width=3), said=tuple(said), labels=labels)
    blend = Stacking(iterations=2000).weigh(Problem(one, LogLoss())).blend
    features = np.concatenate([np.log(p) for p in said], axis=1)
    gaps: list[float] = []
    for penalty in (10.0, 1.0, 0.1, 0.01, 0.001, 1e-4):
        theirs = LogisticRegression(C=1 / (150 * penalty), max_iter=5000, tol=1e-8).fit(features, labels)
        gaps.append(float(np.abs(one.blended(blend) - theirs.predict_proba(features)).max()))
    assert min(gaps) < 2e-3


def test_stacking_learns_what_no_weights_can_say() -> None:
    """A member that takes two classes for each other is worth much, once they are changed back."""
    one = drawn_pool("multiclass", 3, 600, width=3, seed=8)
    swapped = replace(one, said=tuple(said[:, [1, 0, 2]] for said in one.said))
    problem = Problem(swapped, LogLoss())
    train, out = problem.take(np.arange(400)), problem.take(np.arange(400, 600))
    stacked, weighted = Stacking().weigh(train).blend, Optimal().weigh(train).blend
    assert out.cost_of(stacked) < out.cost_of(weighted) - 0.3
    assert isinstance(stacked, Stacked) and (stacked.coefficients < 0).any()


def test_stacking_of_members_that_know_nothing_stays_at_the_mean() -> None:
    random = np.random.default_rng(3)
    one = drawn_pool("multiclass", 3, 120, seed=3)
    blind = replace(one, labels=random.integers(0, 4, 120))
    said = blind.blended(Stacking().weigh(Problem(blind, Accuracy())).blend)
    assert np.isfinite(said).all()


def test_fixed_weights_go_by_name_or_place() -> None:
    one = drawn_pool("multiclass", 3, 30)
    problem = Problem(one, LogLoss())
    by_name = chosen(Weighting, {"op": "fixed", "weights": {"m2": 3, "m0": 1}}, "method").weigh(problem).weights
    assert by_name.tolist() == [0.25, 0, 0.75]
    assert Fixed(weights=[2, 1, 1]).weigh(problem).weights.tolist() == [0.5, 0.25, 0.25]  # pyright: ignore[reportOptionalMemberAccess]  # `fixed` gives weights
    [named_wrong] = Fixed(weights={"m3": 1}).unsuitable(one)
    assert named_wrong.path == ("weights", "m3") and "m2" in (named_wrong.hint or "")
    [too_few] = Fixed(weights=[1, 1]).unsuitable(one)
    assert "2 weights for 3 members" in too_few.message
