"""The runner of passes. It, not a pass's author, checks what a pass leaves.

A pass takes a `CheckedGraph` and its weights and gives a `Graph` and its weights. The runner infers everything anew,
and holds the result against what went in: the same inputs, outputs of the same keys and types, nodes in order, each of
use, and arrays of the shapes that the graph says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from compiler.check import check_again
from compiler.errors import Diagnostics
from compiler.ir import CheckedGraph, Graph, TensorType

if TYPE_CHECKING:
    from compiler.passes.rewriting import Rewritten, Weights

Pass = Callable[[CheckedGraph, "Weights | None"], "Rewritten"]


class BrokenPass(Exception):
    """A pass left something else than the model that it was given: a mistake in the pass, never the user's."""


def run_passes(
    passes: Mapping[str, Pass], graph: CheckedGraph, weights: Weights | None = None
) -> tuple[CheckedGraph, Weights | None]:
    """Run `passes` one after another.

    Args:
        passes: by name, in the order in which they run.
        weights: the arrays of each node that has some of its own, in Keras's order; without them, a pass changes the
            graph alone.

    Raises:
        BrokenPass: what a pass left does not hold; the message names it and those before it.
    """
    done: list[str] = []
    for name, apply in passes.items():
        found, left = apply(graph, weights)
        after = f", after {', '.join(done)}" if done else ""
        diagnostics = Diagnostics()
        wrong = list(_of_graph(graph, found))
        if wrong:
            raise BrokenPass(f"pass {name!r}{after}: {wrong[0]}")
        result = check_again(found, diagnostics, graph.precision)
        wrong = [fault.message for fault in diagnostics.faults if fault.is_error]
        wrong += [*_of_outputs(graph, result), *_of_weights(result, weights, left)]
        if wrong:
            raise BrokenPass(f"pass {name!r}{after}: {wrong[0]}")
        graph, weights = result, left
        done.append(name)
    return graph, weights


def _of_graph(before: CheckedGraph, found: Graph) -> Iterator[str]:
    """What must hold before anything can be inferred."""
    if found.inputs != tuple(checked.node for checked in before.inputs):
        yield "it changed the inputs"
    names = {checked.name for checked in before}
    seen: set[str] = set()
    for node in found:
        if node.name in seen:
            yield f"it left two nodes {node.name!r}"
        if node.name not in names:
            yield f"it named a node {node.name!r}, which the graph did not have"
        needed = {operand.node for operand in node.inputs} | ({node.shares} if node.shares else set[str]())
        for other in sorted(needed - seen):
            yield f"{node.name!r} takes from {other!r}, which does not stand before it"
        seen.add(node.name)
    used = {operand.node for node in found for operand in node.inputs} | {output.node for output in found.outputs}
    for name in sorted(seen ^ used):
        yield f"it left the node {name!r}, which leads to no output" if name in seen else f"an output names {name!r}"


def _of_outputs(before: CheckedGraph, after: CheckedGraph) -> Iterator[str]:
    wanted, found = _outputs(before), _outputs(after)
    if [key for key, _ in wanted] != [key for key, _ in found]:
        yield f"it changed the outputs' keys from {[key for key, _ in wanted]} to {[key for key, _ in found]}"
        return
    for (key, kind), (_, now) in zip(wanted, found, strict=True):
        if kind != now:
            yield f"it changed the type of output {key!r} from {kind} to {now}"


def _outputs(graph: CheckedGraph) -> list[tuple[str | int, TensorType | None]]:
    types = {checked.name: checked.type for checked in graph}
    keyed = any(output.key is not None for output in graph.outputs)
    return [(output.key or output.node if keyed else i, types[output.node]) for i, output in enumerate(graph.outputs)]


def _of_weights(graph: CheckedGraph, before: Weights | None, after: Weights | None) -> Iterator[str]:
    if before is None or after is None:
        if before is not after:
            yield "it made weights of none" if before is None else "it lost the weights"
        return
    owners = {checked.name for checked in graph if checked.node.shares is None}
    for name in sorted(set(after) - owners):
        yield f"it left weights of {name!r}, which has none of its own"
    for checked in graph:
        if checked.type is None or checked.node.shares is not None:
            continue  # only Keras knows the weights of what has no type
        shapes = [tuple(array.shape) for array in after.get(checked.name, ())]
        if shapes != [weight.shape for weight in checked.weights]:
            yield f"the weights of {checked.name!r} are {shapes}, not {[weight.shape for weight in checked.weights]}"
