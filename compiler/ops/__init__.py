"""The declared layers, one family a file. Importing this package registers all of them in `OPS`."""

from compiler.ops import (
    activation,
    attention,
    augmentation,
    conv,
    core,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    separable,
)
from compiler.ops.base import OPS, REFUSED, MergeOp, Mismatch, NamedOp, Op, Signature, UnaryOp

__all__ = [
    "OPS",
    "REFUSED",
    "MergeOp",
    "Mismatch",
    "NamedOp",
    "Op",
    "Signature",
    "UnaryOp",
    "activation",
    "attention",
    "augmentation",
    "conv",
    "core",
    "merging",
    "normalization",
    "pooling",
    "preprocessing",
    "recurrent",
    "regularization",
    "reshaping",
    "separable",
]
