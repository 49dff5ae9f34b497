"""What the samplers have in common that draw all parameters at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler, RandomSampler

from compiler.runtime.sweep.methods.base import Draw

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Whole(BaseSampler):
    """Abstract: a point is drawn whole, those parameters too that a condition leaves out of it.

    What `sample_relative` leaves out is drawn at random.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw, self._random = draw, RandomSampler(draw.seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._draw.distributions)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)
