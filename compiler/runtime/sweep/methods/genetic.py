"""Genetic search, NSGA-II. Deb et al. 2002, IEEE Transactions on Evolutionary Computation 6(2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.runtime.sweep.methods.cmaes import Population
from compiler.settings import Fraction, is_number, rule

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

MaybeFraction = Annotated[
    float | None,
    rule(
        "a number in [0, 1]",
        is_number,
        lambda v: 0 <= v <= 1,
        {"type": "number", "minimum": 0, "maximum": 1},
        none=True,
    ),
]


class Genetic(Method, aliases=("nsga2", "nsgaii")):
    """Children of the best trials: crossed, and mutated at random.

    Fields:
        population_size: of a generation; null: a sixth of the planned trials, between 4 and 50.
        mutation_prob: of each parameter; null: 1 / number of parameters.
        crossover_prob: that a child has two parents.
    """

    several: ClassVar[bool] = True

    population_size: Population = None
    mutation_prob: MaybeFraction = None
    crossover_prob: Fraction = 0.9

    def sampler(self, draw: Draw) -> BaseSampler:
        from compiler.runtime.sweep.samplers.genetic import Generations

        size = self.population_size or min(max(draw.n_trials // 6, 4), 50)
        return Generations(draw, size, self.mutation_prob, self.crossover_prob)
