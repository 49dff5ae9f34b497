"""Greedy selection, against a plain implementation of the paper that shares no line with ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from compiler.runtime.ensemble.methods import Greedy
from compiler.runtime.ensemble.objectives import AUC, MAE, RMSE, Accuracy, Brier, LogLoss, MacroF1, Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem

from .pools import drawn_pool, named

CASES = [
    *(("multiclass", objective()) for objective in (LogLoss, Brier, Accuracy, MacroF1, AUC)),
    *(("binary", objective()) for objective in (LogLoss, Accuracy, AUC)),
    *(("multilabel", objective()) for objective in (LogLoss, Brier, Accuracy, MacroF1)),
    *(("regression", objective()) for objective in (RMSE, MAE)),
]


def plainly(pool: Pool, objective: Objective, rounds: int, start: int = 1, logit: bool = False) -> list[int]:
    """Selection as the paper tells it: all blends of every round are averaged anew."""

    def cost(picked: list[int]) -> float:
        if not logit:
            said = np.mean([pool.said[m].astype(np.float64) for m in picked], axis=0)
        else:
            p = [np.clip(pool.said[m].astype(np.float64), 1e-7, 1 - 1e-7) for m in picked]
            said = softmax(np.mean([np.log(one) for one in p], axis=0), axis=1)
        return objective.cost(said, pool.labels, pool.task)

    alone = [cost([m]) for m in range(pool.size)]
    best = sorted(range(pool.size), key=lambda m: alone[m])[:start]
    prefixes = [best[: n + 1] for n in range(len(best))]
    picked = min(prefixes, key=cost)
    found = [list(picked)]
    while len(picked) < rounds:
        picked = min(([*picked, m] for m in range(pool.size)), key=cost)
        found.append(list(picked))
    costs = [cost(one) for one in found]
    return next(one for one, it in zip(found, costs, strict=True) if it <= min(costs) + 1e-12)


@pytest.mark.parametrize("start", [1, 4])
@pytest.mark.parametrize(("task", "objective"), CASES, ids=named)
def test_it_picks_what_a_plain_implementation_picks(task: str, objective: Objective, start: int) -> None:
    for seed in range(2):
        one = drawn_pool(task, 7, 60, seed=seed)  # pyright: ignore[reportArgumentType]  # a task, from CASES
        found = Greedy(rounds=10, start=start).weigh(Problem(one, objective))
        assert list(found.picked) == plainly(one, objective, 10, start)
        assert found.weights is not None
        assert np.allclose(found.weights, np.bincount(found.picked, minlength=7) / len(found.picked))


@pytest.mark.parametrize("objective", [LogLoss(), Brier(), Accuracy(), MacroF1()], ids=named)
def test_it_picks_the_same_in_the_space_of_logarithms(objective: Objective) -> None:
    one = drawn_pool("multiclass", 7, 200, seed=3)
    found = Greedy(rounds=10).weigh(Problem(one, objective, "logit"))
    assert list(found.picked) == plainly(one, objective, 10, logit=True)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 40), st.sampled_from([LogLoss(), Brier(), Accuracy()])
)
def test_it_picks_the_same_in_small_pools_of_sure_members(
    seed: int, members: int, rows: int, objective: Objective
) -> None:
    random = np.random.default_rng(seed)
    said = tuple(random.dirichlet(np.full(3, 0.2), rows).astype(np.float32) for _ in range(members))
    labels = random.integers(0, 3, rows)
    one = Pool("multiclass", ("a", "b", "c"), tuple(map(str, range(members))), said, labels, np.arange(rows))
    found, expected = Greedy(rounds=8).weigh(Problem(one, objective)), plainly(one, objective, 8)
    assert list(found.picked) == expected or np.isclose(
        found.cost, objective.cost(np.mean([said[m] for m in expected], axis=0), labels, "multiclass"), atol=1e-12
    )


def test_of_equal_members_the_first_is_picked() -> None:
    one = drawn_pool("multiclass", 3, 100)
    twins = replace(one, said=(one.said[1], one.said[0], one.said[0]))
    for objective in (LogLoss(), Brier(), Accuracy()):
        assert 2 not in Greedy(rounds=6).weigh(Problem(twins, objective)).picked


def test_bags_are_selections_from_drawn_members() -> None:
    problem = Problem(drawn_pool("multiclass", 8, 100), LogLoss())
    found = Greedy(rounds=10, bags=20, share=0.5).weigh(problem)
    assert found.weights is not None and np.isclose(found.weights.sum(), 1)
    assert (found.weights > 0).sum() > len(set(Greedy(rounds=10).weigh(problem).picked))
    assert found.cost == pytest.approx(problem.cost(found.weights))
    whole, one = Greedy(rounds=10, bags=3, share=1.0).weigh(problem), Greedy(rounds=10).weigh(problem)
    assert whole.weights is not None and one.weights is not None
    assert np.allclose(whole.weights, one.weights)
