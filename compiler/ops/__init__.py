"""The declared layers, one family a file: `registry.py` lists them, and `OPS` imports a family when it is used."""

from compiler.ops.base import OPS, REFUSED, MergeOp, Mismatch, NamedOp, Op, Signature, UnaryOp

__all__ = ["OPS", "REFUSED", "MergeOp", "Mismatch", "NamedOp", "Op", "Signature", "UnaryOp"]
