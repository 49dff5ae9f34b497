"""Layers that only move values: reshaping, cropping, padding, repeating.

FLOPs: none, but for an interpolating UpSampling2D, which takes a multiply-add for each value that it weighs.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from compiler.ir import Shape, size
from compiler.ops.base import Mismatch, UnaryOp, dims, elements, require_rank, scaled
from compiler.ops.fields import DataFormat, Size, Size2, Size3, each, joined, sizes, split
from compiler.settings import Annotation, PositiveInt, choice, is_int, is_list_of, rule

_INT = {"type": "integer", "minimum": 0}


class _Move(UnaryOp, abstract=True):
    """Abstract: values move, or are left out, repeated or joined by zeros; nothing is computed."""

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class Flatten(_Move):
    """All values of a sample along one axis; from `channels_first`, the channels are moved behind first."""

    keeps_integers: ClassVar[bool] = True

    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return (size(x),)


def _is_target(value: list[int] | tuple[int, ...]) -> bool:
    return all(dim >= -1 for dim in value) and sum(dim == -1 for dim in value) <= 1


_TARGET = rule(
    "a list of integers >= 0 with at most one -1",
    is_list_of(is_int),
    _is_target,
    {"type": "array", "items": {"type": "integer", "minimum": -1}},
    convert=tuple,
)


class Reshape(_Move):
    """The same values in another shape, without the batch; -1 is what remains."""

    keeps_integers: ClassVar[bool] = True

    target_shape: Annotated[tuple[int, ...], _TARGET]

    def infer(self, x: Shape) -> Shape:
        has = size(x)
        if has is None:
            return tuple(None if dim == -1 else dim for dim in self.target_shape)
        fixed = 1
        for dim in self.target_shape:
            fixed *= 1 if dim == -1 else dim
        if -1 in self.target_shape and (fixed == 0 or has % fixed):
            raise self._refused(f"sizes that multiply to {fixed} do not divide its {has} values", x)
        if -1 not in self.target_shape and fixed != has:
            raise self._refused(f"it takes {fixed} values, and there are {has}", x)
        return tuple(has // fixed if dim == -1 else dim for dim in self.target_shape)

    def _refused(self, reason: str, x: Shape) -> Mismatch:
        message = f"cannot make {dims(self.target_shape)} of an input of shape {dims(x)}: {reason}"
        return Mismatch("E410", message, argument="target_shape")


_INTEGERS = {"type": "array", "items": {"type": "integer"}}
_DIMS = rule("a list of integers", is_list_of(is_int), schema=_INTEGERS, convert=tuple)


class Permute(_Move):
    """Axes in another order: `dims` says for each which it was, counted from 1."""

    keeps_integers: ClassVar[bool] = True

    dims: Annotated[tuple[int, ...], _DIMS]

    def check(self) -> Iterable[Mismatch]:
        wanted = list(range(1, len(self.dims) + 1))
        if sorted(self.dims) != wanted:
            message = f"'dims' must have each of {wanted} once (got {list(self.dims)})"
            yield Mismatch("E107", message, hint="axes are counted from 1, the first after the batch", argument="dims")

    def infer(self, x: Shape) -> Shape:
        for fault in self.check():
            raise fault
        require_rank(x, len(self.dims))
        return tuple(x[dim - 1] for dim in self.dims)


class RepeatVector(_Move):
    """A vector `n` times, as a sequence."""

    n: PositiveInt

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 1)
        return (self.n, x[0])


# --- at the borders --------------------------------------------------------------------------

Margins = int | tuple[Size, ...]
"""What is cut off or added at the borders: one number, or for each axis one number or one for either end."""

Margins1 = Annotated[Size, sizes(2, least=0)]
"""Along one axis: one number, or one for either end."""


def _margins(rank: int) -> Annotation:
    def of_type(value: object) -> bool:
        return is_int(value) or is_list_of(lambda item: is_int(item) or is_list_of(is_int, 2)(item), rank)(value)

    def in_range(value: int | list[int | list[int]]) -> bool:
        return all(end >= 0 for item in ([value] if isinstance(value, int) else value) for end in _ends(item))

    pair = {"anyOf": [_INT, {"type": "array", "items": _INT, "minItems": 2, "maxItems": 2}]}
    return rule(
        f"an integer >= 0, or a list of {rank} of them or of pairs of them",
        of_type,
        in_range,
        {"anyOf": [_INT, {"type": "array", "items": pair, "minItems": rank, "maxItems": rank}]},
        convert=_shortest,
    )


def _shortest(value: int | list[int | list[int]]) -> Margins:
    if isinstance(value, int):
        return value
    pairs = [_ends(item) for item in value]
    items = tuple(first if first == last else (first, last) for first, last in pairs)
    first = items[0]
    return first if isinstance(first, int) and len(set(items)) == 1 else items


def _ends(margin: int | list[int] | tuple[int, ...]) -> tuple[int, int]:
    """A margin at the beginning and at the end of an axis."""
    return (margin, margin) if isinstance(margin, int) else (margin[0], margin[1])


Margins2 = Annotated[Margins, _margins(2)]
Margins3 = Annotated[Margins, _margins(3)]


def _by_axis(margins: Margins, rank: int) -> list[tuple[int, int]]:
    return [_ends(item) for item in ((margins,) * rank if isinstance(margins, int) else margins)]


def _cropped(margins: list[tuple[int, int]], x: Shape, data_format: str | None) -> Shape:
    require_rank(x, len(margins) + 1)
    spatial, channels = split(x, data_format)
    for dim, (first, last) in zip(spatial, margins, strict=True):
        if dim is not None and first + last >= dim:
            message = f"crops {first} and {last} from an axis of {dim}, which leaves nothing of {dims(x)}"
            raise Mismatch("E410", message, argument="cropping")
    left = tuple(None if dim is None else dim - sum(ends) for dim, ends in zip(spatial, margins, strict=True))
    return joined(left, channels, data_format)


def _padded(margins: list[tuple[int, int]], x: Shape, data_format: str | None) -> Shape:
    require_rank(x, len(margins) + 1)
    spatial, channels = split(x, data_format)
    wider = tuple(None if dim is None else dim + sum(ends) for dim, ends in zip(spatial, margins, strict=True))
    return joined(wider, channels, data_format)


class Cropping1D(_Move):
    """A sequence without its first and last steps."""

    cropping: Margins1 = 1

    def infer(self, x: Shape) -> Shape:
        return _cropped([_ends(self.cropping)], x, None)


class Cropping2D(_Move):
    """An image without its borders."""

    cropping: Margins2 = 0
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return _cropped(_by_axis(self.cropping, 2), x, self.data_format)


class Cropping3D(_Move):
    """A volume without its borders."""

    cropping: Margins3 = 1
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return _cropped(_by_axis(self.cropping, 3), x, self.data_format)


class ZeroPadding1D(_Move):
    """A sequence with steps of 0 before and after it."""

    padding: Margins1 = 1
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return _padded([_ends(self.padding)], x, self.data_format)


class ZeroPadding2D(_Move):
    """An image with a border of 0."""

    padding: Margins2 = 1
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return _padded(_by_axis(self.padding, 2), x, self.data_format)


class ZeroPadding3D(_Move):
    """A volume with a border of 0."""

    padding: Margins3 = 1
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return _padded(_by_axis(self.padding, 3), x, self.data_format)


# --- enlarging -------------------------------------------------------------------------------

_WEIGHED = {"nearest": 0, "bilinear": 4, "bicubic": 16, "lanczos3": 36, "lanczos5": 100}
"""Interpolations, with the input values that one output value weighs."""


def _enlarged(factors: tuple[int, ...], x: Shape, data_format: str | None) -> Shape:
    require_rank(x, len(factors) + 1)
    spatial, channels = split(x, data_format)
    larger = tuple(scaled(dim, factor) for dim, factor in zip(spatial, factors, strict=True))
    return joined(larger, channels, data_format)


class UpSampling1D(_Move):
    """Each step `size` times."""

    size: PositiveInt = 2

    def infer(self, x: Shape) -> Shape:
        return _enlarged((self.size,), x, None)


class UpSampling2D(UnaryOp):
    """An image enlarged by whole factors."""

    size: Size2 = 2
    data_format: DataFormat = None
    interpolation: Annotated[str, choice(*_WEIGHED)] = "nearest"

    def infer(self, x: Shape) -> Shape:
        return _enlarged(each(self.size, 2), x, self.data_format)

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * _WEIGHED[self.interpolation] * elements(y)


class UpSampling3D(_Move):
    """A volume enlarged by whole factors, each value repeated."""

    size: Size3 = 2
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        return _enlarged(each(self.size, 3), x, self.data_format)
