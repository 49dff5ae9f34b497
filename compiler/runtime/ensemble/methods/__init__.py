"""Weighting methods, by the names that `ensemble.method` takes."""

from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.methods.fixed import Fixed
from compiler.runtime.ensemble.methods.greedy import Greedy
from compiler.runtime.ensemble.methods.nelder_mead import NelderMead
from compiler.runtime.ensemble.methods.optimal import Optimal
from compiler.runtime.ensemble.methods.random_search import RandomSearch
from compiler.runtime.ensemble.methods.stacking import Stacking
from compiler.runtime.ensemble.methods.uniform import Uniform

__all__ = ["Fixed", "Greedy", "NelderMead", "Optimal", "RandomSearch", "Stacking", "Uniform", "Weighting"]
