"""An ensemble beside what it has to beat: the best of its members, their plain mean, and greedy selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.intervals import Interval, McNemar, mcnemar, resample, right
from compiler.runtime.ensemble.methods import Greedy, Uniform
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import CrossValidated, Weighed, cross_validated, weigh

Array = NDArray[Any]

BEST = "best single"
_RIVALS = {"uniform": Uniform(), "greedy": Greedy()}


@dataclass(frozen=True, slots=True)
class Rival:
    """What an ensemble is compared with.

    Attributes:
        value: the objective, as it is.
        gain: by how much the ensemble is better; positive where it is.
        mcnemar: of which rows both have right; None for values.
    """

    value: Interval
    gain: Interval
    mcnemar: McNemar | None

    def as_json(self) -> dict[str, object]:
        """For `run.json`."""
        tested = {} if self.mcnemar is None else {"mcnemar": self.mcnemar.as_json()}
        return {"value": self.value.as_json(), "gain": self.gain.as_json(), **tested}


@dataclass(frozen=True, slots=True)
class Comparison:
    """An ensemble and its rivals on the rows of one split.

    Attributes:
        value: the ensemble's objective, as it is.
        rivals: by name.
    """

    value: Interval
    rivals: Mapping[str, Rival]

    def as_json(self) -> dict[str, object]:
        """For `run.json`."""
        rivals = {name: rival.as_json() for name, rival in self.rivals.items()}
        return {"value": self.value.as_json(), "rivals": rivals}


def compare_val(pool: Pool, settings: EnsembleSettings, crossed: CrossValidated) -> Comparison:
    """The ensemble and its rivals on the validation rows, each chosen or weighted without the row's fold.

    Args:
        crossed: the cross-validation of the ensemble's weights; its folds are the rivals' too.
    """
    said = {BEST: _best_by_fold(pool, settings, crossed.fold)}
    for name, rival in _rivals(settings).items():
        said[name] = cross_validated(pool, rival).said
    return _compared(crossed.said, said, pool, settings)


def compare_test(pool: Pool, tested: Pool, settings: EnsembleSettings, weighed: Weighed) -> Comparison:
    """The ensemble and its rivals on the test rows, each chosen or weighted on all validation rows.

    Args:
        pool: of the validation rows.
        tested: of the test rows; the same members.
        weighed: the ensemble.
    """
    said: dict[str, Array] = {BEST: tested.member(best_single(pool, settings))}
    for name, rival in _rivals(settings).items():
        said[name] = tested.blended(weigh(pool, rival).solution.blend)
    return _compared(tested.blended(weighed.solution.blend), said, tested, settings)


def best_single(pool: Pool, settings: EnsembleSettings) -> int:
    """The member that is best alone, by the objective; of equal ones the first."""
    return int(np.argmin(Problem(pool, settings.objective_of(pool.task)).singles))


def _rivals(settings: EnsembleSettings) -> dict[str, EnsembleSettings]:
    """The rivals' settings: as plain as they come, so that what they have to offer is theirs."""
    plain = EnsembleSettings(objective=settings.objective, folds=settings.folds, seed=settings.seed)
    return {
        name: plain.model_copy(update={"method": method})
        for name, method in _RIVALS.items()
        if type(method) is not type(settings.method)
    }


def _best_by_fold(pool: Pool, settings: EnsembleSettings, fold: NDArray[np.int64]) -> Array:
    said = np.empty((len(pool), pool.width), np.float32)
    for number in range(int(fold.max()) + 1):
        out = np.flatnonzero(fold == number)
        best = best_single(pool.take(np.flatnonzero(fold != number)), settings)
        said[out] = pool.take(out).member(best)
    return said


def _compared(ours: Array, rivals: Mapping[str, Array], pool: Pool, settings: EnsembleSettings) -> Comparison:
    objective = settings.objective_of(pool.task)
    said = {"": ours, **rivals}
    drawn = resample(objective, said, pool.labels, pool.task, settings.draws, settings.seed)
    hits = {} if pool.task == "regression" else {name: right(one, pool.labels, pool.task) for name, one in said.items()}
    found = {
        name: Rival(drawn.value(name), drawn.gain("", name), mcnemar(hits[""], hits[name]) if hits else None)
        for name in rivals
    }
    return Comparison(drawn.value(""), found)
