"""Gaussian processes. Snoek, Larochelle & Adams 2012, NIPS 25; log EI: Ament et al. 2023, NeurIPS 36."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.settings import Bool, PositiveInt

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class GP(Method):
    """The point with the largest expected improvement (log EI) under a Gaussian process.

    Fields:
        n_startup_trials: drawn at random first.
        deterministic: whether the objective has no noise.
    """

    several: ClassVar[bool] = True
    extra: ClassVar[str] = "gp"

    n_startup_trials: PositiveInt = 10
    deterministic: Bool = False

    @property
    def packages(self) -> tuple[str, ...]:
        return ("torch",)

    def sampler(self, draw: Draw) -> BaseSampler:
        from compiler.runtime.sweep.samplers.gp import FilledGP

        return FilledGP(draw, self.n_startup_trials, self.deterministic)
