"""Functions of one tensor that work on each element by itself, and those that keep its shape alone."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from compiler.ir import Shape
from compiler.ops.base import FLOATS, INTEGERS, Mismatch, dims
from compiler.ops.functions.base import (
    BOOLEAN,
    FLOATING,
    NUMBERS,
    ONLY_FLOAT32,
    ONLY_FLOATS,
    SAME,
    SIGNED,
    Dtypes,
    OneTensor,
    declare,
)
from compiler.settings import Bool, Int, MaybeNumber, Number, choice


class Elementwise(OneTensor, abstract=True):
    """Abstract: something done to each element by itself."""

    def infer(self, x: Shape) -> Shape:
        return x


declare(
    Elementwise,
    {
        "abs": "The absolute value of x.",
        "absolute": "The absolute value of x.",
        "copy": "x itself.",
        "stop_gradient": "x, through which no gradient flows back.",
        "trunc": "x without its fraction.",
    },
)
declare(
    Elementwise,
    {
        "relu": "max(x, 0).",
        "relu6": "min(max(x, 0), 6).",
    },
    dtypes=NUMBERS,
)
declare(
    Elementwise,
    {"negative": "x with the other sign.", "sign": "-1, 0 or 1, as x is below, at or above 0."},
    dtypes=SIGNED,
)
declare(
    Elementwise,
    {
        "arccos": "The angle whose cosine is x.",
        "arccosh": "The inverse of cosh.",
        "arcsin": "The angle whose sine is x.",
        "arcsinh": "The inverse of sinh.",
        "arctan": "The angle whose tangent is x.",
        "arctanh": "The inverse of tanh.",
        "ceil": "x rounded up, as a floating-point number.",
        "cos": "cos(x).",
        "cosh": "(exp(x) + exp(-x)) / 2.",
        "exp": "e to the power of x.",
        "exp2": "2 to the power of x.",
        "expm1": "exp(x) - 1, exact for small x.",
        "fabs": "The absolute value of x, as a floating-point number.",
        "floor": "x rounded down, as a floating-point number.",
        "log": "The natural logarithm of x.",
        "log10": "The logarithm of x to base 10.",
        "log1p": "log(1 + x), exact for small x.",
        "log2": "The logarithm of x to base 2.",
        "sin": "sin(x).",
        "sinc": "sin(pi x) / (pi x), and 1 at 0.",
        "sinh": "(exp(x) - exp(-x)) / 2.",
        "sqrt": "The square root of x.",
        "tan": "tan(x).",
        "tanh": "tanh(x).",
    },
    dtypes=FLOATING,
)
declare(
    Elementwise,
    {
        "cbrt": "The cube root of x.",
        "deg2rad": "Degrees in radians.",
        "erf": "The error function.",
        "erfc": "1 - erf(x).",
        "erfinv": "The inverse of the error function.",
        "hard_sigmoid": "min(max(x / 6 + 1/2, 0), 1).",
        "hard_tanh": "min(max(x, -1), 1).",
        "log_sigmoid": "log(sigmoid(x)).",
        "rad2deg": "Radians in degrees.",
        "rsqrt": "1 / sqrt(x).",
        "selu": "The scaled exponential linear unit, arXiv 1706.02515.",
        "sigmoid": "1 / (1 + exp(-x)).",
        "softplus": "log(1 + exp(x)).",
        "softsign": "x / (1 + |x|).",
        "sparse_plus": "0 below -1, x above 1, and a parabola between.",
        "sparse_sigmoid": "0 below -1, 1 above 1, and a line between.",
        "tanh_shrink": "x - tanh(x).",
    },
    dtypes=ONLY_FLOATS,
)
declare(Elementwise, {"silu": "x * sigmoid(x)."}, dtypes=ONLY_FLOATS, aliases=("ops.swish",))
declare(Elementwise, {"hard_silu": "x * hard_sigmoid(x)."}, dtypes=ONLY_FLOATS, aliases=("ops.hard_swish",))
declare(Elementwise, {"reciprocal": "1 / x."}, dtypes=ONLY_FLOAT32)
declare(Elementwise, {"square": "x * x."}, dtypes=Dtypes("anything", SAME.takes, {"bool": "int32"}))
declare(
    Elementwise,
    {
        "isfinite": "Whether x is neither infinite nor NaN.",
        "isinf": "Whether x is infinite.",
        "isnan": "Whether x is no number (NaN).",
        "isneginf": "Whether x is -infinity.",
        "isposinf": "Whether x is +infinity.",
        "logical_not": "Whether x is 0 or false.",
        "signbit": "Whether x has a minus sign.",
    },
    dtypes=BOOLEAN,
)

# --- with arguments --------------------------------------------------------------------------


class Clip(Elementwise, calls="clip"):
    """x, but at least `x_min` and at most `x_max`."""

    dtypes: ClassVar[Dtypes] = ONLY_FLOATS

    x_min: Number
    x_max: Number


class Round(Elementwise, calls="round"):
    """x to so many places behind the decimal point."""

    dtypes: ClassVar[Dtypes] = NUMBERS

    decimals: Int = 0


class NanToNum(Elementwise, calls="nan_to_num"):
    """x with numbers for NaN and the infinities; null is the largest and the smallest that there are."""

    nan: Number = 0.0
    posinf: MaybeNumber = None
    neginf: MaybeNumber = None


class _Activation(Elementwise, abstract=True):
    dtypes: ClassVar[Dtypes] = ONLY_FLOATS


class Elu(_Activation, calls="elu"):
    """x where it is positive, else alpha * (exp(x) - 1)."""

    alpha: Number = 1.0


class Celu(_Activation, calls="celu"):
    """x where it is positive, else alpha * (exp(x / alpha) - 1)."""

    alpha: Number = 1.0


class Gelu(_Activation, calls="gelu"):
    """x times the normal distribution's share below x; by tanh where `approximate`."""

    approximate: Bool = True


class LeakyRelu(_Activation, calls="leaky_relu"):
    """x where it is positive, else negative_slope * x."""

    negative_slope: Number = 0.2


class HardShrink(_Activation, calls="hard_shrink"):
    """x where |x| is above `threshold`, else 0."""

    threshold: Number = 0.5


class SoftShrink(_Activation, calls="soft_shrink"):
    """x moved towards 0 by `threshold`, and 0 where it is nearer."""

    threshold: Number = 0.5


class Threshold(_Activation, calls="threshold"):
    """x where it is above `threshold`, else `default_value`."""

    threshold: Number
    default_value: Number


class Squareplus(_Activation, calls="squareplus"):
    """(x + sqrt(x^2 + b)) / 2."""

    b: Number = 4


# --- dtypes and constants --------------------------------------------------------------------

DtypeName = Annotated[str, choice(*FLOATS, *INTEGERS, "bool")]
MaybeDtypeName = Annotated[str | None, choice(*FLOATS, *INTEGERS, "bool", none=True)]


class Cast(Elementwise, calls="cast"):
    """x in another `dtype`."""

    dtype: DtypeName  # pyright: ignore[reportIncompatibleVariableOverride]  # what `Function` takes away is an argument here

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        return self.dtype

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class _Like(Elementwise, abstract=True):
    """Abstract: a constant in the shape of x."""

    dtype: MaybeDtypeName = None  # pyright: ignore[reportIncompatibleVariableOverride]  # as in `Cast`

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        return self.dtype or super().output_dtype(inputs, precision)

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


declare(_Like, {"zeros_like": "Zeros in the shape of x.", "ones_like": "Ones in the shape of x."})


class _Triangle(Elementwise, abstract=True):
    """Abstract: matrices in the last two axes, with one of their corners at 0."""

    k: Int = 0

    def infer(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise Mismatch("E403", f"needs an input with at least 2 dimensions besides the batch (got {dims(x)})")
        rows, columns = x[-2:]
        if (rows is not None and self.k <= -rows) or (columns is not None and self.k >= columns):
            raise Mismatch("E410", f"has no diagonal {self.k} in matrices of {dims(x)}", argument="k")
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


declare(
    _Triangle,
    {
        "tril": "Matrices without what is above the diagonal `k`.",
        "triu": "Matrices without what is below the diagonal `k`.",
    },
)
