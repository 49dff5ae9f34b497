"""The calls of layers in a Keras config: which tensors enter, and what else a call says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from compiler.importer.keras_layers import TRAINING, Refused
from compiler.ir import Operand
from compiler.ops import NamedOp, Op
from compiler.ops.functions.base import OneTensor
from compiler.ops.functions.items import GetItem
from compiler.ops.functions.operations import key_of

Ref = tuple[str, int, int]
"""What Keras says of a tensor: the layer, which call of it, and which of its outputs."""


def bound(
    cls: type[Op], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Operand, ...], dict[str, object]]:
    """A call's tensors as operands, and its other arguments that the op declares.

    Raises:
        Refused: the call says what no model file can.
    """
    settings: dict[str, object] = {}
    named: dict[str, Any] = dict(kwargs)
    if issubclass(cls, NamedOp) and not cls.listed:
        named = {**dict(zip(cls.operands, args, strict=False)), **named}
        args = ()
    if issubclass(cls, OneTensor):  # what stands behind the tensor goes into the operation's call
        named = {**dict(zip(cls.call_arguments, args[1:], strict=False)), **named}
        args = args[:1]
    for key, value in named.items():
        if value is None or (key in ("mask", "attention_mask") and key not in getattr(cls, "operands", ())):
            continue
        if key in cls.call_arguments or (_is_constant(value) and key in cls.model_fields):
            settings[key] = key_of(value) if issubclass(cls, GetItem) else value
        elif not (issubclass(cls, NamedOp) and key in cls.operands) and not _by_default(cls, key, value):
            tensor = isinstance(value, (tuple, list))
            message = (
                f"its call has the argument {key!r}{'' if tensor else f' ({value!r})'}, which no model file can say"
            )
            raise Refused(("E905", message, None))
    if issubclass(cls, NamedOp) and not cls.listed:
        return tuple(Operand(named[key][0], key) for key in cls.operands if isinstance(named.get(key), tuple)), settings
    nodes = list(flat(args))
    if issubclass(cls, NamedOp):
        return tuple(Operand(node, key) for node, key in zip(nodes, cls.operands, strict=False)), settings
    return tuple(Operand(node) for node in nodes), settings


def _by_default(cls: type[Op], argument: str, value: object) -> bool:
    """Whether a call's `training` is what it is where nothing is said."""
    return argument == "training" and value is cls.__name__.startswith(TRAINING)


def _is_constant(value: object) -> bool:
    """Whether a number stands where a tensor could."""
    return isinstance(value, (bool, int, float))


def flat(value: Any) -> Iterator[str]:
    """The nodes in a call's arguments, in order."""
    if isinstance(value, tuple):
        yield cast(tuple[str], value)[0]
    elif isinstance(value, (list, Mapping)):
        for item in cast(Any, value).values() if isinstance(value, Mapping) else cast(list[Any], value):
            yield from flat(item)


def tensor(value: Any) -> Ref | None:
    """The tensor that a serialised argument is, if it is one."""
    if isinstance(value, Mapping) and cast(Mapping[str, Any], value).get("class_name") == "__keras_tensor__":
        name, index, position = cast(Any, value)["config"]["keras_history"]
        return str(name), int(index), int(position)
    return None


def tensors(value: Any) -> Iterator[Ref]:
    """All tensors in a call's arguments."""
    ref = tensor(value)
    if ref is not None:
        yield ref
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from tensors(item)
    elif isinstance(value, Mapping):
        for item in cast(Mapping[str, Any], value).values():
            yield from tensors(item)


def shapes(value: Any) -> Iterator[list[int | None]]:
    """The shapes of all tensors in a call's arguments."""
    if tensor(value) is not None:
        yield value["config"]["shape"]
    elif isinstance(value, (list, Mapping)):
        for item in cast(Any, value).values() if isinstance(value, Mapping) else cast(list[Any], value):
            yield from shapes(item)


def outer_tensors(value: Any) -> list[tuple[str | None, Ref]]:
    """`input_layers` or `output_layers`: one tensor, a list of them, or a mapping."""
    if isinstance(value, Mapping):
        return [
            (str(key), ref) for key, item in cast(Mapping[str, Any], value).items() for _, ref in outer_tensors(item)
        ]
    if isinstance(value, str):
        raise ValueError(f"{value[:40]!r} is no tensor")  # else its letters would be looked into, and theirs
    if len(value) == 3 and isinstance(value[0], str) and not isinstance(value[1], (list, str)):
        return [(None, (value[0], int(value[1]), int(value[2])))]
    return [pair for item in value for pair in outer_tensors(item)]


def dig(value: Any, *keys: str) -> Any:
    for key in keys:
        value = cast(Mapping[str, Any], value).get(key) if isinstance(value, Mapping) else None
    return value
