"""Covariance matrix adaptation. Hansen 2016, arXiv:1604.00772; with margin: Hamano et al. 2022, GECCO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.settings import PositiveInt, is_int, rule

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution, IntDistribution
    from optuna.samplers import BaseSampler

    from compiler.runtime.sweep.space import Space

Population = Annotated[
    int | None,
    rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": "integer", "minimum": 2}, none=True),
]


class Cmaes(Method, aliases=("cma_es", "CMAES")):
    """A normal distribution that moves and stretches towards the good points, generation by generation.

    Fields:
        n_startup_trials: drawn at random first.
        population_size: of a generation; null: 4 + 3 ln(number of parameters), as Hansen has it.
    """

    n_startup_trials: PositiveInt = 1
    population_size: Population = None

    def sampler(self, draw: Draw) -> BaseSampler:
        from compiler.runtime.sweep.samplers.cmaes import Covariance

        return Covariance(draw, self.numbers(draw.space), self.n_startup_trials, self.population_size)

    def numbers(self, space: Space) -> dict[str, FloatDistribution | IntDistribution]:
        """The parameters that it moves: numbers with more than one value that exist whatever the others are."""
        from optuna.distributions import FloatDistribution, IntDistribution

        found = ((parameter.key, parameter.distribution()) for parameter in space.parameters if not parameter.only)
        return {key: d for key, d in found if isinstance(d, (FloatDistribution, IntDistribution)) and not d.single()}
