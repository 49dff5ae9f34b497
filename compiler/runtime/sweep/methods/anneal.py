"""Simulated annealing. Kirkpatrick, Gelatt & Vecchi 1983, Science 220, pages 671-680."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.settings import PositiveInt, PositiveNumber

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Anneal(Method):
    """A neighbour of the point where the walk stands, nearer and nearer as it cools.

    Fields:
        n_startup_trials: drawn at random first.
        temperature: at the beginning, in middle deviations of the objective.
        cooling: the share of it that is left after the planned trials.
        width: of a first step, its standard deviation as a share of a parameter's range.
    """

    n_startup_trials: PositiveInt = 5
    temperature: PositiveNumber = 0.5
    cooling: PositiveNumber = 0.01
    width: PositiveNumber = 0.25

    def sampler(self, draw: Draw) -> BaseSampler:
        from compiler.runtime.sweep.samplers.anneal import Annealing

        return Annealing(draw, self.n_startup_trials, self.temperature, self.cooling, self.width)
