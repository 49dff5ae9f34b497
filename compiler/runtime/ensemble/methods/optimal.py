"""The best weights that there are, with a proof."""

from __future__ import annotations

from typing import ClassVar

from compiler.runtime.ensemble.blends import Pooling
from compiler.runtime.ensemble.methods.base import Weighting, one_thread
from compiler.runtime.ensemble.objectives import MAE, RMSE, Brier, LogLoss, Objective
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.ensemble.solvers.bounded import Bounded
from compiler.runtime.training.losses import Task
from compiler.settings import PositiveNumber


class Optimal(Weighting):
    """Weights of the simplex than which no others are better on the rows that they are fitted to, up to `gap`.

    The log-loss, Brier's score and the squared error are convex in the weights, the absolute error is a linear program.
    Accuracy, F1 and AUC are none of these: whoever wants them takes a method that searches.

    Where logits are pooled the weights are not negative, and their sum is free: it makes the blend surer or less sure.
    There `gap` is that of the log-loss and the ridge's penalty together.

    Fields:
        ridge: how many rows' worth the prior is that draws the weights of pooled logits to equal ones.
    """

    instead: ClassVar[str | None] = (
        "ensemble.method=greedy searches; or ensemble.objective=auto: the usual loss, whose optimum is certain"
    )

    ridge: PositiveNumber = 1.0

    def refusal(self, task: Task, objective: Objective, pooling: Pooling) -> str | None:
        name = objective.key
        if not isinstance(objective, (LogLoss, Brier, RMSE, MAE)):
            return f"the optimum of {name!r} cannot be proved: it is not convex in the weights"
        if pooling == "logit" and not isinstance(objective, LogLoss):
            return f"the optimum of {name!r} cannot be proved where logits are pooled"
        return None

    def weigh(self, problem: Problem) -> Solution:
        with one_thread():
            found = self._found(problem)
        weights, cost = found.weights, problem.cost(found.weights)
        if problem.pooling == "logit":
            from compiler.runtime.ensemble.solvers.logarithmic import penalty

            gap = problem.penalised(weights) + penalty(weights, self.ridge, len(problem.pool)) - found.bound
        elif problem.diversity:
            gap = problem.penalised(weights) - found.bound
        else:
            gap = cost - problem.objective.of_mean(max(found.bound, 0.0))
        return Solution(problem.blend(weights), cost, max(gap, 0.0), found.iterations)

    def _found(self, problem: Problem) -> Bounded:
        scale = 1 + problem.diversity
        linear = -problem.diversity * problem.singles if problem.diversity else None
        if problem.pooling == "logit":
            from compiler.runtime.ensemble.solvers.logarithmic import least_pooled

            return least_pooled(problem.pool, self.ridge, linear, scale)
        if problem.likelihoods is not None:
            from compiler.runtime.ensemble.solvers.likelihood import likeliest

            return likeliest(problem.likelihoods, linear, scale)
        if isinstance(problem.objective, MAE):
            from compiler.runtime.ensemble.solvers.absolute import least_absolute, wrong_by

            return least_absolute(wrong_by(problem.pool), linear, scale)
        from compiler.runtime.ensemble.solvers.quadratic import gram_of, least_squares

        return least_squares(gram_of(problem.pool), linear, scale)
