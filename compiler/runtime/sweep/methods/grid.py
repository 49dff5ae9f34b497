"""Grid search: every combination once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.runtime.sweep.methods.base import Method

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Grid(Method):
    """Every combination, in the order of Hydra's own sweeps; the points are fixed before the first one is drawn."""

    def sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed)  # it has nothing left to draw
