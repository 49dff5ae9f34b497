"""Tree-structured Parzen estimator. Bergstra et al. 2011, NIPS 24; Watanabe 2023, arXiv:2304.11127; several objectives:
Ozaki et al. 2022, JAIR 73."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.settings import Bool, NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class TPE(Method):
    """Points that are likelier among the good trials than among the others.

    Fields:
        n_startup_trials: drawn at random first.
        n_ei_candidates: of which the best is taken.
        multivariate: whether parameters are drawn together; those under a condition, together with those that exist
            under the same one.
        constant_liar: whether trials that run count as bad, so that others at the same time keep away from them.
    """

    several: ClassVar[bool] = True

    n_startup_trials: NonNegativeInt = 10
    n_ei_candidates: PositiveInt = 24
    multivariate: Bool = True
    constant_liar: Bool = True

    def sampler(self, draw: Draw) -> BaseSampler:
        import optuna

        from compiler.runtime.sweep.samplers.tpe import Parzen

        group = self.multivariate and draw.conditional
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # group
            return Parzen(
                draw.common if self.multivariate and not group else None,
                n_startup_trials=self.n_startup_trials,
                n_ei_candidates=self.n_ei_candidates,
                multivariate=self.multivariate,
                group=group,
                constant_liar=self.constant_liar,
                seed=draw.seed,
            )
