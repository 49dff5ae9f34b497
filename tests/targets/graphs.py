"""Checked graphs for the targets that print them."""

from __future__ import annotations

from collections.abc import Callable

from compiler.errors import Place, Source
from compiler.ir import CheckedGraph, CheckedNode, Node, Operand, Output
from compiler.ops import OPS
from compiler.settings import non_defaults, validate


class Builder:
    """Checked graphs by hand: each layer's type, weights and cost come from its op."""

    def __init__(self, precision: str = "float32") -> None:
        self.precision = precision
        self.nodes: dict[str, CheckedNode] = {}

    def __call__(
        self,
        name: str,
        op: str,
        inputs: str | list[str] | dict[str, str] | None = None,
        shares: str | None = None,
        place: Place | None = None,
        **args: object,
    ) -> str:
        names = (
            inputs
            if isinstance(inputs, dict)
            else dict(enumerate([inputs] if isinstance(inputs, str) else inputs or []))
        )
        operands = tuple(
            Operand(node, argument if isinstance(argument, str) else None) for argument, node in names.items()
        )
        types = {str(argument): self.nodes[node].type for argument, node in names.items()}
        if op not in OPS or None in types.values():
            self.nodes[name] = CheckedNode(Node(name, op, args, operands, shares, place), None, (), None)
            return name
        layer = validate(OPS[op], args)
        signature = layer.signature({key: kind for key, kind in types.items() if kind}, self.precision)
        node = Node(name, op, non_defaults(layer), operands, shares, place)
        weights = () if shares else signature.weights
        self.nodes[name] = CheckedNode(node, signature.output, weights, signature.flops)
        return name

    def graph(self, *outputs: str | Output) -> CheckedGraph:
        ends = tuple(output if isinstance(output, Output) else Output(output) for output in outputs)
        return CheckedGraph(tuple(self.nodes.values()), ends, self.precision)


def residual() -> CheckedGraph:
    """A convnet of two residual blocks, in groups."""
    source = Source("conf/model/residual.yaml", "")
    add = Builder()
    x = add("image", "Input", shape=[32, 32, 3])
    x = add("stem", "Conv2D", x, filters=16, kernel_size=3, padding="same", place=Place(source, 4, 5))
    for i, strides in enumerate((1, 2)):
        path = f"block.{i}"
        y = add(f"{path}.Conv2D", "Conv2D", x, filters=16 * strides, kernel_size=3, strides=strides, padding="same")
        y = add(f"{path}.BatchNormalization", "BatchNormalization", y)
        y = add(f"{path}.Activation", "Activation", y, activation="relu")
        if strides > 1:
            x = add(f"{path}.shortcut.Conv2D", "Conv2D", x, filters=32, kernel_size=1, strides=2)
            x = add(f"{path}.shortcut.BatchNormalization", "BatchNormalization", x)
        x = add(f"{path}.merge", "Add", [y, x])
    x = add("GlobalAveragePooling2D", "GlobalAveragePooling2D", x)
    return add.graph(add("head", "Dense", x, units=10, activation="softmax"))


def mixed() -> CheckedGraph:
    """Two inputs, shared weights, named operands and outputs, a layer that only Keras knows, half precision."""
    add = Builder("mixed_float16")
    question = add("question", "Input", shape=[None], dtype="int32")
    answer = add("answer", "Input", shape=[12], dtype="int32")
    words = add("words", "Embedding", question, input_dim=1000, output_dim=32)
    others = add("words-again", "Embedding", answer, shares="words", input_dim=1000, output_dim=32)
    operands = {"query": others, "value": words}
    mixed_in = add("match.MultiHeadAttention", "MultiHeadAttention", operands, num_heads=4, key_dim=8)
    pooled = add("match.GlobalAveragePooling1D", "GlobalAveragePooling1D", mixed_in)
    label = add("label", "Dense", pooled, units=2, activation="softmax", dtype="float32")
    override = Place(Source("model.layers.5.op=Whatever", "", "override"), 1, 16)
    odd = add("odd", "Whatever", mixed_in, place=override, factor=float("inf"), layer={"op": "Dense", "units": 3})
    return add.graph(Output(label, "label"), Output(add("aside", "Dense", odd, units=3), "aside"))


GRAPHS: dict[str, Callable[[], CheckedGraph]] = {"residual": residual, "mixed": mixed}
