"""Inputs, Dense and its like: layers over the last axis, and what passes tensors on.

FLOPs: two for a multiply-add, one for a bias; activations inside a layer are left out, and so are LoRA's
factors, which can be multiplied into the kernel.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import FLOATS, INTEGERS, Arity, Mismatch, Op, Signature, UnaryOp, elements, known
from compiler.ops.equation import Shapes, check_bias, parse, solve
from compiler.ops.objects import Activation, Initializer, MaybeConstraint, MaybeRegularizer
from compiler.settings import (
    Bool,
    MaybePositiveInt,
    MaybeStr,
    Number,
    PositiveInt,
    Str,
    choice,
    is_int,
    is_list_of,
    rule,
)

_INPUT_DTYPES = (*FLOATS, *INTEGERS, "bool", "string")


def _is_dim(value: object) -> bool:
    return value is None or is_int(value)


_SHAPE = rule(
    "a list of integers >= 0 or nulls",
    is_list_of(_is_dim),
    lambda value: all(dim is None or dim >= 0 for dim in value),
    {"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}},
    convert=tuple,
)


def _shortest(value: int | list[int | None] | tuple[int | None, ...]) -> int | tuple[int | None, ...]:
    if isinstance(value, int):
        return value
    first = value[0] if len(value) == 1 else None
    return tuple(value) if first is None else first


_OUTPUT_SHAPE = rule(
    "a positive integer or a list of positive integers or nulls",
    lambda value: is_int(value) or is_list_of(_is_dim)(value),
    lambda value: all(dim is None or dim > 0 for dim in ((value,) if is_int(value) else value)),
    {
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}},
        ]
    },
    convert=_shortest,
)


class Input(Op):
    """What enters the model: one sample's shape, null where a dimension varies; float32 unless `dtype` says else."""

    keras: ClassVar[str] = "keras.Input"
    arity: ClassVar[Arity] = "one"
    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # keras.Input has no such argument
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one

    shape: Annotated[tuple[int | None, ...], _SHAPE]
    batch_size: MaybePositiveInt = None
    dtype: Annotated[str | None, choice(*_INPUT_DTYPES, none=True)] = None

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        return Signature(TensorType(self.shape, self.dtype or "float32"))


class FloatOp(UnaryOp, abstract=True):
    """Abstract: a layer that Keras builds on integers and booleans but that fails on them, or rounds, once it runs."""

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        for x in inputs.values():
            require_float(x)
        return super().signature(inputs, precision)


def require_float(x: TensorType) -> None:
    """Raise E412 unless `x` is floating-point."""
    if x.dtype not in FLOATS:
        hint = "give the input a floating-point dtype, or put a Rescaling layer before this one"
        raise Mismatch("E412", f"needs floating-point numbers (got {x.dtype})", hint=hint)


def lora_conflict(rank: int | None, constraint: object, argument: str) -> Iterable[Mismatch]:
    if rank is not None and constraint is not None:
        yield Mismatch("E107", f"'lora_rank' does not go with {argument!r}", argument=argument)


class Dense(UnaryOp):
    """activation(x @ kernel + bias) over the last axis; with `lora_rank`, only a low-rank change of the kernel learns.

    LoRA: Hu et al. 2021, arXiv 2106.09685.
    """

    units: PositiveInt
    activation: Activation = None
    use_bias: Bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: MaybeRegularizer = None
    bias_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    bias_constraint: MaybeConstraint = None
    lora_rank: MaybePositiveInt = None
    lora_alpha: MaybePositiveInt = None

    def check(self) -> Iterable[Mismatch]:
        return lora_conflict(self.lora_rank, self.kernel_constraint, "kernel_constraint")

    def infer(self, x: Shape) -> Shape:
        if not x:
            raise Mismatch("E403", "needs an input with at least one dimension besides the batch (got a scalar)")
        return (*x[:-1], self.units)

    def weights(self, x: Shape) -> Iterable[Weight]:
        hint = "put a global pooling layer or a Flatten of a fixed shape before it"
        features = known(x[-1], "the size of the last axis", hint)
        yield Weight("kernel", (features, self.units), trainable=self.lora_rank is None)
        if self.use_bias:
            yield Weight("bias", (self.units,))
        if self.lora_rank is not None:
            yield Weight("lora_kernel_a", (features, self.lora_rank))
            yield Weight("lora_kernel_b", (self.lora_rank, self.units))

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x) * self.units + self.use_bias * elements(y)


class EinsumDense(UnaryOp):
    """activation(einsum(equation, x, kernel) + bias): a dense layer along any axes.

    `output_shape` has the sizes of the output's letters without the batch, null for one that is kept; Keras then
    leaves that dimension of the output undefined. `bias_axes` are the output's letters along which the bias varies.
    """

    equation: Str
    output_shape: Annotated[int | tuple[int | None, ...], _OUTPUT_SHAPE]
    activation: Activation = None
    bias_axes: MaybeStr = None
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: MaybeRegularizer = None
    bias_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    bias_constraint: MaybeConstraint = None
    lora_rank: MaybePositiveInt = None
    lora_alpha: MaybePositiveInt = None

    def check(self) -> Iterable[Mismatch]:
        yield from lora_conflict(self.lora_rank, self.kernel_constraint, "kernel_constraint")
        try:
            equation = parse(self.equation)
            if self.bias_axes is not None:
                check_bias(equation, self.bias_axes)
        except Mismatch as fault:
            yield fault

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        shapes = self._solved(x.shape)
        flops = None if shapes.macs is None else 2 * shapes.macs
        if flops is not None and shapes.bias is not None and None not in shapes.output:
            flops += elements(shapes.output)
        return replace(super().signature(inputs, precision), flops=flops)

    def infer(self, x: Shape) -> Shape:
        return self._solved(x).output

    def weights(self, x: Shape) -> Iterable[Weight]:
        shapes = self._solved(x)
        yield Weight("kernel", shapes.kernel, trainable=self.lora_rank is None)
        if shapes.bias is not None:
            yield Weight("bias", shapes.bias)
        if self.lora_rank is not None:
            yield Weight("lora_kernel_a", (*shapes.kernel[:-1], self.lora_rank))
            yield Weight("lora_kernel_b", (self.lora_rank, shapes.kernel[-1]))

    def _solved(self, x: Shape) -> Shapes:
        equation = parse(self.equation)
        if self.bias_axes is not None:
            check_bias(equation, self.bias_axes)
        sizes = (self.output_shape,) if isinstance(self.output_shape, int) else self.output_shape
        return solve(equation, self.bias_axes, sizes, x)


class Identity(UnaryOp):
    """Its input, unchanged."""

    keeps_integers: ClassVar[bool] = True
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras cannot save it with one

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class Masking(UnaryOp):
    """Sets to 0, and masks for the layers after it, the steps whose features all equal `mask_value`."""

    mask_value: Number = 0.0

    def infer(self, x: Shape) -> Shape:
        if not x:
            raise Mismatch("E403", "needs an input with at least one dimension besides the batch (got a scalar)")
        return x
