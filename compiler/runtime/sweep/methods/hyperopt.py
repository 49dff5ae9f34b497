"""The hyperopt library. Bergstra, Yamins & Cox 2013, ICML 28; adaptive TPE: Arsenault 2018."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.settings import NonNegativeInt, choice

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Hyperopt(Method):
    """hyperopt's own algorithms: tpe, atpe (settings of TPE by models that its author trained), anneal.

    Fields:
        algorithm: tpe, atpe or anneal.
        n_startup_jobs: drawn at random first, by tpe.
    """

    extra: ClassVar[str] = "hyperopt"

    algorithm: Annotated[str, choice("tpe", "atpe", "anneal")] = "tpe"
    n_startup_jobs: NonNegativeInt = 20

    @property
    def packages(self) -> tuple[str, ...]:
        return ("hyperopt", "lightgbm") if self.algorithm == "atpe" else ("hyperopt",)

    def sampler(self, draw: Draw) -> BaseSampler:
        from compiler.runtime.sweep.samplers.hyperopt import Hyperopt as Suggested

        settings = {"verbose": False, "n_startup_jobs": self.n_startup_jobs} if self.algorithm == "tpe" else {}
        return Suggested(draw, self.algorithm, settings)
