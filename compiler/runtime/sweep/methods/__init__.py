"""Search methods, by the names that `search.method` takes."""

from compiler.runtime.sweep.methods.anneal import Anneal
from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.runtime.sweep.methods.cmaes import Cmaes
from compiler.runtime.sweep.methods.genetic import Genetic
from compiler.runtime.sweep.methods.gp import GP
from compiler.runtime.sweep.methods.grid import Grid
from compiler.runtime.sweep.methods.hyperopt import Hyperopt
from compiler.runtime.sweep.methods.qmc import QMC
from compiler.runtime.sweep.methods.random import Random
from compiler.runtime.sweep.methods.tpe import TPE

__all__ = [
    "GP",
    "QMC",
    "TPE",
    "Anneal",
    "Cmaes",
    "Draw",
    "Genetic",
    "Grid",
    "Hyperopt",
    "Method",
    "Random",
]
