"""Search methods, by the names that `search.method` takes."""

from compiler.runtime.sweep.methods.base import Method
from compiler.runtime.sweep.methods.grid import Grid
from compiler.runtime.sweep.methods.random import Random
from compiler.runtime.sweep.methods.tpe import Tpe

__all__ = ["Grid", "Method", "Random", "Tpe"]
