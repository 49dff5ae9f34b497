"""Measures of pairs against scikit-learn's and plain counting; the split of the loss against the papers' formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from compiler.runtime.ensemble.blends import Pooling, Weighted
from compiler.runtime.ensemble.diversity import ambiguity, pairs
from compiler.runtime.ensemble.objectives import MAE, RMSE, Accuracy, Brier, LogLoss, Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.training.losses import Task
from tests.ensemble.pools import drawn_pool


@pytest.mark.parametrize(("task", "width"), [("multiclass", 300), ("multiclass", 3), ("binary", 2), ("multilabel", 3)])
def test_pairs_are_as_counted_one_by_one(task: Task, width: int) -> None:
    pool = drawn_pool(task, 5, 70, width)
    members = [3, 0, 4]
    found = pairs(pool, members)
    decided = [
        pool.member(m).argmax(axis=1) if task != "multilabel" else pool.member(m).ravel() >= 0.5 for m in members
    ]
    labels = pool.labels.ravel()
    assert found.members == (3, 0, 4)
    assert found.q is not None and found.disagreement is not None and found.double_fault is not None
    assert found.kappa is not None and found.distance is None
    for i, one in enumerate(decided):
        assert found.errors[i] == pytest.approx(np.mean(one != labels))
        for j, other in enumerate(decided):
            both = {(a, b): 0 for a in (True, False) for b in (True, False)}
            for mine, theirs, label in zip(one, other, labels, strict=True):
                both[bool(mine == label), bool(theirs == label)] += 1
            n11, n10, n01, n00 = both[True, True], both[True, False], both[False, True], both[False, False]
            assert found.q[i, j] == pytest.approx((n11 * n00 - n01 * n10) / (n11 * n00 + n01 * n10))
            assert found.disagreement[i, j] == pytest.approx((n01 + n10) / len(labels))
            assert found.double_fault[i, j] == pytest.approx(n00 / len(labels))
            assert found.error_correlation[i, j] == pytest.approx(np.corrcoef(one != labels, other != labels)[0, 1])
            assert found.kappa[i, j] == pytest.approx(cohen_kappa_score(one, other))


def test_pairs_of_values() -> None:
    pool = drawn_pool("regression", 4, 50, width=2)
    found = pairs(pool, [2, 1])
    one, other = (pool.member(m).astype(float) for m in (2, 1))
    assert found.distance is not None and found.q is None and found.kappa is None
    assert found.distance[0, 1] == found.distance[1, 0] == pytest.approx(np.sqrt(np.square(one - other).mean()))
    expected = np.corrcoef((one - pool.labels).ravel(), (other - pool.labels).ravel())[0, 1]
    assert found.error_correlation[0, 1] == pytest.approx(expected)
    assert found.errors[0] == pytest.approx(np.sqrt(np.square(one - pool.labels).mean()))


def test_where_a_member_is_never_wrong_some_measures_do_not_exist() -> None:
    pool = drawn_pool("multiclass", 2, 30)
    said = (np.eye(4, dtype=np.float32)[pool.labels], pool.said[1])
    found = pairs(Pool(pool.task, pool.classes, pool.names, said, pool.labels, pool.rows), [0, 1])
    assert found.q is not None and found.kappa is not None and found.double_fault is not None
    assert np.isnan(found.q[0, 1]) and np.isnan(found.error_correlation[0, 1])
    assert found.double_fault[0, 1] == 0 and found.kappa[0, 0] == 1


_SIZES = st.tuples(st.integers(1, 6), st.integers(1, 12), st.integers(2, 5), st.integers(0, 10**6))


@st.composite
def _blended(draw: Any, task: Task) -> tuple[Pool, np.ndarray]:
    members, rows, width, seed = draw(_SIZES)
    weights = np.array([draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])) for _ in range(members)])
    weights[draw(st.integers(0, members - 1))] += 1
    return drawn_pool(task, members, rows, width, seed), weights / weights.sum()


def _split(pool: Pool, weights: np.ndarray, objective: Objective, pooling: Pooling = "probability") -> Any:
    problem = Problem(pool, objective, pooling)
    found = ambiguity(problem, problem.blend(weights))
    said = pool.blended(problem.blend(weights))
    losses = [objective.by_row(one, pool.labels, pool.task) for one in (said, *map(pool.member, range(pool.size)))]
    ours, *theirs = (float(one.mean()) for one in losses if one is not None)
    assert found.members == pytest.approx(weights @ theirs)
    assert found.ensemble == pytest.approx(ours, rel=1e-6, abs=1e-6) and found.confidence == 0
    return found, said


@given(_blended("regression"))
def test_krogh_and_vedelsby(drawn: tuple[Pool, np.ndarray]) -> None:
    pool, weights = drawn
    found, said = _split(pool, weights, RMSE())
    apart = [np.square(pool.member(m) - said).mean() for m in range(pool.size)]
    assert found.ambiguity == pytest.approx(weights @ apart, rel=1e-5, abs=1e-6)
    assert _split(pool, weights, MAE())[0].ambiguity >= -1e-12


@given(_blended("multiclass"), st.sampled_from(["probability", "logit"]))
def test_the_split_of_classes(drawn: tuple[Pool, np.ndarray], pooling: Pooling) -> None:
    pool, weights = drawn
    p = [pool.member(m).astype(np.float64) for m in range(pool.size)]
    found, said = _split(pool, weights, LogLoss(), pooling)
    if pooling == "logit":
        apart = [(said * np.log(said / one)).sum(axis=1).mean() for one in p]  # Heskes
    else:
        every = np.arange(len(pool)), pool.labels
        apart = [np.log(said[every] / one[every]).mean() for one in p]
        brier, _ = _split(pool, weights, Brier())
        squares = [np.square(one - said).sum(axis=1).mean() for one in p]
        assert brier.ambiguity == pytest.approx(weights @ squares, rel=1e-5, abs=1e-6)
    assert found.ambiguity == pytest.approx(weights @ apart, rel=1e-5, abs=1e-6) and found.ambiguity >= -1e-7


@given(_blended("multilabel"), st.sampled_from(["probability", "logit"]))
def test_the_split_of_labels(drawn: tuple[Pool, np.ndarray], pooling: Pooling) -> None:
    pool, weights = drawn
    p = [pool.member(m).astype(np.float64) for m in range(pool.size)]
    found, said = _split(pool, weights, LogLoss(), pooling)
    if pooling == "logit":
        apart = [(said * np.log(said / q) + (1 - said) * np.log((1 - said) / (1 - q))).mean() for q in p]
    else:
        given_to_it = [np.where(pool.labels > 0, q, 1 - q) for q in (said, *p)]
        apart = [np.log(given_to_it[0] / q).mean() for q in given_to_it[1:]]
    assert found.ambiguity == pytest.approx(weights @ apart, rel=1e-4, abs=1e-5) and found.ambiguity >= -1e-6


@pytest.mark.parametrize("pooling", ["probability", "logit"])
def test_a_temperature_and_large_weights_have_their_own_part(pooling: Pooling) -> None:
    pool = drawn_pool("multiclass", 4, 60)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    factor = 2.0 if pooling == "logit" else 1.0
    blend = Weighted("multiclass", shares * factor, pooling, temperature=0.8)
    problem = Problem(pool, LogLoss(), pooling)
    found = ambiguity(problem, blend)
    plain = ambiguity(problem, problem.blend(shares))
    assert (found.members, found.ambiguity) == (pytest.approx(plain.members), pytest.approx(plain.ambiguity))
    assert found.ensemble == pytest.approx(LogLoss().value(pool.blended(blend), pool.labels, "multiclass"))
    assert found.members - found.ambiguity - found.confidence == pytest.approx(found.ensemble) != plain.ensemble


def test_larger_is_better_for_accuracy_and_the_split_is_of_its_opposite() -> None:
    pool = drawn_pool("multiclass", 4, 60)
    problem = Problem(pool, Accuracy())
    found = ambiguity(problem, problem.blend(np.full(4, 0.25)))
    each = [np.mean(pool.member(m).argmax(axis=1) == pool.labels) for m in range(4)]
    assert found.members == pytest.approx(-np.mean(each))
    assert found.as_json()["ensemble"] == -np.mean(pool.tensor().mean(axis=0).argmax(axis=1) == pool.labels)


def test_weights_below_zero_have_no_split() -> None:
    problem = Problem(drawn_pool("multiclass", 2, 20), LogLoss())
    with pytest.raises(ValueError, match="not negative"):
        ambiguity(problem, problem.blend(np.array([1.5, -0.5])))
