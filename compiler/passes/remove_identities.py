"""The pass `remove_identities`: takes out Identity layers and linear activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.ir import CheckedGraph, CheckedNode
from compiler.passes.removal import without

if TYPE_CHECKING:
    from compiler.passes.rewriting import Rewritten, Weights


def remove_identities(graph: CheckedGraph, weights: Weights | None) -> Rewritten:
    """Take out the layers that do nothing at all."""
    return without(graph, weights, _is_identity)


def _is_identity(checked: CheckedNode) -> bool:
    node = checked.node
    return node.op == "Identity" or (node.op == "Activation" and node.args["activation"] in (None, "linear"))
