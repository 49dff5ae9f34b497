"""The IR: a typed graph of layers, frozen. It knows no YAML, no serialiser and no framework.

`Graph` says what is connected with what. `CheckedGraph` says besides what every layer gives:
type, weights and cost. Targets take a `CheckedGraph` and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from compiler.errors import Place

Shape = tuple[int | None, ...]
"""A shape without the batch dimension; None is a dimension known only when data arrive."""

ITEM_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorType:
    """What flows along an edge: a shape without the batch dimension, and a dtype."""

    shape: Shape
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.dtype}[{shape_text(self.shape)}]"

    @property
    def size(self) -> int | None:
        """Elements of one sample, or None where a dimension is unknown."""
        return size(self.shape)

    @property
    def bytes(self) -> int | None:
        """Bytes of one sample, or None where a dimension is unknown."""
        return None if self.size is None else self.size * ITEM_BYTES.get(self.dtype, 4)


@dataclass(frozen=True, slots=True)
class Weight:
    """One variable of a layer. Its shape is whole: weights have no batch dimension."""

    name: str
    shape: tuple[int, ...]
    trainable: bool = True

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Operand:
    """One tensor that enters a node: the node that gives it, and the call argument where layers name theirs."""

    node: str
    argument: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One layer, by its expanded dotted name.

    Attributes:
        op: a registered op's name, never an alias.
        args: arguments as plain values (None, bool, int, float, str, list, dict); a dict with `op` is an object.
        shares: the name of the node whose weights it calls again, if any.
        frozen: whether its weights are to be frozen when it is built, since an argument `trainable: false` would not
            reach them: Keras does not hand it to layers that a layer makes (the projections of an attention).
        place, trail: where the user wrote it and how it is reached; no part of equality.
    """

    name: str
    op: str
    args: Mapping[str, object]
    inputs: tuple[Operand, ...]
    shares: str | None = None
    place: Place | None = field(default=None, compare=False)
    trail: tuple[str, ...] = field(default=(), compare=False)
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A result of the model: the node that gives it, and its key where outputs are named."""

    node: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in topological order; inputs are nodes of op `Input`."""

    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def inputs(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.op == "Input")


@dataclass(frozen=True, slots=True)
class CheckedNode:
    """A node with what was inferred for it.

    Attributes:
        node: its arguments are validated and canonical: defaults left out, keys in declared order.
        type: what it gives; None where only Keras knows (a layer without a declaration, or one behind it).
        weights: its variables in Keras's order; empty for a node that shares another's.
        flops: floating-point operations for one sample, a multiply-add counted as two; None where unknown.
    """

    node: Node
    type: TensorType | None
    weights: tuple[Weight, ...]
    flops: int | None

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def params(self) -> int:
        return sum(weight.size for weight in self.weights)


@dataclass(frozen=True, slots=True)
class CheckedGraph:
    """A graph that passed every check. Only `compiler.check` makes one.

    Attributes:
        precision: Keras's dtype policy for the whole model, e.g. ``float32`` or ``mixed_float16``.
    """

    nodes: tuple[CheckedNode, ...]
    outputs: tuple[Output, ...]
    precision: str = "float32"

    def __iter__(self) -> Iterator[CheckedNode]:
        return iter(self.nodes)

    @property
    def inputs(self) -> tuple[CheckedNode, ...]:
        return tuple(node for node in self.nodes if node.node.op == "Input")

    @property
    def layers(self) -> int:
        """Layers apart from inputs."""
        return len(self.nodes) - len(self.inputs)

    @property
    def params(self) -> int:
        return sum(node.params for node in self.nodes)

    @property
    def trainable_params(self) -> int:
        return sum(weight.size for node in self.nodes for weight in node.weights if weight.trainable)

    @property
    def frozen(self) -> tuple[CheckedNode, ...]:
        """Nodes whose weights would be trained, had they not `trainable: false`."""
        return tuple(
            node
            for node in self.nodes
            if node.weights
            and (node.node.frozen or node.node.args.get("trainable") is False)
            and not any(weight.trainable for weight in node.weights)
        )

    @property
    def opaque(self) -> tuple[CheckedNode, ...]:
        """Nodes whose type only Keras knows; totals leave them out."""
        return tuple(node for node in self.nodes if node.type is None)

    @property
    def flops(self) -> int | None:
        """Floating-point operations for one sample; None where a node's are unknown."""
        return _total(node.flops for node in self.nodes)

    @property
    def activation_bytes(self) -> int | None:
        """Bytes of all layers' outputs for one sample, as training keeps them; None where one is unknown."""
        return _total(node.type.bytes if node.type else None for node in self.nodes)

    @property
    def graph(self) -> Graph:
        return Graph(tuple(node.node for node in self.nodes), self.outputs)

    @property
    def hash(self) -> str:
        """sha256 of the canonical text: equal for models that differ in names, or in the order of what stands apart."""
        return hashlib.sha256((canonical_text(self.graph) + self.precision).encode()).hexdigest()


def size(shape: Shape) -> int | None:
    """The product of the dimensions, or None where one is unknown."""
    total = 1
    for dim in shape:
        if dim is None:
            return None
        total *= dim
    return total


def shape_text(shape: Shape) -> str:
    """A shape as tables and messages show it.

    >>> shape_text((28, None, 1))
    '28x?x1'
    """
    return "x".join("?" if dim is None else str(dim) for dim in shape) if shape else "scalar"


def graph_text(graph: CheckedGraph) -> str:
    """The stable text form of a checked graph: one line a node, its type at the end."""
    lines = ["graph {"]
    for checked in graph:
        ending = f" : {checked.type}" if checked.type else " : ?"
        lines.append(f"  %{checked.name} = {_call(checked.node, {})}{ending}")
    returns = ", ".join((f"{out.key}: " if out.key else "") + f"%{out.node}" for out in graph.outputs)
    return "\n".join([*lines, f"  return {returns}", "}"]) + "\n"


def canonical(graph: Graph) -> tuple[Node, ...]:
    """The nodes in the one order that only the edges decide: the inputs, then each node behind what enters it.

    It is that of a walk from the outputs on through each node's operands in turn, as Keras too numbers layers. Of the
    calls of a shared layer the first one in this order is the one that the others share.
    """
    by_name = {node.name: node for node in graph.nodes}
    order: dict[str, None] = dict.fromkeys(node.name for node in graph.inputs)
    stack = [(output.node, False) for output in reversed(graph.outputs)]
    while stack:
        name, entered = stack.pop()
        if entered:
            order[name] = None
        elif name not in order:
            stack.append((name, True))
            stack += [(operand.node, False) for operand in reversed(by_name[name].inputs)]
    first: dict[str, str] = {}
    nodes: list[Node] = []
    for name in order:
        node = by_name[name]
        owner = first.setdefault(lender(node, by_name), name)
        nodes.append(replace(node, shares=None if owner == name else owner))
    return tuple(nodes)


def lender(node: Node, by_name: Mapping[str, Node]) -> str:
    """The name of the node whose weights `node` has: its own where it shares none."""
    while node.shares is not None:
        node = by_name[node.shares]
    return node.name


def canonical_text(graph: Graph) -> str:
    """The text that is hashed: nodes in canonical order and numbered, input and output keys kept."""
    nodes = canonical(graph)
    number = {node.name: str(i) for i, node in enumerate(nodes)}
    lines = [
        f"%{number[node.name]}={_call(node, number)}" + (f" key={node.name}" if node.op == "Input" else "")
        for node in nodes
    ]
    returns = ",".join(f"{out.key or ''}:%{number[out.node]}" for out in graph.outputs)
    return "\n".join([*lines, f"return {returns}"])


def _call(node: Node, rename: Mapping[str, str]) -> str:
    operands = [
        (f"{operand.argument}=" if operand.argument else "") + "%" + rename.get(operand.node, operand.node)
        for operand in node.inputs
    ]
    args = [f"{name}={json.dumps(value)}" for name, value in node.args.items()]
    shared = f" shares %{rename.get(node.shares, node.shares)}" if node.shares else ""
    return f"{node.op}({', '.join(operands + args)}){shared}{' frozen' if node.frozen else ''}"


def _total(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
