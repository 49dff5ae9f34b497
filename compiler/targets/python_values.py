"""Arguments of layers as Python expressions: literals, Keras's objects, layers inside layers, and the layer itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from compiler.ops import OPS, Op
from compiler.ops.catalogue import opaque
from compiler.ops.objects import OBJECTS, Kind
from compiler.settings import plain
from compiler.targets.python_syntax import call, name

_FIRST = {
    "activation", "axes", "cell", "cells", "cropping", "dims", "equation", "factor", "filters", "input_dim",
    "kernel_size", "layer", "layers", "n", "output_dim", "output_shape", "padding", "pool_size", "rate", "scale",
    "shape", "size", "stddev", "target_shape", "units",
}  # fmt: skip
"""Arguments that a reader knows by their place, where they stand first."""
_LAST = ("trainable", "dtype", "activity_regularizer")
"""Arguments that all layers have."""
_LISTS = ("axis", "axes")
"""Arguments that Keras wants as lists, where numbers in an order are tuples else."""


def op_class(op: str) -> type[Op]:
    """The class of a checked op, a layer of the catalogue included."""
    found = OPS.get(op) or opaque(op)
    assert found is not None, "a checked graph has known ops"
    return found


def default(op: str, argument: str) -> object:
    """The plain value of an argument that is left out."""
    return plain(op_class(op).model_fields[argument].default)


def ordered(op: str, arguments: Iterable[str]) -> list[str]:
    """Arguments as they are written: required ones, others in declared order, and last those that all layers have."""
    given, fields = set(arguments), op_class(op).model_fields
    declared = sorted((key for key in fields if key not in _LAST), key=lambda key: not fields[key].is_required())
    return [key for key in (*declared, *_LAST) if key in given]


def layer_class(op: str) -> ast.expr:
    """What makes the layer: `layers.Dense`, `keras.Input`; a class from elsewhere by its bare name."""
    path = op_class(op).keras
    if path.startswith(("keras.layers.", "keras.ops.")):
        return name(path.removeprefix("keras."))
    return name(path if path.startswith("keras.") else path.rpartition(".")[2])


def layer(op: str, arguments: Mapping[str, ast.expr], layer_name: ast.expr) -> ast.Call:
    """The call that makes a layer of type `op`; what goes into its own call, and what is only ours, is left out."""
    cls = op_class(op)
    out = {*cls.call_arguments, *cls.extras}
    keys = [key for key in ordered(op, arguments) if key not in out]
    places: list[str] = []
    for key in ordered(op, {*cls.model_fields} - out):
        if key not in keys or key not in _FIRST or (places and not cls.model_fields[key].is_required()):
            break
        places.append(key)
    named = {key: arguments[key] for key in keys if key not in places}
    return call(layer_class(op), *(arguments[key] for key in places), **named, name=layer_name)


def expression(value: object, argument: str) -> ast.expr:
    """A plain value of the field `argument`.

    A layer inside an argument has the argument for its name, as the Keras target gives it.
    """
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return _object(fields, argument) if "op" in fields else _mapping(fields, argument)
    if isinstance(value, (list, tuple)):
        sequence = cast("Sequence[object]", value)
        items = [
            expression(item, f"{argument}_{i}" if _is_layer(item) else argument) for i, item in enumerate(sequence)
        ]
        return ast.Tuple(items) if items and _is_numbers(value) and argument not in _LISTS else ast.List(items)
    return ast.Constant(cast("str | float | bool | None", value))


def _object(value: Mapping[str, object], argument: str) -> ast.expr:
    arguments = {key: item for key, item in value.items() if key != "op"}
    op = str(value["op"])
    kind: Kind | None = next((kind for kind in OBJECTS if argument.endswith(kind)), None)
    if kind is None:
        made = {key: expression(item, key) for key, item in arguments.items()}
        return layer(op, made, ast.Constant(argument))
    cls = OBJECTS[kind][op]
    given = {key: expression(item, key) for key, item in arguments.items()}
    path = f"keras.{kind}s.{cls.__name__}"
    return call(path, *given.values()) if [*given] == [*cls.model_fields][:1] else call(path, **given)


def _mapping(value: Mapping[str, object], argument: str) -> ast.expr:
    keys: list[ast.expr | None] = [ast.Constant(key) for key in value]
    return ast.Dict(keys, [expression(item, argument) for item in value.values()])


def _is_layer(value: object) -> bool:
    return isinstance(value, Mapping) and "op" in value


def _is_numbers(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_numbers(item) for item in cast("Sequence[object]", value))
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
