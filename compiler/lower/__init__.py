"""Lowering: the expanded tree -> a graph in topological order."""

from __future__ import annotations

from compiler.lower.lowering import Lowered, Wired, lower

__all__ = ["Lowered", "Wired", "lower"]
