"""Gaussian processes over conditional spaces and faulty points: Optuna's GPSampler on a copy of the study."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import GPSampler

from compiler.runtime.sweep.methods.base import Draw
from compiler.runtime.sweep.samplers.history import known
from compiler.runtime.sweep.samplers.whole import Whole

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class FilledGP(Whole):
    """Optuna's GPSampler, which sees every parameter in every trial, and what is known of faulty points.

    By itself it models only the parameters that all trials have, ignores pruned trials, and would propose a point
    that was found faulty again, since it does not learn of it.
    """

    def __init__(self, draw: Draw, n_startup_trials: int, deterministic: bool) -> None:
        super().__init__(draw)
        self._n_startup_trials = n_startup_trials
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # deterministic_objective
            self._gp = GPSampler(
                seed=draw.seed,
                n_startup_trials=n_startup_trials,
                deterministic_objective=deterministic,
                warn_independent_sampling=False,
            )

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = [other for other in known(study, search_space) if other.number != trial.number]
        finished = [other for other in trials if other.state.is_finished()]
        if len(finished) < self._n_startup_trials or not search_space:
            return {}
        copy = optuna.create_study(directions=study.directions, storage=optuna.storages.InMemoryStorage())
        copy.add_trials(trials)
        drawn = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
        copy.add_trial(drawn)
        with _one_thread():
            return self._gp.sample_relative(copy, copy.get_trials(deepcopy=False)[-1], search_space)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The matrices are small: threads only wait for each other, and for those of the trainings beside."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
