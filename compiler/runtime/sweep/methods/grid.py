"""Grid search: every combination once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Grid(Method):
    """Every combination, in the order of Hydra's own sweeps; the points are fixed before the first one is drawn."""

    several: ClassVar[bool] = True

    def sampler(self, draw: Draw) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(draw.seed)  # it has nothing left to draw
