"""What passes share: who takes from whom, which calls have one layer's weights, and taking nodes out of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from compiler.ir import CheckedGraph, CheckedNode, Graph, Node, Output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = tuple[NDArray[Any], ...]
    Weights = Mapping[str, Arrays]
    """The arrays of every node that has weights of its own, in Keras's order, by its name."""

    Rewritten = tuple[Graph, Weights | None]


def calls(graph: CheckedGraph) -> dict[str, list[CheckedNode]]:
    """By the name of a layer that has weights or none, its own node and those that share it, in order."""
    roots: dict[str, str] = {}
    found: dict[str, list[CheckedNode]] = {}
    for checked in graph:
        shares = checked.node.shares
        root = roots[checked.name] = roots[shares] if shares else checked.name
        found.setdefault(root, []).append(checked)
    return found


class Users:
    """Who takes what a node gives."""

    def __init__(self, graph: CheckedGraph) -> None:
        self.outputs = {output.node for output in graph.outputs}
        self._users: dict[str, list[CheckedNode]] = {}
        for checked in graph:
            for operand in checked.node.inputs:
                self._users.setdefault(operand.node, []).append(checked)

    def sole(self, name: str) -> CheckedNode | None:
        """The one node that takes from `name`; None where there are several, or the model gives it out."""
        users = self._users.get(name, [])
        return users[0] if len(users) == 1 and name not in self.outputs else None


def rewritten(
    graph: CheckedGraph,
    weights: Weights | None,
    gone: Mapping[str, str],
    args: Mapping[str, Mapping[str, object]] | None = None,
    arrays: Weights | None = None,
) -> Rewritten:
    """The graph without some of its nodes, and with other arguments and weights for some that stay.

    Args:
        gone: by the name of a node that goes, the node whose result takes the place of its own.
        args: by the name of a node, its new arguments.
        arrays: by the name of a node, its new weights.

    An output that goes keeps its key. Of several calls of one layer whose first goes, the next has the weights.
    """
    heirs: dict[str, str] = {}
    nodes: list[Node] = []
    for root, group in calls(graph).items():
        stay = [checked.name for checked in group if checked.name not in gone]
        if stay:
            heirs[root] = stay[0]
            heirs |= dict.fromkeys(stay, stay[0])
    for checked in graph:
        node = checked.node
        if node.name in gone:
            continue
        heir = heirs[node.name]
        operands = tuple(replace(operand, node=_source(operand.node, gone)) for operand in node.inputs)
        shares = node.shares if node.shares not in gone else None if heir == node.name else heir
        nodes.append(replace(node, inputs=operands, shares=shares, args=(args or {}).get(node.name, node.args)))
    keyed = any(output.key is not None for output in graph.outputs)
    outputs = tuple(_output(output, gone, keyed) for output in graph.outputs)
    if weights is None:
        return Graph(tuple(nodes), outputs), None
    kept = {heirs[name]: found for name, found in weights.items() if name in heirs}
    return Graph(tuple(nodes), outputs), {**kept, **(arrays or {})}


def _source(name: str, gone: Mapping[str, str]) -> str:
    while name in gone:
        name = gone[name]
    return name


def _output(output: Output, gone: Mapping[str, str], keyed: bool) -> Output:
    if output.node not in gone:
        return output
    return Output(_source(output.node, gone), output.key or output.node if keyed else output.key)
