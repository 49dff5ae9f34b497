"""Weighting methods, by the names that `ensemble.method` takes."""

from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.methods.optimal import Optimal
from compiler.runtime.ensemble.methods.uniform import Uniform

__all__ = ["Optimal", "Uniform", "Weighting"]
