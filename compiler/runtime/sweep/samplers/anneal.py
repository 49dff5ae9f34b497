"""Simulated annealing, whose state is the history itself."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.runtime.sweep.methods.base import Draw
from compiler.runtime.sweep.samplers.cube import from_unit, is_categorical, to_unit
from compiler.runtime.sweep.samplers.history import losses
from compiler.runtime.sweep.samplers.whole import Whole

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Annealing(Whole):
    """A neighbour of the point at which a Metropolis walk over the finished trials stands.

    The walk takes the trials in their order. One that is no worse than where it stands is stepped to, one that is
    worse by d with probability exp(-d / (s T)). s is the middle deviation of all losses, so that their scale does not
    matter; T falls from `temperature` to `temperature * cooling` while the planned trials finish. The neighbour's
    width in the unit cube falls with the root of T, and so does the chance of another category.

    The walk's random numbers are seeded by the trials' numbers, so all processes see the same walk.
    """

    def __init__(self, draw: Draw, n_startup_trials: int, temperature: float, cooling: float, width: float) -> None:
        super().__init__(draw)
        self._n_startup_trials, self._temperature = n_startup_trials, temperature
        self._cooling, self._width = cooling, width

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        walked = [(other, loss) for other, loss in losses(study) if math.isfinite(loss)]
        if len(walked) < self._n_startup_trials:
            return {}
        current = self._walk(walked)
        rng = np.random.default_rng(self._draw.seed)
        scale = math.sqrt(self._heat(len(walked)) / self._temperature)
        return {
            key: self._neighbour(distribution, current.params.get(key), scale, rng)
            for key, distribution in search_space.items()
        }

    def _heat(self, finished: int) -> float:
        return self._temperature * self._cooling ** min(finished / self._draw.n_trials, 1.0)

    def _walk(self, walked: list[tuple[FrozenTrial, float]]) -> FrozenTrial:
        middle = statistics.median(loss for _, loss in walked)
        scale = statistics.median(abs(loss - middle) for _, loss in walked) or 1.0
        current, at = walked[0]
        for i, (trial, loss) in enumerate(walked):
            luck = np.random.default_rng([self._draw.search_seed, trial.number, 1]).random()
            if loss <= at or luck < math.exp(-(loss - at) / (scale * self._heat(i))):
                current, at = trial, loss
        return current

    def _neighbour(self, distribution: BaseDistribution, value: Any, scale: float, rng: np.random.Generator) -> Any:
        if value is None:  # the current point has no such parameter
            return from_unit(distribution, rng.random())
        if is_categorical(distribution):
            return from_unit(distribution, rng.random()) if rng.random() < 0.5 * scale else value
        moved = to_unit(distribution, value) + rng.normal(0.0, self._width * scale)
        folded = abs(moved) % 2.0  # reflected at 0 and 1
        return from_unit(distribution, min(folded, 2.0 - folded))
