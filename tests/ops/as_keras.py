"""From the plain values of a model file to Keras's objects, without the compiler's own way there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from compiler.ops import Op


def keras_class(cls: type[Op]) -> Any:
    """What `cls.keras` names, e.g. `keras.layers.Dense`."""
    module, _, name = cls.keras.rpartition(".")
    return getattr(import_module(module), name)


def keras_value(argument: str, value: object) -> object:
    """`value` of the argument so named: {op: NAME, ...} becomes an object of the kind that the name tells."""
    import keras

    if isinstance(value, list) and argument == "ngrams":
        return tuple(value)  # the one argument for which Keras takes no list
    if isinstance(value, list):
        return [keras_value(argument, item) for item in value]
    if not (isinstance(value, dict) and "op" in value):
        return value
    kinds = {
        "initializer": keras.initializers,
        "regularizer": keras.regularizers,
        "constraint": keras.constraints,
    }
    module = next((found for ending, found in kinds.items() if argument.endswith(ending)), keras.layers)
    arguments = {key: keras_value(key, item) for key, item in value.items() if key != "op"}
    return getattr(module, value["op"])(**arguments)
