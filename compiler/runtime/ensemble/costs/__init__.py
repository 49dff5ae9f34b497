"""The cost of a blend that moves by one member, and of many blends, for methods that ask often.

`costs_of(problem)` gives the quickest way to ask that the problem's objective allows:

    Likelihoods   log-loss of probabilities: the likelihoods alone
    Quadratic     Brier score and RMSE: the members' Gram matrix
    Pooled        log-loss of pooled logarithms: a bound from the gradient tells whom to try
    Decided       accuracy and F1 of classes: only the rows whose class may change
    Totals        the rest
"""

from compiler.runtime.ensemble.costs.base import Costs
from compiler.runtime.ensemble.costs.decided import Decided
from compiler.runtime.ensemble.costs.likelihoods import Likelihoods
from compiler.runtime.ensemble.costs.pooled import Pooled
from compiler.runtime.ensemble.costs.quadratic import Quadratic
from compiler.runtime.ensemble.costs.totals import Totals
from compiler.runtime.ensemble.problem import Problem

__all__ = ["Costs", "costs_of"]


def costs_of(problem: Problem) -> Costs:
    """The quickest way to ask for the costs of a problem's blends."""
    for way in (Likelihoods, Quadratic, Pooled, Decided):
        if way.suits(problem):
            return way(problem)
    return Totals(problem)
