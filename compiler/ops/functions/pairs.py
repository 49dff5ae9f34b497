"""Functions of two tensors, element by element: arithmetic, comparisons, logic, and a choice between two.

Tensors broadcast as NumPy has it, with the batch in front; a number stands for a tensor of that number.
"""

from collections.abc import Mapping
from typing import ClassVar

from compiler.ir import Shape, TensorType
from compiler.ops.base import FLOATS, Mismatch, Signature, dims, elements
from compiler.ops.functions.base import BOOLEAN, NUMBERS, ONLY_FLOATS, ORDER, SAME, Constant, Dtypes, Tensors, declare
from compiler.ops.functions.promotion import promoted
from compiler.ops.merging import Incompatible


def broadcast(x: Shape, y: Shape) -> Shape | None:
    """The shape that two shapes of one rank broadcast to; None where they do not."""
    if len(x) != len(y) or any(a != b and 1 not in (a, b) and None not in (a, b) for a, b in zip(x, y, strict=True)):
        return None
    return tuple(_wider(a, b) for a, b in zip(x, y, strict=True))


def _wider(a: int | None, b: int | None) -> int | None:
    """One axis, as Keras has it: an unknown size is taken to fit a known one."""
    if a == 1 or a is None:
        return a if a is None and b == 1 else b
    return a


def broadcast_all(xs: Mapping[str, Shape]) -> Shape:
    """The shape that all tensors broadcast to.

    Raises:
        Incompatible: E401, two do not.
    """
    (_, whole), *others = xs.items()
    for at, (_, x) in enumerate(others, start=1):
        wider = broadcast(whole, x)
        if wider is None:
            first = next((i for i, y in enumerate([*xs.values()][:at]) if broadcast(y, x) is None), 0)
            raise _unequal([*xs.values()][first], x, (first, at))
        whole = wider
    return whole


def _unequal(x: Shape, y: Shape, operands: tuple[int, int]) -> Incompatible:
    hint = None
    if len(x) != len(y):
        hint = "shapes are aligned at their last axes, where the batch of one would meet another axis: ops.expand_dims"
    return Incompatible(
        "E401", f"needs inputs whose shapes broadcast (got {dims(x)} and {dims(y)})", operands, hint=hint
    )


class Pairwise(Tensors, abstract=True):
    """Abstract: element by element; a result's dtype is what those of the operands meet in."""

    operands: ClassVar[tuple[str, ...]] = ("x1", "x2")
    dtypes: ClassVar[Dtypes] = SAME
    together: ClassVar[tuple[str, ...]] = ()
    """What else takes part in the dtype: "float" makes integers floating-point."""

    @classmethod
    def merges(cls) -> bool:
        return True

    def infer(self, xs: Mapping[str, Shape]) -> Shape:
        return broadcast_all(xs)

    def flops(self, xs: Mapping[str, Shape], y: Shape) -> int:
        return elements(y)

    def suit(self, dtype: str) -> None:
        """Raise E412 where a number is none of `dtype`, in which all is computed."""
        for name in self.operands:
            number = getattr(self, name, None)
            if dtype.startswith("uint") and number is not None and number < 0:
                raise Mismatch("E412", f"computes in {dtype}, which has no {number}", argument=name)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        xs = {name: x.shape for name, x in inputs.items()}
        entering = (x.dtype for name, x in inputs.items() if name in ("x1", "x2"))
        dtype = self.dtypes.of(promoted(*entering, *self.constant_dtypes(), *self.together))
        self.suit(dtype)
        y = self.infer(xs)
        known = all(None not in shape for shape in (*xs.values(), y))
        return Signature(TensorType(y, dtype), flops=self.flops(xs, y) if known else None)


class WithNumbers(Pairwise, abstract=True):
    """Abstract: either operand can be a number."""

    x1: Constant = None
    x2: Constant = None


declare(
    WithNumbers,
    {
        "add": "x1 + x2.",
        "subtract": "x1 - x2.",
        "multiply": "x1 * x2.",
        "maximum": "The larger of x1 and x2.",
        "minimum": "The smaller of x1 and x2.",
        "floor_divide": "x1 / x2, rounded down.",
        "mod": "What remains of x1 divided by x2, with the sign of x2.",
        "fmax": "The larger of x1 and x2 that is no NaN.",
        "fmin": "The smaller of x1 and x2 that is no NaN.",
        "fmod": "What remains of x1 divided by x2, with the sign of x1.",
    },
    dtypes=NUMBERS,
)


class Power(WithNumbers, calls="power"):
    """x1 to the power of x2."""

    dtypes: ClassVar[Dtypes] = NUMBERS

    def suit(self, dtype: str) -> None:
        super().suit(dtype)
        if self.x2 is not None and self.x2 < 0 and dtype not in FLOATS:
            raise Mismatch("E412", f"gives {dtype}, and negative powers are fractions", argument="x2")


declare(
    WithNumbers,
    {
        "divide": "x1 / x2.",
        "true_divide": "x1 / x2, as `ops.divide`.",
        "divide_no_nan": "x1 / x2, and 0 where x2 is 0.",
        "logaddexp": "log(exp(x1) + exp(x2)).",
        "logaddexp2": "log2(2^x1 + 2^x2).",
    },
    together=("float",),
)
declare(
    WithNumbers,
    {
        "equal": "x1 == x2.",
        "not_equal": "x1 != x2.",
        "logical_and": "Whether both are true.",
        "logical_or": "Whether one is true.",
        "logical_xor": "Whether just one is true.",
    },
    dtypes=BOOLEAN,
)
declare(
    WithNumbers,
    {
        "greater": "x1 > x2.",
        "greater_equal": "x1 >= x2.",
        "less": "x1 < x2.",
        "less_equal": "x1 <= x2.",
    },
    dtypes=ORDER,
)
declare(
    Pairwise,
    {
        "arctan2": "The angle of the point (x2, x1).",
        "heaviside": "0 where x1 is negative, 1 where it is positive, x2 where it is 0.",
        "hypot": "The hypotenuse for the legs x1 and x2.",
    },
    dtypes=ONLY_FLOATS,
)


class Where(Pairwise, calls="where"):
    """x1 where `condition` is true, else x2."""

    operands: ClassVar[tuple[str, ...]] = ("condition", "x1", "x2")

    x1: Constant = None
    x2: Constant = None
