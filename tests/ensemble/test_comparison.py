"""An ensemble and its rivals, against a plain way to the same numbers."""

import numpy as np
import pytest

from compiler.runtime.ensemble.comparison import BEST, best_single, compare_test, compare_val
from compiler.runtime.ensemble.intervals import mcnemar
from compiler.runtime.ensemble.methods import Uniform
from compiler.runtime.ensemble.objectives import Accuracy, LogLoss, MacroF1, Objective
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import cross_validated, weigh
from tests.ensemble.pools import drawn_pool


@pytest.mark.parametrize("objective", [LogLoss(), Accuracy(), MacroF1()], ids=repr)
def test_rivals_are_chosen_without_the_rows_that_they_are_measured_on(objective: Objective) -> None:
    pool = drawn_pool("multiclass", 5, 90)
    settings = EnsembleSettings(objective=objective, draws=50, method=Uniform())
    crossed = cross_validated(pool, settings)
    found = compare_val(pool, settings, crossed)
    p, y, fold = pool.tensor(), pool.labels, crossed.fold
    best = np.empty_like(p[0])
    for number in range(5):
        seen, out = fold != number, fold == number
        costs = [objective.cost(p[m][seen], y[seen], "multiclass") for m in range(5)]
        best[out] = p[int(np.argmin(costs))][out]
    single = found.rivals[BEST]
    assert single.value.estimate == pytest.approx(objective.value(best, y, "multiclass"))
    assert found.value.estimate == pytest.approx(objective.value(p.mean(axis=0), y, "multiclass"))
    sign = 1 if objective.best == "max" else -1
    assert single.gain.estimate == pytest.approx(sign * (found.value.estimate - single.value.estimate))
    assert single.gain.low is not None and single.gain.high is not None and single.gain.low < single.gain.high
    assert single.mcnemar == mcnemar(p.mean(axis=0).argmax(axis=1) == y, best.argmax(axis=1) == y)


def test_on_test_rows_the_best_of_the_validation_rows_is_the_rival() -> None:
    whole = drawn_pool("regression", 4, 80, width=2)
    pool, tested = whole.take(np.arange(40)), whole.take(np.arange(40, 80))
    settings = EnsembleSettings(draws=0)
    found = compare_test(pool, tested, settings, weigh(pool, settings))
    errors = [np.sqrt(np.square(pool.member(m) - pool.labels).mean()) for m in range(4)]
    best = int(np.argmin(errors))
    assert best_single(pool, settings) == best
    theirs = np.sqrt(np.square(tested.member(best) - tested.labels).mean())
    ours = np.sqrt(np.square(tested.tensor().mean(axis=0, dtype=float) - tested.labels).mean())
    single = found.rivals[BEST]
    assert single.value.estimate == pytest.approx(theirs) and found.value.estimate == pytest.approx(ours)
    assert single.gain.estimate == pytest.approx(theirs - ours) and single.mcnemar is None
    assert single.gain.low is None
    assert single.as_json()["value"] == {"estimate": pytest.approx(theirs), "low": None, "high": None, "level": 0.95}
