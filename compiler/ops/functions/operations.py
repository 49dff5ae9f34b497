"""From the operations of a saved Keras model back to ops.

What Keras writes of a call such as `ops.mean(x, axis=1)` in a model's config is a layer like the others:

    {"module": "keras.src.ops.numpy", "class_name": "Mean", "name": "mean", "registered_name": "Mean",
     "config": {"name": "mean", "axis": 1, "keepdims": false},
     "inbound_nodes": [{"args": [TENSOR], "kwargs": {}}]}

- `config` has the arguments that the operation was made with, defaults included, under the function's own names;
  these are the op's fields.
- `inbound_nodes` has one entry, for an operation is made for each call. Its `args` and `kwargs` are those of the
  operation's `call`: the tensors, and the numbers that stand for tensors. `ops.multiply(x, 2.0)` has the config
  `{"name": ...}` and the args `[TENSOR, 2.0]`, and `ops.multiply(2.0, x)` has `[2.0, TENSOR]`: which is which only
  their places tell. `x * 2.0` on a Keras tensor is the first of them.
- A list of tensors (`ops.concatenate`, `ops.stack`) is one argument, a list; those of `ops.einsum` are several.
- Some arguments go to the call too, behind the tensor: the op's `call_arguments`. The slices in the key of a
  `get_item` are `{"class_name": "__slice__", "config": {"start": ...}}` there, and three dots `{"class_name":
  "__ellipsis__", "config": {}}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from compiler.ops.base import OPS
from compiler.ops.functions.base import Function, Listed, Tensors
from compiler.ops.functions.items import GetItem
from compiler.ops.registry import FAMILIES
from compiler.settings import InvalidSettings, non_defaults, validate

History = tuple[str, int, int]
"""Where a tensor comes from, as Keras has it: a layer's name, the number of its call, and that of its output."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function, as a model file has it.

    Attributes:
        op: the op's name.
        arguments: plain values, those at their defaults left out; numbers that stand for tensors are among them.
        tensors: what enters, with the operand where the op names them, else None.
    """

    op: str
    arguments: Mapping[str, object]
    tensors: tuple[tuple[str | None, History], ...]


class NoCall(Exception):
    """An operation cannot be said as an op; the text says why."""


def function_of(module: str, class_name: str) -> type[Function] | None:
    """The op for an operation of Keras, by its module and class; None where no op stands for it.

    >>> function_of("keras.src.ops.numpy", "Multiply").__name__
    'ops.multiply'
    """
    return _by_operation().get(class_name) if module.startswith("keras.src.ops.") else None


@cache
def _by_operation() -> Mapping[str, type[Function]]:
    families = [names for family, names in FAMILIES.items() if family.startswith("functions.")]
    found = [OPS[name] for names in families for name in names.split()]
    return {cls.operation: cls for cls in found if issubclass(cls, Function)}


def call_of(layer: Mapping[str, Any]) -> Call:
    """The call that an entry of `layers` in a functional model's config stands for.

    Args:
        layer: the entry as plain data (from JSON, or `keras.saving.serialize_keras_object`).

    Raises:
        NoCall: no op stands for the operation, or the op does not take what it was called with.
    """
    cls = function_of(str(layer["module"]), str(layer["class_name"]))
    if cls is None:
        raise NoCall(f"no op stands for {layer['class_name']}")
    if len(layer["inbound_nodes"]) != 1:
        raise NoCall(f"{layer['class_name']} is called {len(layer['inbound_nodes'])} times")
    (node,) = layer["inbound_nodes"]
    args: list[Any] = list(node["args"])
    kwargs: dict[str, Any] = dict(node["kwargs"])
    config = {key: value for key, value in layer["config"].items() if key != "name" and value is not None}
    tensors: list[tuple[str | None, History]] = []
    if issubclass(cls, Tensors):
        given = dict(zip((*cls.operands, *cls.call_arguments), args, strict=False)) | kwargs
        for name, value in given.items():
            if (history := _history(value)) is not None:
                tensors.append((name, history))
            elif value is not None:
                config[name] = value
    else:
        listed = args if issubclass(cls, Listed) and cls.starred else args[0] if issubclass(cls, Listed) else args[:1]
        histories = [_history(value) for value in cast("Sequence[object]", listed)]
        tensors += [(None, history) for history in histories if history is not None]
        if len(tensors) < len(histories):
            raise NoCall(f"{cls.__name__} is called with what is no tensor")
        rest = [] if issubclass(cls, Listed) else args[1:]
        given = dict(zip(cls.call_arguments, rest, strict=False)) | kwargs
        config |= {key: value for key, value in given.items() if value is not None}
    if issubclass(cls, GetItem):
        config["key"] = key_of(config.get("key"))
    try:
        return Call(cls.__name__, non_defaults(validate(cls, config)), tuple(tensors))
    except InvalidSettings as error:
        raise NoCall(str(error)) from None


def _history(value: object) -> History | None:
    if not isinstance(value, Mapping):
        return None
    found = cast("Mapping[str, Any]", value)
    return tuple(found["config"]["keras_history"]) if found.get("class_name") == "__keras_tensor__" else None


def key_of(value: object) -> list[object]:
    """The key of a `get_item` as the op takes it."""
    entries = cast("list[object]", value) if isinstance(value, list) else [value]
    return [_entry(cast("Mapping[str, Any]", entry)) if isinstance(entry, Mapping) else entry for entry in entries]


def _entry(entry: Mapping[str, Any]) -> object:
    if entry.get("class_name") == "__ellipsis__":
        return "..."
    if entry.get("class_name") != "__slice__":
        return entry
    start, stop, step = (entry["config"][key] for key in ("start", "stop", "step"))
    text = f"{'' if start is None else start}:{'' if stop is None else stop}"
    return text if step is None else f"{text}:{step}"
