"""Bootstrap intervals against SciPy's, and McNemar's test against sums of exact fractions and SciPy's binomial test."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from compiler.runtime.ensemble.intervals import mcnemar, resample, right
from compiler.runtime.ensemble.objectives import AUC, MAE, RMSE, Accuracy, Brier, LogLoss, MacroF1, Objective
from compiler.runtime.training.losses import Task

_ROWS = 40


def _made(task: Task, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A better and a worse model, with ties in what they say."""
    drawn = np.random.default_rng(seed)
    if task == "regression":
        labels = drawn.normal(size=(_ROWS, 2))
        return {name: labels + s * drawn.normal(size=(_ROWS, 2)) for name, s in (("a", 0.3), ("b", 0.5))}, labels
    if task == "multilabel":
        labels = drawn.integers(0, 2, (_ROWS, 3))
        said = {name: np.round(0.5 * drawn.random((_ROWS, 3)) + w * labels, 1) for name, w in (("a", 0.4), ("b", 0.2))}
        return said, labels
    classes = 2 if task == "binary" else 4
    labels = drawn.integers(0, classes, _ROWS)
    hot = np.eye(classes)[labels]
    said = {}
    for name, weight in (("a", 0.5), ("b", 0.3)):
        counts = drawn.multinomial(10, np.ones(classes) / classes, _ROWS) / 10
        said[name] = (1 - weight) * counts + weight * hot
    return said, labels


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel", "regression"])
@pytest.mark.parametrize("objective", [LogLoss(), Brier(), RMSE(), MAE(), Accuracy(), MacroF1(), AUC()], ids=repr)
def test_intervals_are_scipys(objective: Objective, task: Task) -> None:
    if task not in objective.tasks:
        return
    said, labels = _made(task)
    draws = 30 if isinstance(objective, AUC) else 200  # scikit-learn's is slow
    ours = resample(objective, said, labels, task, draws=draws, seed=3)

    def gain(rows: np.ndarray) -> float:
        a, b = (objective.cost(said[name][rows], labels[rows], task) for name in "ab")
        return b - a

    rows = np.arange(_ROWS)
    theirs = stats.bootstrap((rows,), gain, n_resamples=draws, vectorized=False, method="percentile", rng=_again(3))
    found = ours.gain("a", "b")
    assert found.estimate == pytest.approx(gain(rows), abs=1e-12) and ours.gain("b", "a").estimate == -found.estimate
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)
    value = stats.bootstrap(
        (rows,),
        lambda rows: objective.value(said["a"][rows], labels[rows], task),
        n_resamples=draws, vectorized=False, method="percentile", confidence_level=0.8, rng=_again(3),
    )  # fmt: skip
    found = ours.value("a", level=0.8)
    assert (found.low, found.high) == pytest.approx(tuple(value.confidence_interval), abs=1e-12)


def _again(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_many_rows_are_drawn_in_parts_that_make_the_same_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    said, labels = _made("multiclass")
    whole = resample(LogLoss(), said, labels, "multiclass", draws=50)
    monkeypatch.setattr("compiler.runtime.ensemble.intervals._CHUNK", 3 * _ROWS)
    parts = resample(LogLoss(), said, labels, "multiclass", draws=50)
    np.testing.assert_allclose(parts.drawn["a"], whole.drawn["a"], rtol=1e-14)
    assert len(parts.drawn["a"]) == 50


def test_without_draws_there_is_no_interval() -> None:
    said, labels = _made("multiclass")
    found = resample(LogLoss(), said, labels, "multiclass", draws=0).gain("a", "b")
    assert found.low is None and found.high is None and not found.sure and found.estimate > 0


def test_draws_without_one_of_two_classes_have_no_auc() -> None:
    labels = np.array([0, 0, 0, 1])
    p = np.array([0.1, 0.8, 0.3, 0.6])
    drawn = resample(AUC(), {"a": np.stack([1 - p, p], axis=1)}, labels, "binary", draws=100)
    assert 0 < np.isnan(drawn.drawn["a"]).sum() < 100
    found = drawn.value("a")
    assert found.low is not None and found.high is not None and 0 <= found.low <= found.estimate <= found.high == 1


def test_a_class_without_rows_has_no_part_in_auc() -> None:
    said, labels = _made("multiclass")
    labels[labels == 2] = 1
    found = resample(AUC(), said, labels, "multiclass", draws=1)
    rows = _again(0).integers(0, _ROWS, _ROWS)
    assert found.drawn["a"][0] == pytest.approx(AUC().value(said["a"][rows], labels[rows], "multiclass"))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5), st.integers(0, 5))
def test_mcnemar(gained: int, lost: int, both: int, neither: int) -> None:
    first = np.repeat([True, False, True, False], [gained, lost, both, neither])
    second = np.repeat([False, True, True, False], [gained, lost, both, neither])
    found, turned = mcnemar(first, second), mcnemar(second, first)
    assert (found.gained, found.lost) == (gained, lost) == (turned.lost, turned.gained)
    n, k = gained + lost, min(gained, lost)
    tail = [Fraction(comb(n, i), 2**n) for i in range(k + 1)]
    assert found.exact == turned.exact == pytest.approx(stats.binomtest(gained, n).pvalue if n else 1.0)
    assert found.mid == turned.mid == pytest.approx(float(2 * sum(tail) - tail[-1]) if n else 1.0)
    assert found.mid <= found.exact <= 1


def test_which_rows_are_right() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
    assert right(p, np.array([0, 0, 0]), "binary").tolist() == [True, False, True]
    assert right(p, np.array([[1, 0], [1, 1], [1, 0]]), "multilabel").tolist() == [True, False, True]
