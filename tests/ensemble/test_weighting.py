"""The whole way from a pool to its weights, and their cross-validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from compiler.runtime.ensemble.blends import Weighted
from compiler.runtime.ensemble.duplicates import apart, correlations
from compiler.runtime.ensemble.folds import folds
from compiler.runtime.ensemble.methods import Greedy, Optimal, Stacking, Uniform, Weighting
from compiler.runtime.ensemble.objectives import LogLoss
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import cross_validated, weigh

from .pools import TASKS, drawn_pool, named


@settings(max_examples=50)
@given(st.integers(2, 60), st.integers(2, 12), st.integers(0, 1000))
def test_folds_are_equal_and_have_their_share_of_each_class(rows: int, count: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, rows)
    fold = folds(labels, "multiclass", count, seed)
    sizes = np.bincount(fold, minlength=min(count, rows))
    assert len(sizes) == min(count, rows) and sizes.max() - sizes.min() <= 1
    for label in range(3):
        share = np.bincount(fold[labels == label], minlength=len(sizes))
        assert share.max() - share.min() <= 1
    assert np.array_equal(fold, folds(labels, "multiclass", count, seed))


@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_predicted_by_weights_that_have_not_seen_it(task: str) -> None:
    one = drawn_pool(task, 4, 60, seed=1)  # pyright: ignore[reportArgumentType]  # a task, from TASKS
    chosen = EnsembleSettings(method=Greedy(rounds=8))
    crossed = cross_validated(one, chosen)
    for number in range(5):
        train, out = np.flatnonzero(crossed.fold != number), np.flatnonzero(crossed.fold == number)
        blend = chosen.method.weigh(Problem(one.take(train), chosen.objective_of(one.task))).blend
        assert np.allclose(crossed.said[out], one.take(out).blended(blend), atol=1e-12)
    assert crossed.value == chosen.objective_of(one.task).value(crossed.said, one.labels, one.task)


def test_labels_of_a_fold_change_nothing_of_what_is_said_about_it() -> None:
    one = drawn_pool("multiclass", 5, 80, seed=3)
    options = EnsembleSettings(method=Optimal(), pooling="probability", near_duplicates=0.95, temperature=True)
    crossed = cross_validated(one, options)
    out = crossed.fold == 2
    labels = one.labels.copy()
    labels[out] = np.roll(labels[out], 1)  # the classes' counts, and so the folds of a plain task, stay
    told = weigh(replace(one, labels=labels).take(np.flatnonzero(~out)), options)
    said = one.take(np.flatnonzero(out)).blended(told.solution.blend)
    assert np.allclose(said, crossed.said[out], atol=1e-12)


@pytest.mark.parametrize("method", [Uniform(), Optimal(), Greedy(rounds=20), Stacking(iterations=10)], ids=named)
@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_members_than_allowed(method: Weighting, most: int) -> None:
    one = drawn_pool("multiclass", 6, 100, seed=4)
    found = weigh(one, EnsembleSettings(method=method, max_members=most))
    used = found.solution.blend.used
    assert 1 <= len(used) <= most and set(used) <= set(found.kept)
    again = method.weigh(Problem(one.only(found.kept), LogLoss()))  # weighed again without the rest
    assert np.allclose(one.blended(found.solution.blend), one.only(found.kept).blended(again.blend))
    if most == 1:
        assert found.solution.cost <= np.sort(Problem(one, LogLoss()).singles)[1] + 0.05


def test_of_near_duplicates_the_best_stays() -> None:
    one = drawn_pool("multiclass", 3, 100, seed=6)
    twin = (one.said[0] + 0.01) / 1.04
    worse = replace(one, names=("a", "b", "c", "twin"), said=(*one.said, twin.astype(np.float32)))
    alike = correlations(worse)
    assert np.allclose(alike, np.corrcoef([said.ravel() for said in worse.said]), atol=1e-9)
    kept = apart(worse, LogLoss(), 0.9999)
    singles = Problem(worse, LogLoss()).singles
    assert kept == [m for m in range(4) if m != (0 if singles[3] < singles[0] else 3)]
    found = weigh(worse, EnsembleSettings(near_duplicates=0.9999))
    assert found.kept == tuple(kept) and "left out" in found.notes[0]
    assert found.solution.blend.used == found.kept


def test_bags_are_the_mean_of_draws() -> None:
    one = drawn_pool("multiclass", 4, 50, seed=7)
    found = weigh(one, EnsembleSettings(method=Optimal(), bags=10, seed=3)).solution
    random = np.random.default_rng(3)
    each = [
        Optimal().weigh(Problem(one.take(np.sort(random.integers(0, 50, 50))), LogLoss())).weights for _ in range(10)
    ]
    assert found.weights is not None and np.allclose(found.weights, np.mean(np.array(each), axis=0))
    assert found.gap is None
    stacked = weigh(one, EnsembleSettings(method=Stacking(iterations=5), bags=2)).solution
    assert np.isfinite(stacked.cost)


@pytest.mark.parametrize("pooling", ["probability", "logit"])
def test_the_temperature_is_the_best_there_is(pooling: str) -> None:
    one = drawn_pool("multiclass", 4, 200, seed=8)
    options = EnsembleSettings(pooling=pooling)  # pyright: ignore[reportArgumentType]  # both are spaces
    cold = weigh(one, options).solution
    warm = weigh(one, options.model_copy(update={"temperature": True})).solution
    assert isinstance(cold.blend, Weighted) and isinstance(warm.blend, Weighted)
    assert warm.cost < cold.cost and np.array_equal(warm.blend.weights, cold.blend.weights)
    assert np.array_equal(one.blended(warm.blend).argmax(axis=1), one.blended(cold.blend).argmax(axis=1))
    problem, blend = Problem(one, LogLoss()), cold.blend
    best = minimize_scalar(lambda t: problem.cost_of(replace(blend, temperature=t)), bracket=(0.5, 1.0))
    assert warm.cost == pytest.approx(best.fun, abs=1e-8)  # pyright: ignore[reportAttributeAccessIssue]  # SciPy's result


def test_the_space_of_pooling_is_decided_by_cross_validation() -> None:
    options = EnsembleSettings(method=Greedy(rounds=5), pooling="auto")
    for seed in range(3):
        one = drawn_pool("multiclass", 4, 100, seed=seed)
        values = {
            space: cross_validated(one, options.model_copy(update={"pooling": space})).value
            for space in ("probability", "logit")
        }
        found = weigh(one, options)
        assert found.pooling == min(values, key=lambda space: values[space])
        assert f"{values['logit']:.5f}" in found.notes[0]
    assert weigh(drawn_pool("regression", 3, 40), options).pooling == "probability"


def test_diversity_is_taken_off_the_objective() -> None:
    one = drawn_pool("multiclass", 5, 200, seed=9)
    plain, diverse = (weigh(one, EnsembleSettings(method=Optimal(), diversity=rate)).solution for rate in (0.0, 2.0))
    singles = Problem(one, LogLoss()).singles
    assert plain.weights is not None and diverse.weights is not None
    assert diverse.weights @ singles - diverse.cost > plain.weights @ singles - plain.cost
    assert diverse.cost >= plain.cost - 1e-9
