"""The trials of a study as samplers need them that know nothing of conditions, faulty points or pruned trials."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from compiler.runtime.sweep.samplers.cube import from_unit
from compiler.runtime.sweep.samplers.infeasible import CONSTRAINT, is_infeasible

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Distributions = Mapping[str, "BaseDistribution"]


def filled(params: Mapping[str, Any], distributions: Distributions) -> dict[str, Any]:
    """A value for each parameter: the middle of its range where a condition left it out.

    So that models over a fixed number of dimensions take conditional spaces, as SMAC does it (Hutter, Hoos &
    Leyton-Brown 2011, LION-5, section 4.1).
    """
    return {key: params.get(key, from_unit(distribution, 0.5)) for key, distribution in distributions.items()}


def known(study: Study, distributions: Distributions) -> list[FrozenTrial]:
    """Finished trials as complete ones with a value for each parameter, and running ones.

    A pruned trial has the value that it reported last. A faulty point violates a constraint that all others keep, and
    has the median value, so that it teaches the model of the constraint and leaves that of the objective alone. Trials
    that lack a parameter for another reason than a condition, and those that still wait, are left out.
    """
    taken = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    trials = [trial for trial in study.get_trials(deepcopy=False, states=taken) if trial.params]
    faulty = [trial for trial in trials if is_infeasible(trial)]
    values = {trial.number: values for trial in trials if (values := values_of(study, trial)) is not None}
    middle = [statistics.median(column) for column in zip(*values.values(), strict=True)]
    middle = middle or [0.0] * len(study.directions)
    made: list[FrozenTrial] = []
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            made.append(_made(trial, distributions, TrialState.RUNNING, None, {}))
            continue
        constraint = {CONSTRAINT: 1.0 if is_infeasible(trial) else -1.0} if faulty else {}
        given = middle if is_infeasible(trial) else values.get(trial.number)
        if given is not None:
            made.append(_made(trial, distributions, TrialState.COMPLETE, given, constraint))
    return made


def values_of(study: Study, trial: FrozenTrial) -> Sequence[float] | None:
    """What a trial is judged by; None where it has nothing that can be compared."""
    if is_infeasible(trial):
        return None
    if trial.state == TrialState.COMPLETE and trial.values is not None:
        return trial.values if all(map(math.isfinite, trial.values)) else None
    if trial.state == TrialState.PRUNED and len(study.directions) == 1 and trial.intermediate_values:
        last = trial.intermediate_values[max(trial.intermediate_values)]
        return [last] if math.isfinite(last) else None
    return None


def losses(study: Study) -> list[tuple[FrozenTrial, float]]:
    """Finished trials in the order of their numbers with their loss, smaller is better; infinite for faulty points."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    sign = -1.0 if study.directions[0] == StudyDirection.MAXIMIZE else 1.0
    judged = ((trial, values_of(study, trial)) for trial in sorted(trials, key=lambda trial: trial.number))
    return [(trial, sign * values[0] if values is not None else math.inf) for trial, values in judged if trial.params]


def _made(
    trial: FrozenTrial,
    distributions: Distributions,
    state: TrialState,
    values: Sequence[float] | None,
    constraints: Mapping[str, float],
) -> FrozenTrial:
    made = create_trial(
        state=state,
        values=values,
        params=filled(trial.params, distributions),
        distributions=dict(distributions),
        system_attrs={f"constraints:{key}": value for key, value in constraints.items()},
    )
    made.number = trial.number
    return made
