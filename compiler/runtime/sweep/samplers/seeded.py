"""The sampler of a study: a new one of the search method for each trial, seeded by the trial's number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.runtime.sweep.samplers.cube import snapped

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState

    from compiler.runtime.sweep.space import Space

_KEPT = 256  # samplers of trials that are still being drawn; one process draws far fewer at a time


class Seeded(BaseSampler):
    """Draws trial N from (the search's seed, N, the finished trials), whatever process does it.

    So workers that draw at the same time never draw the same point, a sweep that goes on does not begin its random
    numbers again, and the same history gives the same point. What a method must remember stands in the study.

    Args:
        seed: `search.seed`.
        n_trials: how many the sweep is planned to have.
    """

    def __init__(self, method: Method, seed: int, space: Space, n_trials: int) -> None:
        self._method, self._seed, self._space, self._n_trials = method, seed, space, n_trials
        self._samplers: OrderedDict[int, BaseSampler] = OrderedDict()
        self._common = IntersectionSearchSpace(include_pruned=True)

    def __str__(self) -> str:
        return f"Seeded({type(self._method).__name__})"

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        """The trial's own sampler: the same one for all its parameters, since its random numbers go on."""
        if trial.number not in self._samplers:
            draw = Draw(self._seed, trial.number, self._space, self._n_trials, self._common)
            self._samplers[trial.number] = self._method.sampler(draw)
            while len(self._samplers) > _KEPT:
                self._samplers.popitem(last=False)
        return self._samplers[trial.number]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        drawn = self._of(trial).sample_relative(study, trial, search_space)
        return {key: snapped(search_space[key], value) for key, value in drawn.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        drawn = self._of(trial).sample_independent(study, trial, param_name, param_distribution)
        return snapped(param_distribution, drawn)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._of(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._of(trial).after_trial(study, trial, state, values)
        self._samplers.pop(trial.number, None)
