"""A Keras model's JSON config -> a `Graph`. Keras is not asked: nothing in the file is built or run.

A nested model (a Sequential in a Functional) is laid open: its layers stand in the graph, called
`<nested model>.<layer>`. A layer that is called again shares the weights of its first call.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from compiler.check import Limits
from compiler.errors import ConfigError, Diagnostics, Fault, Place
from compiler.expand.names import Names
from compiler.importer.keras_calls import Ref, bound, dig, flat, outer_tensors, shapes, tensor, tensors
from compiler.importer.keras_layers import Entry, Refused, canonical_arguments, op_of, validated
from compiler.importer.titles import automatic, legal
from compiler.ir import Graph, Node, Operand, Output
from compiler.ops import OPS
from compiler.ops.base import FLOATS, POLICIES

MODELS = ("Sequential", "Functional", "Model")
"""Class names of models."""

MOST_CALLS = Limits().layers
"""Calls of layers that are read; a model file may have no more layers."""


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A model as its config tells it.

    Attributes:
        name: the model's own.
        graph: in topological order, nodes by the layers' names.
        origins: for each node, the names that lead to its layer in the config: one, or more inside nested models.
        titles: for each node whose name is not one that Keras made up, that name.
        precision: the dtype policy of most of its layers.
    """

    name: str
    graph: Graph
    origins: Mapping[str, tuple[str, ...]]
    titles: Mapping[str, str]
    precision: str


def read_model(config: Mapping[str, Any], place: Place) -> KerasModel:
    """The model of a Keras JSON config: the object with `class_name` and `config`.

    Args:
        place: where faults point: the file or name that the user gave.

    Raises:
        ConfigError: with a fault for every layer that cannot be brought over.
    """
    reader = _Reader(place, _precision(config))
    try:
        outputs = reader.whole(config)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, StopIteration) as error:
        reader.faults.report("E901", f"this is no config of a Keras model ({type(error).__name__}: {error})", place)
        reader.faults.raise_errors()
        raise AssertionError("the fault is raised") from error
    reader.faults.raise_errors()
    inner = cast(Mapping[str, Any], config["config"])
    graph = Graph(tuple(reader.nodes.values()), outputs)
    new = input_names(graph)
    origins = {new.get(name, name): path for name, path in reader.origins.items()}
    titles = {new.get(name, name): title for name, title in reader.titles.items()}
    return KerasModel(str(inner.get("name", "model")), renamed(graph, new), origins, titles, reader.precision)


def _precision(config: object) -> str:
    """The dtype policy that most layers have; float32 where none is said."""
    found: Counter[str] = Counter()
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            entry = cast(Mapping[str, Any], value)
            left += entry.values()
            policy = dig(entry, "config", "dtype", "config", "name")
            found.update([policy] if isinstance(policy, str) else [])
        elif isinstance(value, list):
            left += cast(list[object], value)
    most = found.most_common(1)
    return most[0][0] if most and most[0][0] in (*FLOATS, *POLICIES) else "float32"


def input_names(graph: Graph) -> dict[str, str]:
    """New names for inputs, as a model file calls them: one alone is `input`."""
    inputs = [node.name for node in graph.inputs]
    taken = Names(node.name for node in graph.nodes if node.op != "Input")
    new = {name: taken.take(taken.free(legal(name) or "data")) for name in inputs} if len(inputs) > 1 else {}
    if len(inputs) == 1:
        if "input" not in inputs and any(node.name == "input" for node in graph.nodes):
            new["input"] = taken.take(taken.free("input"))
        new[inputs[0]] = "input"
    return new


def renamed(graph: Graph, new: Mapping[str, str]) -> Graph:
    """The graph with new names for some of its nodes."""
    nodes = tuple(
        replace(
            node,
            name=new.get(node.name, node.name),
            inputs=tuple(replace(operand, node=new.get(operand.node, operand.node)) for operand in node.inputs),
            shares=new.get(node.shares, node.shares) if node.shares else None,
        )
        for node in graph.nodes
    )
    results = tuple(replace(output, node=new.get(output.node, output.node)) for output in graph.outputs)
    return Graph(nodes, results)


_Pending = tuple[Entry, int, Mapping[str, Any]]
"""A layer, which of its calls, and what the call says."""


@dataclass
class _Calls:
    """The layers of one model while it is read: what each call of each layer gave, by node."""

    path: tuple[str, ...]
    results: dict[tuple[str, int], str | tuple[str, ...]] = field(default_factory=dict[Any, Any])


class _Reader:
    def __init__(self, place: Place, precision: str) -> None:
        self.place, self.precision = place, precision
        self.faults = Diagnostics()
        self.nodes: dict[str, Node] = {}
        self.origins: dict[str, tuple[str, ...]] = {}
        self.titles: dict[str, str] = {}
        self.first: dict[tuple[str, ...], str] = {}
        self.called = 0

    # --- models ---

    def whole(self, entry: Entry) -> tuple[Output, ...]:
        kind = str(entry["class_name"])
        if kind not in MODELS:
            message = f"only Sequential and Functional models can be imported (got {kind!r})"
            raise ConfigError([Fault("E905", message, self.place)])
        config = cast(Mapping[str, Any], entry["config"])
        if kind == "Sequential":
            entering = self.sequential_input(config)
            self.sequential(config, (), entering)
            last = list(self.nodes)[-1]
            return (Output(last),)
        results = self.functional(config, (), None)
        return tuple(Output(node, key) for key, node in results)

    def sequential_input(self, config: Mapping[str, Any]) -> str:
        first = config["layers"][0]
        if first["class_name"] == "InputLayer":
            return self.input(first, ())
        shape = config.get("build_input_shape") or dig(first, "build_config", "input_shape")
        if not isinstance(shape, list):
            message = "this Sequential model does not say what enters it"
            raise ConfigError([Fault("E905", message, self.place, hint="call it on data, or begin it with an Input")])
        return self.input({"config": {"batch_shape": shape, "dtype": "float32", "name": "input"}, "name": "input"}, ())

    def sequential(self, config: Mapping[str, Any], path: tuple[str, ...], entering: str) -> str:
        for entry in config["layers"]:
            if entry["class_name"] != "InputLayer":
                entering = str(self.call(entry, path, [(entering,)], {}))
        return entering

    def functional(
        self, config: Mapping[str, Any], path: tuple[str, ...], entering: Sequence[str] | None
    ) -> list[tuple[str | None, str]]:
        """The nodes of a model's outputs, with their keys; `entering` for a nested one."""
        calls = _Calls(path)
        inputs = [ref for _, ref in outer_tensors(config["input_layers"])]
        for position, (name, index, _) in enumerate(inputs):
            entry = next(layer for layer in config["layers"] if layer["config"]["name"] == name)
            calls.results[name, index] = entering[position] if entering is not None else self.input(entry, path)
        pending = deque(
            (entry, number, call)
            for entry in config["layers"]
            if entry["class_name"] != "InputLayer"
            for number, call in enumerate(entry["inbound_nodes"])
        )
        waiting: dict[tuple[str, int], list[_Pending]] = {}
        while pending:  # the layers stand by depth, so few wait
            item = pending.popleft()
            missing = self.missing(item, calls)
            if missing is not None:
                waiting.setdefault(missing, []).append(item)
                continue
            pending.extend(waiting.pop(self.read(item, calls), ()))
        if waiting:
            raise ValueError("its layers wait for each other")
        # here alone, Keras counts the calls of a Functional model from 1
        nested = {str(entry["config"]["name"]) for entry in config["layers"] if entry["class_name"] == "Functional"}
        outputs = [
            (key, (name, at - (name in nested), out)) for key, (name, at, out) in outer_tensors(config["output_layers"])
        ]
        return [(key, self.result(ref, calls)) for key, ref in outputs]

    def missing(self, item: _Pending, calls: _Calls) -> tuple[str, int] | None:
        """A call whose result enters this one and has not been read, if there is any."""
        entering = tensors([item[2]["args"], item[2]["kwargs"]])
        return next(((name, index) for name, index, _ in entering if (name, index) not in calls.results), None)

    def read(self, item: _Pending, calls: _Calls) -> tuple[str, int]:
        """Read one call of a layer; gives what it is known by."""
        entry, number, call = item
        name = str(entry["config"]["name"])
        entering, named = self.operands(call, calls)
        different = len({tuple(shape) for shape in shapes([call["args"], call["kwargs"]])}) > 1
        calls.results[name, number] = self.call(entry, calls.path, entering, named, broadcast=different)
        return name, number

    # --- tensors ---

    def result(self, ref: Ref, calls: _Calls) -> str:
        name, index, position = ref
        found = calls.results[name, index]
        if isinstance(found, tuple):
            return found[position]
        if position:
            self.faults.report("E905", f"layer {name!r} gives several tensors, and a layer gives one here", self.place)
        return found

    def operands(self, call: Mapping[str, Any], calls: _Calls) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments of a call, each tensor as its node in a tuple of one."""

        def read(value: Any) -> Any:
            if isinstance(value, list):
                return [read(item) for item in cast(list[Any], value)]
            ref = tensor(value)
            if ref is not None:
                return (self.result(ref, calls),)
            return value

        return [read(item) for item in call["args"]], {key: read(item) for key, item in call["kwargs"].items()}

    # --- layers ---

    def input(self, entry: Entry, path: tuple[str, ...]) -> str:
        config = cast(Mapping[str, Any], entry["config"])
        shape = config.get("batch_shape") or config["batch_input_shape"]
        args: dict[str, object] = {"shape": list(shape[1:])}
        if shape[0] is not None:
            args["batch_size"] = shape[0]
        if config.get("dtype", "float32") != "float32":
            args["dtype"] = config["dtype"]
        if config.get("sparse") or config.get("ragged") or config.get("optional"):
            self.faults.report("E905", f"input {config['name']!r} is sparse, ragged or optional", self.place)
        try:
            args = validated(OPS["Input"], args)
        except Refused as refused:
            self.refuse(str(config["name"]), refused)
        return self.add(str(config["name"]), (*path, str(config["name"])), "Input", args, ())

    def refuse(self, layer: str, refused: Refused) -> None:
        for code, message, hint in refused.reasons:
            self.faults.report(code, f"layer {layer!r}: {message}", self.place, hint=hint)

    def call(
        self,
        entry: Entry,
        path: tuple[str, ...],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        broadcast: bool = False,
    ) -> str | tuple[str, ...]:
        """The node (or, for a nested model with several outputs, nodes) of one call.

        Args:
            broadcast: whether tensors of different shapes enter.
        """
        self.called += 1
        if self.called > MOST_CALLS:  # nested models that call each other twice would have no end
            raise ConfigError([Fault("E209", f"the model has more than {MOST_CALLS:,} layers", self.place)])
        name = str(entry["config"]["name"])
        inner = (*path, name)
        if entry["class_name"] in MODELS and "layers" in entry["config"]:
            entering = [str(node) for node in flat([args, kwargs])]
            if entry["class_name"] == "Sequential":
                return self.sequential(entry["config"], inner, entering[0])
            results = self.functional(entry["config"], inner, entering)
            return tuple(node for _, node in results) if len(results) > 1 else results[0][1]
        try:
            cls = op_of(entry)
            operands, settings = bound(cls, args, kwargs)
            if broadcast and "broadcast" in cls.model_fields:
                settings["broadcast"] = True
            found = canonical_arguments(cls, entry, settings, self.precision)
        except Refused as refused:
            self.refuse(".".join(inner), refused)
            return self.add(name, inner, "Identity", {}, ())
        node = self.add(name, inner, cls.__name__, found, operands)
        if not automatic(name, str(entry["class_name"])) and not automatic(name, cls.__name__):
            outer = path[-1] if path and not name.startswith(path[-1]) else ""
            self.titles[node] = f"{outer}.{name}" if outer else name
        return node

    def add(
        self, name: str, path: tuple[str, ...], op: str, args: Mapping[str, object], operands: tuple[Operand, ...]
    ) -> str:
        title, number = ".".join(path), 1
        while title in self.nodes:
            title, number = f"{'.'.join(path)}_{number}", number + 1
        shares = self.first.get(path)
        self.nodes[title] = Node(title, op, args, operands, shares)
        self.origins[title] = path
        self.first.setdefault(path, title)
        return title
