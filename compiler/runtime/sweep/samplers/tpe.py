"""Optuna's TPE for one trial of many: what it would find out anew for each is kept between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import TPESampler

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.search_space import IntersectionSearchSpace
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Parzen(TPESampler):
    """Optuna's TPESampler. Which parameters all trials have, it looks up among those that are new.

    Args:
        common: knows the trials before; None where parameters are drawn by themselves or in groups, and Optuna does as
            it does.
        arguments: Optuna's.
    """

    def __init__(self, common: IntersectionSearchSpace | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._common = common

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if self._common is None:
            return super().infer_relative_search_space(study, trial)
        found = self._common.calculate(study, use_cache=True)  # the trials that the drawing will see
        return {key: distribution for key, distribution in found.items() if not distribution.single()}
