"""The best weights that there are, with a proof."""

from __future__ import annotations

from compiler.runtime.ensemble.blends import Pooling
from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.objectives import LogLoss, Objective
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.ensemble.solvers.bounded import Bounded
from compiler.runtime.training.losses import Task


class Optimal(Weighting):
    """Weights that no others are better than on the rows that they are fitted to, up to `Solution.gap`.

    log_loss: a convex problem in both spaces of pooling. accuracy, macro_f1 and auc have no such weights: they jump.
    """

    def refusal(self, task: Task, objective: Objective, pooling: Pooling) -> str | None:
        name = type(objective).__name__
        if not isinstance(objective, LogLoss):
            return f"'optimal' has no proof for {name}, which is not convex in the weights"
        return None

    def weigh(self, problem: Problem) -> Solution:
        found = self._found(problem)
        blend = problem.blend(found.weights)
        gap = problem.penalised(found.weights) - found.bound
        return Solution(blend, problem.cost(found.weights), max(gap, 0.0), found.iterations)

    def _found(self, problem: Problem) -> Bounded:
        from compiler.runtime.ensemble.solvers.likelihood import likeliest

        scale = 1 + problem.diversity
        linear = -problem.diversity * problem.singles if problem.diversity else None
        assert problem.likelihoods is not None, "refused before"
        return likeliest(problem.likelihoods, linear, scale)
