"""The pass `fold_batch_norm`: batch normalisation goes into the convolution or dense layer before it, LayerScale too.

At inference a normalisation is gamma * (x - mean) / sqrt(variance + epsilon) + beta, by moving averages: one
multiply-add a channel, which kernel and bias can do. Jacob et al. 2018, arXiv 1712.05877, section 3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from compiler.ir import CheckedGraph, CheckedNode
from compiler.ops import OPS
from compiler.passes.affine import Affine, folded
from compiler.settings import validate

if TYPE_CHECKING:
    from compiler.passes.affine import Array
    from compiler.passes.rewriting import Arrays, Rewritten, Weights


def fold_batch_norm(graph: CheckedGraph, weights: Weights | None) -> Rewritten:
    """Fold what multiplies channels, and adds to them, into the layer that makes them, however many stand in a row."""
    norm = Affine(_axis, True, _scale_and_shift)  # a renormalisation differs in training only
    scale = Affine(lambda _: -1, False, _gammas)
    affine = {"BatchNormalization": norm, "BatchRenormalization": norm, "LayerScale": scale}
    return folded(graph, weights, affine)


def _axis(checked: CheckedNode) -> int:
    return cast(int, checked.node.args.get("axis", -1))


def _scale_and_shift(checked: CheckedNode, arrays: Arrays) -> tuple[Array, Array]:
    import numpy as np

    norm: Any = validate(OPS[checked.node.op], checked.node.args)
    given = [array.astype(np.float64) for array in arrays]
    gamma = given.pop(0) if norm.scale else 1.0
    beta = given.pop(0) if norm.center else 0.0
    mean, variance = given[:2]  # what follows, as with `renorm`, is for training
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale


def _gammas(checked: CheckedNode, arrays: Arrays) -> tuple[Array, Array]:
    (gamma,) = arrays
    return gamma.astype("float64"), 0.0 * gamma
