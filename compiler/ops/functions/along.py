"""Functions that work along an axis and keep it: orders, running sums, softmax, and what moves the elements."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from compiler.ir import Shape
from compiler.ops.axes import MaybeAxes, axis_index, axis_indices
from compiler.ops.base import Mismatch, dims
from compiler.ops.functions.base import ONLY_FLOAT32, ONLY_FLOATS, SAME, Dtypes, OneTensor, declare
from compiler.ops.functions.elementwise import MaybeDtypeName
from compiler.ops.functions.reductions import INDICES, no_axis
from compiler.settings import Int, MaybeInt, MaybeNumber, NonNegativeInt, is_int, is_list_of, rule


class _Along(OneTensor, abstract=True):
    """Abstract: along one axis, the last by default."""

    axis: Int = -1

    def infer(self, x: Shape) -> Shape:
        axis_index(self.axis, x)
        return x


declare(_Along, {"sort": "The elements in ascending order."})
declare(_Along, {"argsort": "The places of the elements in ascending order."}, dtypes=INDICES)
declare(
    _Along,
    {
        "softmax": "exp(x) / sum(exp(x)).",
        "log_softmax": "log(softmax(x)).",
        "sparsemax": "The nearest point whose coordinates are positive and sum to 1, arXiv 1602.02068.",
    },
    dtypes=ONLY_FLOATS,
)


class Glu(_Along, calls="glu"):
    """The first half of the axis times the sigmoid of the second."""

    dtypes: ClassVar[Dtypes] = ONLY_FLOATS

    def infer(self, x: Shape) -> Shape:
        at = axis_index(self.axis, x)
        size = x[at]
        if size is not None and size % 2:
            raise Mismatch("E410", f"halves axis {self.axis} of {dims(x)}, and {size} is odd", argument="axis")
        return (*x[:at], None if size is None else size // 2, *x[at + 1 :])


class Normalize(_Along, calls="normalize"):
    """x divided by its norm along the axis."""

    dtypes: ClassVar[Dtypes] = ONLY_FLOAT32

    order: NonNegativeInt = 2
    epsilon: MaybeNumber = None


class Diff(_Along, calls="diff"):
    """The differences of neighbours, `n` times over."""

    n: NonNegativeInt = 1

    def infer(self, x: Shape) -> Shape:
        at = axis_index(self.axis, x)
        size = x[at]
        if size is not None and size <= self.n:
            raise Mismatch("E410", f"takes {self.n} off an axis of {size}, which leaves nothing of {dims(x)}")
        return (*x[:at], None if size is None else size - self.n, *x[at + 1 :])


class _Running(OneTensor, abstract=True):
    """Abstract: of all elements so far."""

    dtypes: ClassVar[Dtypes] = Dtypes("anything", SAME.takes, {"bool": "int32"})

    axis: MaybeInt = None
    dtype: MaybeDtypeName = None  # pyright: ignore[reportIncompatibleVariableOverride]  # what `Function` takes away is an argument here

    def infer(self, x: Shape) -> Shape:
        if self.axis is None:
            raise no_axis("runs through")
        axis_index(self.axis, x)
        return x

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        dtype = super().output_dtype(inputs, precision)
        return "int32" if self.dtype == "bool" else self.dtype or dtype


declare(_Running, {"cumsum": "Running sums.", "cumprod": "Running products."})


class Flip(OneTensor, calls="flip"):
    """The elements in reverse order."""

    axis: MaybeAxes = None

    def infer(self, x: Shape) -> Shape:
        if self.axis is None:
            raise no_axis("reverses")
        axis_indices(self.axis, x)
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


_SHIFT = rule(
    "an integer or a list of integers",
    lambda value: is_int(value) or is_list_of(is_int)(value),
    schema={"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
    convert=lambda value: value if is_int(value) else tuple(value),
)


class Roll(OneTensor, calls="roll"):
    """The elements moved on by `shift`; those that leave at the end come in at the beginning."""

    shift: Annotated[int | tuple[int, ...], _SHIFT]
    axis: MaybeAxes = None

    def infer(self, x: Shape) -> Shape:
        if self.axis is None:
            raise no_axis("rolls through")
        axis_indices(self.axis, x)
        shifts, axes = (len(value) if isinstance(value, tuple) else None for value in (self.shift, self.axis))
        if shifts != axes:
            raise Mismatch("E107", "'shift' must have a number for each axis of 'axis'", argument="shift")
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0
