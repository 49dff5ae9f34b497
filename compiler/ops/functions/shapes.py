"""Functions that move values, repeat them or join them; the batch stays the first axis.

FLOPs: none.
"""

from collections.abc import Iterable
from math import prod
from typing import Annotated, ClassVar

from compiler.ir import Shape, size
from compiler.ops.axes import COUNTED, Axes, axis_index, axis_indices
from compiler.ops.base import Mismatch, dims, require_rank, scaled
from compiler.ops.fields import joined, split
from compiler.ops.functions.base import OneTensor
from compiler.ops.functions.reductions import no_axis
from compiler.settings import (
    Annotation,
    Int,
    MaybeInt,
    MaybeNumber,
    PositiveInt,
    choice,
    is_int,
    is_list_of,
    rule,
)

_INTEGERS = {"type": "array", "items": {"type": "integer"}}


def _list(expected: str, least: int) -> Annotation:
    return rule(
        expected,
        is_list_of(is_int),
        lambda value: all(item >= least for item in value),
        {"type": "array", "items": {"type": "integer", "minimum": least}},
        convert=tuple,
    )


class _Move(OneTensor, abstract=True):
    """Abstract: values move; nothing is computed."""

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class Reshape(_Move, calls="reshape"):
    """The same values in another shape: `newshape` begins with -1, the batch."""

    newshape: Annotated[tuple[int, ...], _list("a list of integers, -1 and then sizes", -1)]

    def check(self) -> Iterable[Mismatch]:
        if not self.newshape or self.newshape[0] != -1 or -1 in self.newshape[1:]:
            message = f"'newshape' must be -1, the batch, and then all sizes (got {list(self.newshape)})"
            hint = "[-1, 4, 8] makes 4x8 of each sample; the layer Reshape takes the sizes of a sample alone"
            yield Mismatch("E107", message, hint=hint, argument="newshape")

    def infer(self, x: Shape) -> Shape:
        for fault in self.check():
            raise fault
        y, has = self.newshape[1:], size(x)
        if has is None:
            message = f"cannot tell that {dims(y)} keeps the batch of an input of shape {dims(x)}"
            raise Mismatch("E410", message, hint="the layer Reshape can", argument="newshape")
        if prod(y) != has:
            message = f"cannot make {dims(y)} of an input of shape {dims(x)}: it takes {prod(y)} values, of {has}"
            raise Mismatch("E410", message, argument="newshape")
        return y


class Transpose(_Move, calls="transpose"):
    """The axes in another order: `axes` says for each which it was, and begins with 0, the batch."""

    axes: Annotated[
        tuple[int, ...] | None,
        rule("a list of integers", is_list_of(is_int), schema=_INTEGERS, none=True, convert=tuple),
    ] = None

    def infer(self, x: Shape) -> Shape:
        rank = len(x) + 1
        axes = tuple(range(rank))[::-1] if self.axes is None else self.axes
        if sorted(axis % rank if -rank <= axis < rank else axis for axis in axes) != list(range(rank)):
            message = f"'axes' must have each axis of {dims(x)} and the batch once (got {list(axes)})"
            raise Mismatch("E408", message, hint=COUNTED, argument="axes")
        if axes[0] % rank:
            message = "moves the batch, as 'axes' is null" if self.axes is None else "moves the batch"
            raise Mismatch("E408", message, hint="axes: [0, ...]: the batch stays first", argument="axes")
        return tuple(x[axis % rank - 1] for axis in axes[1:])


class ExpandDims(_Move, calls="expand_dims"):
    """New axes of size 1 at the places `axis` of the output."""

    axis: Axes

    def infer(self, x: Shape) -> Shape:
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        rank = len(x) + 1 + len(axes)
        for axis in axes:
            if not -rank <= axis < rank:
                message = f"has no place {axis} for a new axis in an input of shape {dims(x)}"
                raise Mismatch("E408", message, hint=COUNTED, argument="axis")
            if axis % rank == 0:
                raise Mismatch("E408", f"puts an axis before the batch (axis {axis})", hint=COUNTED, argument="axis")
        places = {axis % rank for axis in axes}
        if len(places) < len(axes):
            raise Mismatch("E408", f"names one new axis twice: {list(axes)}", argument="axis")
        rest = iter(x)
        return tuple(1 if at in places else next(rest) for at in range(1, rank))


class Squeeze(_Move, calls="squeeze"):
    """Without the axes `axis`, which have size 1."""

    axis: Annotated[int | tuple[int, ...] | None, rule(
        "an integer or a list of integers",
        lambda value: is_int(value) or is_list_of(is_int)(value),
        lambda value: is_int(value) or len(value) > 0,
        {"anyOf": [{"type": "integer"}, {**_INTEGERS, "minItems": 1}]},
        none=True,
        convert=lambda value: value if is_int(value) else tuple(value),
    )] = None  # fmt: skip

    def infer(self, x: Shape) -> Shape:
        if self.axis is None:
            raise no_axis("takes away, where they have size 1,")
        gone = axis_indices(self.axis, x)
        for at in gone:
            if x[at] != 1:
                raise Mismatch("E410", f"takes away axis {at + 1} of {dims(x)}, whose size is not 1", argument="axis")
        return tuple(dim for at, dim in enumerate(x) if at not in gone)


class Swapaxes(_Move, calls="swapaxes"):
    """Two axes changed for one another."""

    axis1: Int
    axis2: Int

    def infer(self, x: Shape) -> Shape:
        first, second = axis_index(self.axis1, x, "axis1"), axis_index(self.axis2, x, "axis2")
        y = list(x)
        y[first], y[second] = y[second], y[first]
        return tuple(y)


class Moveaxis(_Move, calls="moveaxis"):
    """The axes `source` at the places `destination`; the others keep their order."""

    source: Axes
    destination: Axes

    def infer(self, x: Shape) -> Shape:
        sources, destinations = (
            tuple(axis_index(axis, x, name) for axis in ((axes,) if isinstance(axes, int) else axes))
            for name, axes in (("source", self.source), ("destination", self.destination))
        )
        for name, places in (("source", sources), ("destination", destinations)):
            if len(set(places)) < len(places):
                raise Mismatch("E408", f"names one axis of {dims(x)} twice in {name!r}", argument=name)
        if len(sources) != len(destinations):
            raise Mismatch("E107", "'destination' must have as many axes as 'source'", argument="destination")
        moved = dict(zip(destinations, sources, strict=True))
        rest = iter(at for at in range(len(x)) if at not in sources)
        return tuple(x[moved[at] if at in moved else next(rest)] for at in range(len(x)))


class Repeat(_Move, calls="repeat"):
    """Each element so many times, one after another."""

    repeats: PositiveInt
    axis: MaybeInt = None

    def infer(self, x: Shape) -> Shape:
        if self.axis is None:
            raise no_axis("joins")
        at = axis_index(self.axis, x)
        return (*x[:at], scaled(x[at], self.repeats), *x[at + 1 :])


class Tile(_Move, calls="tile"):
    """The whole so many times along each axis; `repeats` counts from the last axis, and the batch stays at 1."""

    repeats: Annotated[tuple[int, ...], _list("a list of integers >= 1", 1)]

    def infer(self, x: Shape) -> Shape:
        if len(self.repeats) > len(x) + 1:
            raise Mismatch("E408", f"'repeats' has more axes than {dims(x)} and the batch", argument="repeats")
        every = (1,) * (len(x) + 1 - len(self.repeats)) + self.repeats
        if every[0] != 1:
            raise Mismatch("E408", f"repeats the batch {every[0]} times", hint="repeats: [1, ...]", argument="repeats")
        return tuple(scaled(dim, times) for dim, times in zip(x, every[1:], strict=True))


def _pairs(value: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(pair) for pair in value)


_PAIR = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}


class Pad(_Move, calls="pad"):
    """A border of `constant_values`, 0 by default: `pad_width` has how many before and after for each axis."""

    call_arguments: ClassVar[tuple[str, ...]] = ("constant_values",)

    pad_width: Annotated[tuple[tuple[int, int], ...], rule(
        "a list of pairs of integers >= 0",
        is_list_of(is_list_of(is_int, 2)),
        lambda value: all(end >= 0 for pair in value for end in pair),
        {"type": "array", "items": _PAIR},
        convert=_pairs,
    )]  # fmt: skip
    mode: Annotated[str, choice("constant", "reflect", "symmetric")] = "constant"
    constant_values: MaybeNumber = None

    def check(self) -> Iterable[Mismatch]:
        if self.constant_values is not None and self.mode != "constant":
            message = f"'constant_values' does not go with mode {self.mode!r}"
            yield Mismatch("E107", message, argument="constant_values")

    def infer(self, x: Shape) -> Shape:
        if len(self.pad_width) != len(x) + 1 or self.pad_width[0] != (0, 0):
            message = f"'pad_width' must have [0, 0], the batch, and then a pair for each axis of {dims(x)}"
            raise Mismatch("E408", message, hint="pad_width: [[0, 0], [1, 1], ...]", argument="pad_width")
        for dim, pair in zip(x, self.pad_width[1:], strict=True):
            least = max(pair) + (self.mode == "reflect")
            if self.mode != "constant" and dim is not None and dim < least:
                message = f"mirrors {max(pair)} values of an axis of {dim}"
                raise Mismatch("E410", message, argument="pad_width")
        return tuple(dim if dim is None else dim + sum(pair) for dim, pair in zip(x, self.pad_width[1:], strict=True))


class _Blocks(_Move, abstract=True):
    """Abstract: squares of `block_size` pixels and channels, one made of the other."""

    block_size: Annotated[int, rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": "integer", "minimum": 2})]
    data_format: Annotated[str, choice("channels_last", "channels_first")] = "channels_last"

    def _split(self, x: Shape) -> tuple[tuple[int | None, int | None], int | None]:
        require_rank(x, 3)
        (height, width), channels = split(x, self.data_format)
        return (height, width), channels

    def _divided(self, dim: int | None, factor: int, what: str, x: Shape) -> int | None:
        if dim is not None and dim % factor:
            raise Mismatch("E410", f"divides the {what} of {dims(x)} by {factor}", argument="block_size")
        return None if dim is None else dim // factor


class DepthToSpace(_Blocks, calls="depth_to_space"):
    """Channels laid out as squares of `block_size` by `block_size` pixels."""

    def infer(self, x: Shape) -> Shape:
        spatial, channels = self._split(x)
        left = self._divided(channels, self.block_size**2, "channels", x)
        return joined(tuple(scaled(dim, self.block_size) for dim in spatial), left, self.data_format)


class SpaceToDepth(_Blocks, calls="space_to_depth"):
    """Squares of `block_size` by `block_size` pixels as channels of one pixel."""

    def infer(self, x: Shape) -> Shape:
        spatial, channels = self._split(x)
        left = tuple(self._divided(dim, self.block_size, "height and width", x) for dim in spatial)
        return joined(left, scaled(channels, self.block_size**2), self.data_format)
