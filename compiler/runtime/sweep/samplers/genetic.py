"""NSGA-II over conditional spaces, which begins with all that is known."""

from __future__ import annotations

import warnings
from copy import copy
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import NSGAIISampler
from optuna.samplers.nsgaii import BLXAlphaCrossover, PolynomialMutation
from optuna.trial import TrialState

from compiler.runtime.sweep.methods.base import Draw
from compiler.runtime.sweep.samplers.cube import from_unit

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_TRIES = 20  # to draw a child that is no copy; a space of few points may have no other


class Generations(NSGAIISampler):
    """Optuna's NSGAIISampler, with three things changed.

    Complete trials that no generation drew (points tried first, an earlier sweep's trials) count as the first
    generation's, and genes that a condition left out of a parent are drawn anew, so that the whole space is crossed
    instead of the parameters that all trials have. Numbers are crossed by BLX-alpha (Eshelman & Schaffer 1993, FOGA 2)
    and mutated polynomially (Deb & Agrawal 1999), choices by uniform crossover and at random. A child that is the copy
    of a point that was tried teaches nothing, and is drawn again.
    """

    def __init__(self, draw: Draw, population_size: int, mutation_prob: float | None, crossover_prob: float) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the crossover and the mutation
            super().__init__(
                population_size=population_size,
                mutation=PolynomialMutation(),
                mutation_prob=mutation_prob,
                crossover=BLXAlphaCrossover(),
                crossover_prob=crossover_prob,
                seed=draw.seed,
            )
        self._distributions = draw.distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        known = [other.params for other in study.get_trials(deepcopy=False) if other.params]
        drawn: dict[str, Any] = {}
        for _ in range(_TRIES):
            drawn = super().sample_relative(study, trial, search_space)
            if not any(params.items() <= drawn.items() for params in known):
                break
        return drawn

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        key = self._get_generation_key()
        given = trial.system_attrs.get(key)
        if given is not None:
            return given
        assert self.population_size is not None, "it is given to the constructor"
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        generations = [other.system_attrs.get(key, 0) for other in complete]
        last = max(generations, default=0)
        generation = last + (generations.count(last) >= self.population_size)
        study._storage.set_trial_system_attr(trial._trial_id, key, generation)
        return generation

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [trial for trial in complete if trial.system_attrs.get(self._get_generation_key(), 0) == generation]

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return [self._filled(parent) for parent in super().get_parent_population(study, generation)]

    def _filled(self, parent: FrozenTrial) -> FrozenTrial:
        missing = {key: d for key, d in self._distributions.items() if key not in parent.params}
        if not missing:
            return parent
        made = copy(parent)
        made.params = parent.params | {key: from_unit(d, self._rng.rng.random_sample()) for key, d in missing.items()}
        made.distributions = parent.distributions | missing
        return made
