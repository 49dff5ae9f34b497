"""The Keras target: a `CheckedGraph` becomes a functional `keras.Model`.

Keras is imported with this file; nothing that stands before it does so. Layers have the names of their nodes, a
node that shares another's weights calls the same layer object, and what goes into a call (`use_causal_mask`)
instead of a constructor is told by the op.

Under a mixed policy every layer computes in half precision and keeps float32 variables, the head included, as
when a Keras user sets the global policy. Keras advises `dtype: float32` on the head; the model file says so, or not.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import keras

from compiler.errors import Diagnostics
from compiler.ir import CheckedGraph, Node
from compiler.ops import OPS, NamedOp, Op
from compiler.ops.catalogue import opaque
from compiler.ops.functions.base import Function
from compiler.ops.objects import OBJECTS, KerasObject
from compiler.settings import Settings, non_defaults, validate


def build(graph: CheckedGraph, name: str = "model") -> keras.Model:
    """The Keras model that `graph` describes, with fresh weights.

    Args:
        graph: its inputs become one tensor or a list of tensors by name, so that Keras takes arrays in order or a
            mapping by input name; its outputs become a mapping where they have keys, else one tensor or a list.
        name: the model's own name.

    Raises:
        ConfigError: E801, Keras refuses layers; one fault each, and layers behind one of them are left out.
    """
    faults = Diagnostics()
    layers: dict[str, Any] = {}
    tensors: dict[str, Any] = {}
    known: dict[tuple[str, str], Op] = {}
    with _policy(graph.precision), _uncollected():
        for checked in graph:
            node = checked.node
            needed = [operand.node for operand in node.inputs] + ([node.shares] if node.shares else [])
            if any(other not in tensors for other in needed):
                continue  # behind a refused layer
            try:
                if node.op == "Input":
                    tensors[node.name] = layer(node.op, node.args, node.name)
                    continue
                record = _record(node, known)
                if isinstance(record, Function):
                    tensors[node.name] = _computed(record, node, tensors)
                    continue
                layers[node.name] = layers[node.shares] if node.shares else _layer(record, node.name)
                arguments = {key: node.args[key] for key in record.call_arguments if key in node.args}
                tensors[node.name] = _called(layers[node.name], type(record), node, tensors, arguments)
                if node.frozen:
                    layers[node.name].trainable = False  # now that what is inside is made
            except Exception as error:  # Keras refuses with whatever comes to hand, IndexError included
                message = f"Keras refuses {node.op!r}: {first_line(error)}"
                faults.report("E801", message, node.place, trail=node.trail)
        faults.raise_errors()
        return keras.Model(_inputs(graph, tensors), _outputs(graph, tensors), name=name)


def layer(op: str, args: Mapping[str, object], name: str) -> Any:
    """The Keras layer of type `op`, not yet built; for `Input`, its tensor.

    Args:
        op: a declared op, or a layer of the catalogue.
        args: plain values; what belongs to the call or is the compiler's own is left out.
        name: the layer's name.
    """
    return _layer(validate(_op(op), args), name)


def to_keras(value: object, argument: str = "layer") -> Any:
    """A field's value as Keras takes it: records become objects of Keras, within lists too.

    Args:
        argument: the field's name. A layer inside an argument gets it for its name, so that the names of its weights
            do not depend on what was built before.
    """
    if isinstance(value, Op):
        return _layer(value, argument)
    if isinstance(value, KerasObject):
        return getattr(getattr(keras, f"{value.kind}s"), type(value).__name__)(**_fields(value))
    if isinstance(value, (list, tuple)):
        items = cast(list[object] | tuple[object, ...], value)
        return type(items)(to_keras(item, f"{argument}_{i}") for i, item in enumerate(items))
    if isinstance(value, Mapping) and "op" in value:  # fields of the catalogue are not typed: their names tell
        arguments = dict(cast(Mapping[str, object], value))
        known = next(known for kind, known in OBJECTS.items() if argument.endswith(kind))
        return to_keras(validate(known[str(arguments.pop("op"))], arguments))
    return value


@cache
def keras_class(cls: type[Op]) -> Any:
    """What `cls.keras` names: `keras.layers.Dense`, or the class of a plugin, whose module may be imported only now."""
    module, _, name = cls.keras.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _op(name: str) -> type[Op]:
    cls = OPS.get(name) or opaque(name)
    assert cls is not None, "a checked graph has known ops"
    return cls


def _layer(record: Op, name: str) -> Any:
    cls = type(record)
    left_out = {*cls.call_arguments, *cls.extras}
    return keras_class(cls)(name=name, **{key: value for key, value in _fields(record).items() if key not in left_out})


def _fields(record: Settings) -> dict[str, Any]:
    """The fields that differ from their defaults, as Keras takes them."""
    return {key: to_keras(getattr(record, key), key) for key in non_defaults(record)}


def _record(node: Node, known: dict[tuple[str, str], Op]) -> Op:
    """A node's arguments as its op, made once for all nodes that have the same."""
    key = node.op, repr(node.args)
    if key not in known:
        known[key] = validate(_op(node.op), node.args)
    return known[key]


def _called(made: Any, cls: type[Op], node: Node, tensors: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """The output of the layer or function `made` for the node's operands."""
    if not issubclass(cls, NamedOp):
        xs = [tensors[operand.node] for operand in node.inputs]
        return made(xs if cls.arity == "many" else xs[0], **arguments)
    named = {str(operand.argument): tensors[operand.node] for operand in node.inputs}
    if cls.listed:
        return made([named[key] for key in cls.operands if key in named], **arguments)
    return made(**named, **arguments)


def _computed(function: Function, node: Node, tensors: Mapping[str, Any]) -> Any:
    """The output of a function of `keras.ops`; the operation that Keras makes of the call has the node's name."""
    made = keras_class(type(function))
    if function.starred:
        y = made(*function.values().values(), *(tensors[operand.node] for operand in node.inputs))
    else:
        y = _called(made, type(function), node, tensors, function.values())
    y._keras_history.operation.name = node.name  # the functions take no name, and Keras's own could be a layer's
    return y


def _inputs(graph: CheckedGraph, tensors: Mapping[str, Any]) -> Any:
    inputs = [tensors[node.name] for node in graph.inputs]
    return inputs[0] if len(inputs) == 1 else inputs


def _outputs(graph: CheckedGraph, tensors: Mapping[str, Any]) -> Any:
    if any(output.key is not None for output in graph.outputs):
        return {output.key or output.node: tensors[output.node] for output in graph.outputs}
    outputs = [tensors[output.node] for output in graph.outputs]
    return outputs[0] if len(outputs) == 1 else outputs


@contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Make `precision` Keras's dtype policy: layers inside layers, and loss scaling, take it from there."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage meanwhile: a model is a hundred thousand objects that stay, looked through again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def first_line(error: Exception) -> str:
    """What Keras says first, without what it wraps around an error inside a call: the error itself is in bold type."""
    text = str(error).rpartition("Error encountered:")[2]
    _, marked, rest = text.partition("\x1b[1m")
    inner = rest.partition("\x1b[0m")[0] if marked else text
    lines = [line.strip() for line in inner.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
