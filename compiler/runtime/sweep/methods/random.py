"""Random search. Bergstra & Bengio 2012, JMLR 13, pages 281-305."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Random(Method):
    """Every parameter drawn independently."""

    several: ClassVar[bool] = True

    def sampler(self, draw: Draw) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(draw.seed)
