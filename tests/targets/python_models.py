"""For the tests of the Python target: a stand-in for Keras that writes down what a module builds, and drawn models."""

from __future__ import annotations

import builtins
import random
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.ir import CheckedGraph, Node, Operand, Output
from compiler.ops import OPS, NamedOp, Op
from compiler.ops.catalogue import opaque
from compiler.ops.objects import OBJECTS
from compiler.settings import non_defaults, plain, validate
from tests.targets.graphs import Builder


@dataclass(eq=False)
class Tensor:
    """What a layer gave: the node's name."""

    node: str


@dataclass(eq=False)
class Object:
    """An initializer, regularizer or constraint."""

    value: dict[str, object]


@dataclass(eq=False)
class Layer:
    """A layer: its first call makes the node of its name, others nodes that share it."""

    recorder: Recorder
    op: str
    args: dict[str, object]
    name: str
    calls: int = 0

    def __call__(self, *tensors: Any, **named: Any) -> Tensor:
        cls = _class(self.op)
        called = {key: value for key, value in named.items() if not isinstance(value, Tensor)}
        assert set(called) <= set(cls.call_arguments)
        inputs: list[Operand] = []
        if issubclass(cls, NamedOp) and cls.listed:
            inputs = [Operand(x.node, slot) for x, slot in zip(tensors[0], cls.operands, strict=False)]
        elif issubclass(cls, NamedOp):
            assert not tensors
            inputs = [Operand(x.node, slot) for slot, x in named.items() if isinstance(x, Tensor)]
        else:
            (given,) = tensors
            assert isinstance(given, list) == (cls.arity == "many")
            inputs = [Operand(x.node) for x in (given if isinstance(given, list) else [given])]
        name = f"{self.name}#{self.calls}" if self.calls else self.name
        shares = self.name if self.calls else None
        self.calls += 1
        args = non_defaults(validate(cls, {**self.args, **called}))
        self.recorder.nodes.append(Node(name, self.op, args, tuple(inputs), shares))
        return Tensor(name)


@dataclass
class Recorder:
    """Stands in for Keras while a module runs."""

    nodes: list[Node] = field(default_factory=list)
    outputs: tuple[Output, ...] = ()
    inputs: tuple[str, ...] = ()
    policies: list[str] = field(default_factory=lambda: ["float32"])
    precision: str = ""

    def run(self, text: str) -> None:
        """Run a module's text with this in Keras's place, and its `build_model`. Any other import fails."""
        layers = types.SimpleNamespace(Layer=object, **{op: self.layer(op) for op in OPS})
        objects = {
            f"{kind}s": types.SimpleNamespace(**{cls.__name__: _object(cls) for cls in known.values()})
            for kind, known in OBJECTS.items()
        }
        config = types.SimpleNamespace(dtype_policy=lambda: self.policies[-1], set_dtype_policy=self.policies.append)
        saving = types.SimpleNamespace(register_keras_serializable=lambda package: lambda cls: self.layer(cls.__name__))
        keras = types.SimpleNamespace(
            layers=layers, Input=self.input, Model=self.model, config=config, saving=saving, **objects
        )
        known = {"keras": keras}
        builtin = {**vars(builtins), "__import__": lambda name, *_: known[name]}
        space: dict[str, Any] = {"__name__": "written", "__builtins__": builtin}
        exec(compile(text, "written.py", "exec"), space)
        assert space["build_model"]() is self
        assert self.policies[-1] == "float32", "the policy is restored"

    def input(self, *values: Any, name: str, **args: Any) -> Tensor:
        self.nodes.append(Node(name, "Input", _arguments("Input", values, args), ()))
        return Tensor(name)

    def model(self, inputs: Any, outputs: Any, name: str) -> Recorder:
        assert name == "model"
        self.precision = self.policies[-1]
        self.inputs = tuple(x.node for x in (inputs if isinstance(inputs, list) else [inputs]))
        if isinstance(outputs, dict):
            self.outputs = tuple(Output(x.node, key) for key, x in outputs.items())
        else:
            self.outputs = tuple(Output(x.node) for x in (outputs if isinstance(outputs, list) else [outputs]))
        return self

    def layer(self, op: str) -> Any:
        return lambda *values, name, **args: Layer(self, op, _arguments(op, values, args), name)


def same(text: str, graph: CheckedGraph) -> None:
    """Hold what a module builds against the graph that it was written for."""
    recorder = Recorder()
    recorder.run(text)
    assert facts(recorder.nodes, recorder.outputs) == facts([checked.node for checked in graph], graph.outputs)
    assert recorder.inputs == tuple(checked.name for checked in graph.inputs)
    assert recorder.precision == graph.precision


def facts(nodes: list[Node], outputs: tuple[Output, ...]) -> tuple[set[object], object]:
    """What a graph is, whatever the order of its nodes; calls of shared layers are numbered in their order."""
    calls: dict[str, int] = {}
    names: dict[str, str] = {}
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        root = node
        while root.shares:
            root = by_name[root.shares]
        calls[root.name] = calls.get(root.name, -1) + 1
        names[node.name] = f"{root.name}#{calls[root.name]}" if calls[root.name] else root.name
    found: set[object] = {
        (names[node.name], node.op, "" if node.shares else _args(node), _inputs(node, names)) for node in nodes
    }
    return found, [(names[output.node], output.key) for output in outputs]


def _args(node: Node) -> str:
    """The arguments that Keras sees."""
    return repr(sorted((key, value) for key, value in node.args.items() if key not in _class(node.op).extras))


def _inputs(node: Node, names: Mapping[str, str]) -> object:
    pairs = [(x.argument, names[x.node]) for x in node.inputs]
    return tuple(pairs) if all(argument is None for argument, _ in pairs) else frozenset(pairs)


def _class(op: str) -> type[Op]:
    cls = OPS.get(op) or opaque(op)
    assert cls is not None, op
    return cls


def _arguments(op: str, values: tuple[Any, ...], named: dict[str, Any]) -> dict[str, object]:
    """Plain arguments; those by place are Keras's first ones, required before others."""
    cls = _class(op)
    fields = [key for key in cls.model_fields if key not in ("trainable", "dtype", "activity_regularizer")]
    places = sorted(fields, key=lambda key: not cls.model_fields[key].is_required())
    return {key: _plain(value, key) for key, value in {**dict(zip(places, values, strict=False)), **named}.items()}


def _plain(value: Any, argument: str) -> object:
    if isinstance(value, Layer):
        assert value.name == argument
        return {"op": value.op, **value.args}
    if isinstance(value, Object):
        return value.value
    if isinstance(value, list):
        return [_plain(item, f"{argument}_{i}") for i, item in enumerate(value)]
    return plain(value)


def _object(cls: type) -> Any:
    def made(*values: Any, **named: Any) -> Object:
        given = {**dict(zip(cls.model_fields, values, strict=False)), **named}
        return Object({"op": cls.__name__, **{key: plain(value) for key, value in given.items()}})

    return made


# --- drawn graphs ------------------------------------------------------------------------------

_WORDS = ("a", "b", "enc", "dec", "0", "1", "2", "x", "skip", "shortcut", "filters", "Dense", "units", "input")


def tangled(draw: random.Random, size: int) -> CheckedGraph:
    """Layers with any connections and any dotted names, so that no group need hold together."""
    add = Builder()
    found = [add("input", "Input", shape=[4])]
    found += [add("other", "Input", shape=[4])] if draw.random() < 0.3 else []
    lent: list[str] = []

    def near() -> str:
        return draw.choice(found[-3:] if draw.random() < 0.7 else found)

    while len(add.nodes) < size:
        name = ".".join([draw.choice("abc"), *(draw.choice(_WORDS) for _ in range(draw.choice([0, 0, 1, 2, 3])))])
        kind = draw.random()
        if name in add.nodes:
            found.append(add(f"{name}_{len(add.nodes)}", "Activation", near(), activation="relu"))
        elif kind < 0.5:
            found.append(add(name, "Dense", near(), units=4, activation=draw.choice(["relu", "tanh"])))
            lent.append(name)
        elif kind < 0.6:
            found.append(add(name, "Dropout", near(), rate=0.5))
        elif kind < 0.85 or not lent:
            found.append(add(name, draw.choice(["Add", "Multiply"]), [near() for _ in range(draw.choice([2, 2, 3]))]))
        else:
            root = draw.choice(lent)
            found.append(add(name, "Dense", near(), root, None, **add.nodes[root].node.args))
    ends = _ends(add)
    return add.graph(*([Output(end, f"key_{i}") for i, end in enumerate(ends)] if draw.random() < 0.5 else ends))


def _ends(add: Builder) -> list[str]:
    used = {operand.node for checked in add.nodes.values() for operand in checked.node.inputs}
    return [name for name in add.nodes if name not in used]


class Structured:
    """Blocks, repeats, residuals and branches inside one another, their arguments varying from copy to copy."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.made = draw, list[str]()
        self.add = Builder(draw.choice(["float32", "float32", "mixed_float16"]))

    def graph(self) -> CheckedGraph:
        x = self.add("input", "Input", shape=[4])
        blocks = [self.block(3) for _ in range(self.draw.randint(1, 3))]
        for _ in range(self.draw.randint(1, 4)):
            path = self.draw.choice(["", "", "part", "net.a"])
            x = self.put(self.draw.choice(blocks), x, path, self.draw.randint(1, 3))
            if self.made and self.draw.random() < 0.25:
                x = self.add(self.name("late"), "Add", [x, self.draw.choice(self.made)])
        more = [self.draw.choice(self.made)] if self.made and self.draw.random() < 0.2 else []
        return self.add.graph(*dict.fromkeys([x, *more, *_ends(self.add)]))

    def block(self, depth: int) -> tuple[Any, ...]:
        draw, kind = self.draw, self.draw.random() if depth else 0.0

        def some(low: int, high: int) -> list[tuple[Any, ...]]:
            return [self.block(depth - 1) for _ in range(draw.randint(low, high))]

        if kind < 0.4:
            ops = ["Dense", "Dense", "Activation", "Dropout", "LayerNormalization"]
            return "layer", draw.choice(ops), draw.random() < 0.3
        if kind < 0.55:
            return "sequence", draw.choice(["sequence", "stage", "block"]), some(1, 3)
        if kind < 0.75:
            return "repeat", draw.choice([1, 2, 3, 4]), draw.random() < 0.5, some(1, 1)
        if kind < 0.9:
            short = [self.block(0)] if draw.random() < 0.4 else []
            return "residual", draw.choice(["Add", "Multiply"]), draw.random() < 0.3, some(1, 3), short
        return "branches", draw.choice(["Add", "Average"]), [some(0, 2) for _ in range(draw.randint(2, 3))]

    def put(self, block: tuple[Any, ...], x: str, path: str, turn: int) -> str:
        match block:
            case "layer", op, regular:
                more = {"kernel_regularizer": {"op": "L2", "l2": turn / 10}} if regular else {}
                own = {"Activation": {"activation": "relu"}, "Dropout": {"rate": turn % 10 / 10}, "Dense": {"units": 4}}
                args = {**own.get(op, {}), **(more if op == "Dense" else {})}
                return self.note(self.add(self.name(op, path), op, x, **args))
            case "sequence", word, inner:
                return self.all(inner, x, self.name(word, path), turn)
            case "repeat", count, varies, inner:
                path = self.name("repeat", path)
                for i in range(count + (turn % 2 if varies else 0)):
                    x = self.all(inner, x, f"{path}.{i}", turn + (i if varies else 0))
                return x
            case "residual", op, first, inner, short:
                path = self.name("residual", path)
                ends = [self.all(inner, x, path, turn), self.all(short, x, f"{path}.shortcut", turn)]
                return self.note(self.add(f"{path}.merge", op, ends[::-1] if first else ends))
            case _:
                _, op, paths = block
                path = self.name("branches", path)
                ends = [self.all(inner, x, f"{path}.{i}", turn) for i, inner in enumerate(paths)]
                return self.note(self.add(f"{path}.merge", op, ends))

    def all(self, blocks: list[tuple[Any, ...]], x: str, path: str, turn: int) -> str:
        for block in blocks:
            x = self.put(block, x, path, turn)
        return x

    def note(self, name: str) -> str:
        self.made.append(name)
        return name

    def name(self, word: str, path: str = "") -> str:
        base = f"{path}.{word}" if path else word
        made, count = base, 0
        while any(name == made or name.startswith(f"{made}.") for name in self.add.nodes):
            count += 1
            made = f"{base}_{count}"
        return made
