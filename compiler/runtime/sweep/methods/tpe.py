"""Tree-structured Parzen estimator. Bergstra et al. 2011, NIPS 24."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.runtime.sweep.methods.base import Method
from compiler.settings import Bool, NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Tpe(Method):
    """Points that are likelier among the good trials than among the others.

    Fields:
        n_startup_trials: drawn at random first.
        n_ei_candidates: of which the best is taken.
        multivariate: whether parameters are drawn together.
        constant_liar: whether trials that run count as bad, so that others at the same time keep away from them.
    """

    n_startup_trials: NonNegativeInt = 10
    n_ei_candidates: PositiveInt = 24
    multivariate: Bool = True
    constant_liar: Bool = True

    def sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.n_startup_trials,
            n_ei_candidates=self.n_ei_candidates,
            multivariate=self.multivariate,
            constant_liar=self.constant_liar,
            seed=seed,
        )
