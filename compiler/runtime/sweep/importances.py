"""How much each parameter matters for being among the best trials: Optuna's PED-ANOVA."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.standing import Standing, loss, values_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

LEAST = 8
"""Complete trials without which nothing is said: half of them must show where the good ones lie."""

_SHARE, _GOOD = 0.1, 5
"""The best tenth is what is explained, and at least five trials."""


@dataclass(frozen=True, slots=True)
class Importances:
    """How much parameters matter.

    Attributes:
        by_objective: for each metric, shares by key that sum to 1, largest first. Empty where `reason` says why.
        reason: why they cannot be told; None where they can.
    """

    by_objective: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reason: str | None = None


def importances(standing: Standing, distributions: Mapping[str, BaseDistribution]) -> Importances:
    """The importances of all parameters, those that exist only under a condition too.

    PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255; for conditions arXiv 2601.20800) compares where the best trials
    lie with where all complete ones lie.

    Args:
        distributions: Optuna's, by the keys of the parameters.
    """
    scored = standing.scored
    if len(scored) < LEAST:
        return Importances(reason=f"{len(scored)} complete trials are too few to tell what matters; it takes {LEAST}")
    if not any(trial.params for trial in scored):
        return Importances(reason="no parameter was drawn")
    with _left_out("sklearn"):  # a second's import, for evaluators of Optuna's that are not used here
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    study, found = _study(standing, distributions), dict[str, Mapping[str, float]]()
    for i, objective in enumerate(standing.objectives):
        losses = {loss(objective, values_of(trial)[i]) for trial in scored}
        if len(losses) == 1:
            continue
        evaluator = PedAnovaImportanceEvaluator(target_quantile=min(max(_SHARE, _GOOD / len(scored)), 0.5))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a rare branch of a condition: its share is small then
            target = _target(objective, i)
            found[objective.name] = get_param_importances(study, evaluator=evaluator, target=target)
    if not found:
        return Importances(reason="all complete trials have the same value")
    return Importances(found)


@contextmanager
def _left_out(package: str) -> Iterator[None]:
    """What is imported within, and can do without that package, does without it."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # pyright: ignore[reportArgumentType]  # Python's own sign that an import is to fail
    try:
        yield
    finally:
        del sys.modules[package]


def _target(objective: Objective, i: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: loss(objective, trial.values[i])


def _study(standing: Standing, distributions: Mapping[str, BaseDistribution]) -> Study:
    """A study in memory of just the complete trials: the evaluator takes all that a study has."""
    from optuna import create_study, logging
    from optuna.storages import InMemoryStorage
    from optuna.study import StudyDirection
    from optuna.trial import create_trial

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        directions = [StudyDirection.MINIMIZE] * len(standing.objectives)
        study = create_study(storage=InMemoryStorage(), directions=directions)
    finally:
        logging.set_verbosity(before)
    for trial in standing.scored:
        params = dict(trial.params)
        known = {key: distributions[key] for key in params}
        study.add_trial(create_trial(params=params, distributions=known, values=values_of(trial)))
    return study
