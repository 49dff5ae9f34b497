"""Optimal weights with a proof: each solver gives weights, and a bound that no other weights are below."""

from compiler.runtime.ensemble.solvers.bounded import TOLERANCE, Bounded

__all__ = ["TOLERANCE", "Bounded"]
