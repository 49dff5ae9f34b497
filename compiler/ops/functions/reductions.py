"""Functions that make one number of many: over one or more axes, and never over the batch."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from compiler.ir import Shape
from compiler.ops.axes import MaybeAxes, axis_indices
from compiler.ops.base import Mismatch, elements
from compiler.ops.functions.base import (
    BOOLEAN,
    FLOATING,
    NUMBERS,
    ONLY_FLOAT32,
    ONLY_FLOATS,
    SAME,
    Dtypes,
    OneTensor,
    declare,
)
from compiler.settings import Bool, MaybeInt, MaybeNumber, is_number, rule

_SIGNED_SUM = dict.fromkeys(("bool", "int8", "int16"), "int32")
_SUMS = Dtypes(
    "anything but uint64",
    tuple(dtype for dtype in SAME.takes if dtype != "uint64"),
    {**_SIGNED_SUM, "uint8": "uint32", "uint16": "uint32"},
)
INDICES = Dtypes("anything", SAME.takes, dict.fromkeys(SAME.takes, "int32"))


def no_axis(what: str) -> Mismatch:
    """E408 for `axis: null`, which is all axes at once."""
    hint = "axis: -1, or a list of axes; they are counted with the batch as 0"
    return Mismatch("E408", f"{what} all axes, the batch among them, as 'axis' is null", hint=hint, argument="axis")


class Reduction(OneTensor, abstract=True):
    """Abstract: the axes `axis` go, or stay with size 1 where `keepdims`."""

    axis: MaybeAxes = None
    keepdims: Bool = False

    def infer(self, x: Shape) -> Shape:
        return reduced(x, self.axis, keepdims=self.keepdims)

    def flops(self, x: Shape, y: Shape) -> int:
        return elements(x)


def reduced(x: Shape, axis: int | tuple[int, ...] | None, *, keepdims: bool) -> Shape:
    """A shape without the axes `axis`, or with 1 in their places.

    Raises:
        Mismatch: E408, they are all axes, there is no such axis, or it is the batch.
    """
    if axis is None:
        raise no_axis("works over")
    gone = axis_indices(axis, x)
    if keepdims:
        return tuple(1 if at in gone else size for at, size in enumerate(x))
    return tuple(size for at, size in enumerate(x) if at not in gone)


declare(
    Reduction,
    {
        "mean": "The mean.",
        "median": "The median.",
        "std": "The standard deviation.",
        "var": "The variance.",
        "nanmean": "The mean of what is no NaN.",
        "nanstd": "The standard deviation of what is no NaN.",
        "nanvar": "The variance of what is no NaN.",
    },
    dtypes=FLOATING,
)
declare(Reduction, {"nanmedian": "The median of what is no NaN."}, dtypes=ONLY_FLOATS)
declare(Reduction, {"sum": "The sum.", "nansum": "The sum of what is no NaN."}, dtypes=_SUMS)
declare(Reduction, {"prod": "The product.", "nanprod": "The product of what is no NaN."}, dtypes=_SUMS)
declare(
    Reduction,
    {
        "amax": "The largest.",
        "amin": "The smallest.",
        "nanmax": "The largest that is no NaN.",
        "nanmin": "The smallest that is no NaN.",
    },
)
declare(Reduction, {"ptp": "The largest minus the smallest."}, dtypes=NUMBERS)
declare(Reduction, {"all": "Whether all are true.", "any": "Whether one is true."}, dtypes=BOOLEAN)
declare(Reduction, {"logsumexp": "log(sum(exp(x))), without overflow."}, dtypes=ONLY_FLOAT32)


class _From(Reduction, abstract=True):
    """Abstract: an extreme of the elements and of `initial`."""

    initial: MaybeNumber = None

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        dtype = super().output_dtype(inputs, precision)
        return dtype if self.initial is None else ONLY_FLOATS.of(dtype)


declare(_From, {"max": "The largest; at least `initial`.", "min": "The smallest; at most `initial`."})


class CountNonzero(OneTensor, calls="count_nonzero"):
    """How many are not 0."""

    dtypes: ClassVar[Dtypes] = INDICES

    axis: MaybeAxes = None

    def infer(self, x: Shape) -> Shape:
        return reduced(x, self.axis, keepdims=False)

    def flops(self, x: Shape, y: Shape) -> int:
        return elements(x)


class _Where(OneTensor, abstract=True):
    """Abstract: the place of an extreme along one axis."""

    dtypes: ClassVar[Dtypes] = INDICES

    axis: MaybeInt = None
    keepdims: Bool = False

    def infer(self, x: Shape) -> Shape:
        return reduced(x, self.axis, keepdims=self.keepdims)

    def flops(self, x: Shape, y: Shape) -> int:
        return elements(x)


declare(_Where, {"argmax": "The place of the largest.", "argmin": "The place of the smallest."})


_ORDER = rule("a number", is_number, schema={"type": "number"}, none=True)


class Norm(OneTensor, calls="norm"):
    """The norm of vectors along one axis, or of matrices in two: the Euclidean one where `ord` is null."""

    dtypes: ClassVar[Dtypes] = ONLY_FLOATS

    ord: Annotated[float | None, _ORDER] = None
    axis: MaybeAxes = None
    keepdims: Bool = False

    def infer(self, x: Shape) -> Shape:
        y = reduced(x, self.axis, keepdims=self.keepdims)
        count = 1 if isinstance(self.axis, int) else len(self.axis or ())
        if count > 2:
            raise Mismatch("E408", f"is of vectors or matrices, in one or two axes (got {count})", argument="axis")
        if count == 2 and self.ord not in (None, 1, -1, 2, -2, float("inf"), float("-inf")):
            raise Mismatch("E107", "'ord' is 1, 2, -1, -2, an infinity or null for matrices", argument="ord")
        return y

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x)
