"""Random search. Bergstra & Bengio 2012, JMLR 13, pages 281-305."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.runtime.sweep.methods.base import Method

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Random(Method):
    """Every parameter drawn independently."""

    def sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed)
