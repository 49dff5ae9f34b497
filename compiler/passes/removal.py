"""Taking out layers that pass on what enters them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from compiler.ir import CheckedGraph, CheckedNode
from compiler.passes.rewriting import rewritten

if TYPE_CHECKING:
    from compiler.passes.rewriting import Rewritten, Weights


def without(graph: CheckedGraph, weights: Weights | None, passes_on: Callable[[CheckedNode], bool]) -> Rewritten:
    """The graph without the nodes for which `passes_on` holds and whose result has the type of their input.

    Types differ where a layer casts, which is then what it does. A node between an input and an output of the model
    stays: a model has at least one layer.
    """
    known = {checked.name: checked for checked in graph}
    outputs = {output.node for output in graph.outputs}
    gone: dict[str, str] = {}
    for checked in graph:
        if checked.type is None or len(checked.node.inputs) != 1 or not passes_on(checked):
            continue
        source = known[checked.node.inputs[0].node]
        origin = known[gone.get(source.name, source.name)]
        if source.type == checked.type and not (checked.name in outputs and origin.node.op == "Input"):
            gone[checked.name] = origin.name
    return rewritten(graph, weights, gone)
