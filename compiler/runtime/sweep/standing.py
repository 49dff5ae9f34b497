"""Where a sweep stands: its objectives and trials as plain values, and which of them are best."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.trials import State, TrialState

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

STATES: tuple[State, ...] = ("running", "waiting", "complete", "pruned", "infeasible", "failed")
"""What a trial may be, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The trials of a sweep at one moment.

    Attributes:
        objectives: at least one; trials are compared by the first where one is to be chosen.
        trials: in the order of their numbers.
    """

    objectives: tuple[Objective, ...]
    trials: tuple[TrialState, ...]

    def counts(self) -> dict[State, int]:
        """How many trials are in each state, those without any left out."""
        found: dict[State, int] = dict.fromkeys(STATES, 0)
        for trial in self.trials:
            found[trial.state] += 1
        return {state: number for state, number in found.items() if number}

    @property
    def scored(self) -> list[TrialState]:
        """The complete trials, whose values are all finite numbers."""
        return [trial for trial in self.trials if is_scored(trial)]

    @property
    def best(self) -> TrialState | None:
        """The complete trial that is best by the first objective; None while there is none.

        Of equals the earliest, and one that was trained before one that took over its result.
        """
        return min(self.scored, key=lambda t: (self.losses(t)[0], t.reused_from is not None, t.number), default=None)

    def losses(self, trial: TrialState) -> tuple[float, ...]:
        """The values of a complete trial, turned so that less is better."""
        return tuple(loss(objective, value) for objective, value in zip(self.objectives, values_of(trial), strict=True))

    @property
    def front(self) -> list[TrialState]:
        """The complete trials that no other one beats in every objective (the Pareto front), by the first objective.

        In ascending order of losses a trial is beaten by an earlier one or by none, so each is held against the front
        alone.
        """
        found: list[tuple[tuple[float, ...], TrialState]] = []
        for losses, _, trial in sorted((self.losses(trial), trial.number, trial) for trial in self.scored):
            if not any(_beats(other, losses) for other, _ in found):
                found.append((losses, trial))
        return [trial for _, trial in found]

    @property
    def unfinished(self) -> list[TrialState]:
        """The trials that are still to be carried out or at work."""
        return [trial for trial in self.trials if not trial.done]


def standing_of(study: Study) -> Standing:
    """Where a study stands now."""
    return Standing(tuple(study.objectives), tuple(study.trials()))


def loss(objective: Objective, value: float) -> float:
    """The value of an objective, turned so that less is better."""
    return value if objective.direction == "minimize" else -value


def is_scored(trial: TrialState) -> bool:
    """Whether a trial is complete, and its values are all finite numbers."""
    return trial.state == "complete" and trial.values is not None and all(map(math.isfinite, trial.values))


def values_of(trial: TrialState) -> tuple[float, ...]:
    """The values of a complete trial."""
    assert trial.values is not None, "only complete trials are asked"
    return trial.values


def why(trial: TrialState) -> str:
    """The first line of a trial's reason, with its code; empty where it has none."""
    text = (trial.reason or "").strip().partition("\n")[0]
    return f"{trial.code}: {text}" if trial.code and text else text or trial.code or ""


def seconds(trial: TrialState) -> float | None:
    """How long a finished trial took; None where it is not finished, or took over another's result."""
    return trial.seconds if trial.done and trial.reused_from is None else None


def varied(trials: Iterable[TrialState]) -> list[str]:
    """The keys of all parameters that were drawn, in the order in which they first occur."""
    return list(dict.fromkeys(key for trial in trials for key in trial.params))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
