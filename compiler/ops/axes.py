"""Axes as Keras counts them: the batch is axis 0, and negative ones count from the end."""

from typing import Annotated

from compiler.ir import Shape
from compiler.ops.base import Mismatch, dims
from compiler.settings import is_int, is_list_of, rule

Axis = int | tuple[int, ...]
"""What a field of axes holds once validated."""

_INT = {"type": "integer"}


def _is_axes(value: object) -> bool:
    return is_int(value) or is_list_of(is_int)(value)


def _has_axes(value: int | list[int] | tuple[int, ...]) -> bool:
    return isinstance(value, int) or len(value) > 0


def _frozen(value: int | list[int] | tuple[int, ...]) -> Axis:
    return value if isinstance(value, int) else tuple(value)


def _rule(*, none: bool = False):
    schema = {"anyOf": [_INT, {"type": "array", "items": _INT, "minItems": 1}]}
    words = "an integer or a list of one or more integers"
    return rule(words, _is_axes, _has_axes, schema, none=none, convert=_frozen)


COUNTED = "axes are counted with the batch as 0; the first axis after it is 1"

Axes = Annotated[Axis, _rule()]
MaybeAxes = Annotated[Axis | None, _rule(none=True)]


def axis_index(axis: int, x: Shape, argument: str = "axis") -> int:
    """Where `axis` stands in `x`, which leaves out the batch.

    Raises:
        Mismatch: E408, there is no such axis or it is the batch.
    """
    rank = len(x) + 1
    if not -rank <= axis < rank:
        raise Mismatch("E408", f"has no axis {axis} in an input of shape {dims(x)}", hint=COUNTED, argument=argument)
    if axis % rank == 0:
        raise Mismatch("E408", f"cannot work along the batch (axis {axis})", hint=COUNTED, argument=argument)
    return axis % rank - 1


def axis_indices(axes: Axis, x: Shape, argument: str = "axis") -> tuple[int, ...]:
    """Where `axes` stand in `x`, in the order in which Keras sorts them: as they are written, negative ones first.

    Raises:
        Mismatch: E408, one is out of range, is the batch, or is named twice.
    """
    listed = (axes,) if isinstance(axes, int) else tuple(sorted(axes))
    indices = tuple(axis_index(axis, x, argument) for axis in listed)
    if len(set(indices)) < len(indices):
        raise Mismatch("E408", f"names one axis of {dims(x)} twice: {list(listed)}", argument=argument)
    return indices
