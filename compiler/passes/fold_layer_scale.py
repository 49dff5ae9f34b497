"""The pass `fold_layer_scale`: a LayerScale goes into the layer before it, as its gammas multiply channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.ir import CheckedGraph, CheckedNode
from compiler.passes.affine import Affine, folded

if TYPE_CHECKING:
    from compiler.passes.affine import Array
    from compiler.passes.rewriting import Arrays, Rewritten, Weights


def fold_layer_scale(graph: CheckedGraph, weights: Weights | None) -> Rewritten:
    """Fold LayerScale into the layer that it follows."""
    return folded(graph, weights, {"LayerScale": Affine(lambda _: -1, False, _scale_and_shift)})


def _scale_and_shift(checked: CheckedNode, arrays: Arrays) -> tuple[Array, Array]:
    (gamma,) = arrays
    return gamma.astype("float64"), 0.0 * gamma
