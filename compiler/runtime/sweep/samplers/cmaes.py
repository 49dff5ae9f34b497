"""CMA-ES over the numbers that all trials have."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import CmaEsSampler, TPESampler

from compiler.runtime.sweep.methods.base import Draw

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState


Number = FloatDistribution | IntDistribution


class Covariance(CmaEsSampler):
    """Optuna's CmaEsSampler; what it leaves out (choices, conditional parameters) is drawn by TPE, each by itself.

    Which parameters it moves is known from the beginning. Optuna's own sampler takes those that all trials so far have;
    where there are conditions, they become fewer under way, and it fails. Its state, the distribution of the next
    generation, stands in the attributes of the trials.
    """

    def __init__(
        self, draw: Draw, numbers: Mapping[str, Number], n_startup_trials: int, population_size: int | None
    ) -> None:
        margin = any(number.step is not None and not number.log for number in numbers.values())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # with_margin
            super().__init__(
                n_startup_trials=n_startup_trials,
                popsize=population_size,
                with_margin=margin,
                warn_independent_sampling=False,
                independent_sampler=TPESampler(seed=draw.seed, multivariate=False),
                seed=draw.seed,
            )
        self._numbers = numbers

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Nothing: Optuna's own warns that it makes no use of constraints, which a faulty point has."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if trial.system_attrs.get("fixed_params"):
            return {}  # a point that is partly given is no sample of the distribution
        return dict(self._numbers)
