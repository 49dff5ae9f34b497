"""Categories as numbers: encodings, bins and hashes.

`one_hot` gives each entry a vector, in the place of a last axis of size 1 or as one more axis. `multi_hot` and `count`
give one vector for all entries of a sample. None of it is floating-point work, so FLOPs are 0.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, ClassVar

from compiler.errors import shown
from compiler.ir import Shape, TensorType
from compiler.ops.base import INTEGERS, MergeOp, Mismatch, Signature, UnaryOp, dims, require_rank
from compiler.ops.fields import only_false
from compiler.settings import (
    MaybePositiveInt,
    PositiveInt,
    PositiveNumber,
    choice,
    is_int,
    is_list_of,
    is_number,
    is_str,
    rule,
)

Dense = Annotated[bool, only_false("TensorFlow's sparse tensors pass few layers")]
Ragless = Annotated[bool, only_false("TensorFlow's ragged tensors pass few layers")]


def one_hot(x: Shape, depth: int) -> Shape:
    """The shape of `x` with each entry a vector of `depth`."""
    return (*x[:-1], depth) if x and x[-1] == 1 else (*x, depth)


def require_sample(x: Shape, mode: str) -> None:
    """Raise E403 unless `x` is a list of entries: Keras's shapes for others are not those of the run."""
    if len(x) != 1:
        message = f"counts the entries of one list for each sample in the mode {mode!r} (got {dims(x)})"
        raise Mismatch("E403", message, hint="put a Flatten or a Reshape before it")


class Encoding(UnaryOp, abstract=True):
    """Abstract: categories in; indices or vectors out."""

    sparse: Dense = False

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class CategoryEncoding(Encoding):
    """Integers below `num_tokens` as one-hot, multi-hot or counting vectors."""

    num_tokens: MaybePositiveInt = None
    output_mode: Annotated[str, choice("multi_hot", "one_hot", "count")] = "multi_hot"

    def check(self) -> Iterable[Mismatch]:
        if self.num_tokens is None:
            yield Mismatch("E105", "needs the argument 'num_tokens'")

    def infer(self, x: Shape) -> Shape:
        assert self.num_tokens is not None, "held by `check`"
        if self.output_mode == "one_hot":
            return one_hot(x, self.num_tokens)
        require_sample(x, self.output_mode)
        return (self.num_tokens,)


Boundaries = Annotated[
    tuple[float, ...] | None,
    rule(
        "a list of numbers, each larger than the one before",
        is_list_of(is_number),
        lambda value: bool(value) and all(a < b for a, b in pairwise(value)),
        {"type": "array", "items": {"type": "number"}, "minItems": 1},
        none=True,
        convert=tuple,
    ),
]


class Discretization(Encoding):
    """The bin that each number falls into, between `bin_boundaries`; or vectors of it."""

    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras has no such argument
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one

    bin_boundaries: Boundaries = None
    num_bins: MaybePositiveInt = None
    epsilon: PositiveNumber = 0.01
    output_mode: Annotated[str, choice("int", "one_hot", "multi_hot", "count")] = "int"

    def check(self) -> Iterable[Mismatch]:
        if self.num_bins is not None:
            message = "cannot learn its 'num_bins': that takes adapt(), which runs over data before the model is built"
            yield Mismatch("E107", message, hint="give the bin_boundaries", argument="num_bins")
        elif self.bin_boundaries is None:
            yield Mismatch("E105", "needs the argument 'bin_boundaries'")

    def infer(self, x: Shape) -> Shape:
        assert self.bin_boundaries is not None, "held by `check`"
        if self.output_mode == "int":
            return x
        depth = len(self.bin_boundaries) + 1
        if self.output_mode == "one_hot":
            return one_hot(x, depth)
        require_sample(x, self.output_mode)
        return (depth,)

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        return "int32" if self.output_mode == "int" else super().output_dtype(inputs, precision)


# --- hashes ----------------------------------------------------------------------------------

Salt = Annotated[
    int | tuple[int, ...] | None,
    rule(
        "an integer >= 0 or a list of 2",
        lambda value: is_int(value) or is_list_of(is_int, 2)(value),
        lambda value: min([value] if is_int(value) else value) >= 0,
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
            ]
        },
        none=True,
        convert=lambda value: value if is_int(value) else tuple(value),
    ),
]
MaskValue = Annotated[
    int | str | None,
    rule(
        "an integer or a string",
        lambda value: is_int(value) or is_str(value),
        schema={"anyOf": [{"type": "integer"}, {"type": "string"}]},
        none=True,
    ),
]


def hashed_dtype(dtype: str | None, mode: str) -> str:
    """What a layer of hashes gives: int64 for indices, float32 for vectors, unless it says else."""
    return dtype or ("int64" if mode == "int" else "float32")


def integer_dtype(dtype: str | None, mode: str) -> Iterable[Mismatch]:
    """The fault of a `dtype` that is none for indices."""
    if mode == "int" and dtype not in (None, "int32", "int64"):
        message = f"gives indices: its 'dtype' must be int32 or int64 (got {shown(dtype)})"
        yield Mismatch("E107", message, argument="dtype")


class Hashing(Encoding):
    """Strings or integers as one of `num_bins` bins, by their hash; or as vectors. Weinberger et al. 2009.

    `mask_value` has bin 0 for itself. With a `salt` the hash is SipHash64, otherwise FarmHash64.
    """

    takes_strings: ClassVar[bool] = True

    num_bins: PositiveInt
    mask_value: MaskValue = None
    salt: Salt = None
    output_mode: Annotated[str, choice("int", "one_hot", "multi_hot", "count")] = "int"

    def check(self) -> Iterable[Mismatch]:
        return integer_dtype(self.dtype, self.output_mode)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if self.mask_value is not None and is_str(self.mask_value) != (x.dtype == "string"):
            message = f"masks {shown(self.mask_value)}, and its input is {x.dtype}"
            raise Mismatch("E412", message, argument="mask_value")
        return super().signature(inputs, precision)

    def infer(self, x: Shape) -> Shape:
        if self.output_mode == "int":
            return x
        if self.output_mode == "one_hot":
            if not x or x[-1] != 1:
                message = f"gives one-hot vectors for a last axis of size 1 alone (got {dims(x)})"
                hint = "put a Reshape before it, or a CategoryEncoding after it"
                raise Mismatch("E403", message, hint=hint)
            return one_hot(x, self.num_bins)
        require_sample(x, self.output_mode)
        return (self.num_bins,)

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        mixed = (self.dtype or "").startswith("mixed_")
        return "float32" if mixed else hashed_dtype(self.dtype, self.output_mode)


class HashedCrossing(MergeOp):
    """Two categories, strings or integers, as one of `num_bins` bins for each pair of them."""

    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras has no such argument
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one
    takes_strings: ClassVar[bool] = True

    num_bins: PositiveInt
    output_mode: Annotated[str, choice("int", "one_hot")] = "int"
    sparse: Dense = False

    def check(self) -> Iterable[Mismatch]:
        return integer_dtype(self.dtype, self.output_mode)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        for x in inputs.values():
            if x.dtype != "string" and x.dtype not in INTEGERS:
                raise Mismatch("E412", f"crosses strings and integers (got {x.dtype})")
        return super().signature(inputs, precision)

    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        if len(xs) != 2:
            raise Mismatch("E306", f"crosses two inputs (got {len(xs)})", hint="cross the crossing with the third")
        for x in xs:
            require_rank(x, 0, 1)
        first, second = xs
        if first != second or first not in ((), (1,)):
            message = f"crosses two inputs of one category for each sample (got {dims(first)} and {dims(second)})"
            raise Mismatch("E410", message)
        return first if self.output_mode == "int" else one_hot(first, self.num_bins)

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        return 0

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        return self.dtype or "int64" if self.output_mode == "int" else super().output_dtype(("float32",), precision)
