"""The order in which Keras lists a functional model's layers. Without Keras."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.ir import CheckedGraph, CheckedNode


def layer_order(graph: CheckedGraph) -> tuple[CheckedNode, ...]:
    """The nodes of `keras.Model.layers` in its order: by depth from the outputs, then as a search from there goes.

    A layer that is called several times is there once, as the node that owns its weights.

    Source: `keras.src.ops.function.map_graph`.
    """
    nodes = {node.name: node for node in graph}
    layers = {node.name: node.node.shares or node.name for node in graph}
    met: dict[str, int] = {}
    calls = list(_calls(graph, nodes, met))
    depths = dict.fromkeys(calls, 0)
    deepest = dict.fromkeys(met, 0)
    for call in reversed(calls):
        depth = max(depths[call], deepest[layers[call]])
        depths[call] = deepest[layers[call]] = depth
        for entering in _entering(nodes[call]):
            depths[entering] = max(depth + 1, depths[entering])
    return tuple(nodes[name] for name in sorted(met, key=lambda name: (-deepest[name], met[name])))


def _calls(graph: CheckedGraph, nodes: dict[str, CheckedNode], met: dict[str, int]) -> Iterator[str]:
    """Nodes behind all that enters them, in a search from the outputs; `met` numbers layers as it meets them."""
    ends = [output.node for output in sorted(graph.outputs, key=lambda output: output.key or "")]
    done, way = set[str](), list[tuple[str, Iterator[str]]]()

    def enter(name: str) -> None:
        met.setdefault(nodes[name].node.shares or name, len(met))
        way.append((name, iter(_entering(nodes[name]))))

    for end in ends:
        if end not in done:
            enter(end)
        while way:
            name, rest = way[-1]
            following = next((other for other in rest if other not in done), None)
            if following is not None:
                enter(following)
                continue
            way.pop()
            done.add(name)
            yield name


def _entering(node: CheckedNode) -> list[str]:
    """What enters a node, in the order in which Keras flattens its call: arguments by name are sorted."""
    return [operand.node for operand in sorted(node.node.inputs, key=lambda operand: operand.argument or "")]
