"""Recurrent layers, and the wrappers that run a layer over time.

Time is the first axis after the batch. A layer has one output here, so Keras's `return_state` and a
`merge_mode` of null are refused; so is `stateful`, which needs a fixed batch size.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, get_args

from compiler.errors import shown
from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import FLOATS, Mismatch, Nested, Op, Signature, UnaryOp, dims, elements, known, require_rank
from compiler.ops.objects import Activation, Initializer, MaybeConstraint, MaybeRegularizer, Orthogonal
from compiler.settings import (
    Annotation,
    Bool,
    MaybeInt,
    PositiveInt,
    Rate,
    choice,
    field_error,
    is_bool,
    rule,
)


def _only_false(hint: str) -> Annotation:
    """Annotation for a field of Keras that makes no sense in a model file unless it is false."""

    def check(value: object, name: str) -> object:
        if not is_bool(value):
            raise field_error("E106", f"{name!r} must be false (got {shown(value)})")
        if value:
            raise field_error("E107", f"{name!r} must be false (got {shown(value)})", hint)
        return value

    return Annotation(check, lambda: {"const": False})


NoState = Annotated[
    bool, _only_false("a layer has one output here: the last step, or all of them with return_sequences: true")
]
Stateless = Annotated[bool, _only_false("it needs a fixed batch size, which a model file does not have")]
CuDNN = Annotated[
    bool | str,
    rule(
        "'auto', true or false", lambda value: value == "auto" or is_bool(value), schema={"enum": ["auto", True, False]}
    ),
]
_, _nested = get_args(Nested)


def _check_maybe_layer(value: object, name: str) -> object:
    return None if value is None else _nested.check(value, name)


MaybeNested = Annotated[
    Op | None, Annotation(_check_maybe_layer, lambda: {"anyOf": [_nested.schema(), {"type": "null"}]})
]


class Recurrent(UnaryOp, abstract=True):
    """Abstract: a cell run over time; (time, features) in, (units,) or (time, units) out.

    Class attributes:
        gates: how many matrices of `units` columns stand side by side in each of its weights.
    """

    gates: ClassVar[int]

    units: PositiveInt
    activation: Activation = "tanh"
    use_bias: Bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: MaybeRegularizer = None
    recurrent_regularizer: MaybeRegularizer = None
    bias_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    recurrent_constraint: MaybeConstraint = None
    bias_constraint: MaybeConstraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    seed: MaybeInt = None
    return_sequences: Bool = False
    return_state: NoState = False
    go_backwards: Bool = False
    stateful: Stateless = False
    unroll: Bool = False

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 2)
        return (x[0], self.units) if self.return_sequences else (self.units,)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        if (self.dtype or precision) == "bfloat16":
            for name in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
                if getattr(self, name) == "orthogonal" or isinstance(getattr(self, name), Orthogonal):
                    message = f"cannot draw an orthogonal matrix in bfloat16 ({name!r}): TensorFlow has no QR there"
                    hint = "recurrent_initializer: glorot_uniform, or dtype: mixed_bfloat16"
                    raise Mismatch("E107", message, hint=hint, argument=name)
        return super().signature(inputs, precision)

    def weights(self, x: Shape) -> Iterable[Weight]:
        features = known(x[-1], "the size of the last axis")
        yield Weight("kernel", (features, self.gates * self.units), trainable=self.trainable)
        yield Weight("recurrent_kernel", (self.units, self.gates * self.units), trainable=self.trainable)
        if self.use_bias:
            yield Weight("bias", self.bias_shape(), trainable=self.trainable)

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def flops(self, x: Shape, y: Shape) -> int:
        """In each step a multiply-add for each number of the kernels and an addition for each of the bias."""
        steps, *_ = x
        assert steps is not None, "asked only where every dimension is known"
        return steps * sum((1 if weight.name == "bias" else 2) * weight.size for weight in self.weights(x))


class SimpleRNN(Recurrent):
    """h = activation(x @ kernel + h @ recurrent_kernel + bias). Elman 1990."""

    gates: ClassVar[int] = 1


class LSTM(Recurrent):
    """Gates i, f, c, o in this order. Hochreiter & Schmidhuber 1997."""

    gates: ClassVar[int] = 4

    recurrent_activation: Activation = "sigmoid"
    unit_forget_bias: Bool = True
    use_cudnn: CuDNN = "auto"


class GRU(Recurrent):
    """Gates z, r, h in this order. Cho et al. 2014, arXiv 1406.1078.

    With `reset_after` the reset gate works on h @ recurrent_kernel, as in cuDNN, and input and state have a bias each.
    """

    gates: ClassVar[int] = 3

    recurrent_activation: Activation = "sigmoid"
    reset_after: Bool = True
    use_cudnn: CuDNN = "auto"

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)


# --- wrappers --------------------------------------------------------------------------------


class Wrapper(Op, abstract=True):
    """Abstract: one tensor in, one out, by way of another layer."""

    arity: ClassVar[Literal["one", "many", "named"]] = "one"

    layer: Nested

    def check(self) -> Iterable[Mismatch]:
        for fault in self.layer.check():
            yield _about(self.layer, fault, "layer")

    def warnings(self) -> Iterable[Mismatch]:
        """Keras leaves the layers inside trainable when `trainable: false` stands on the wrapper."""
        if not self.trainable and self.layer.trainable:
            hint = "set it in the layer inside"
            yield Mismatch("W607", "does not freeze the layer that it wraps", hint=hint, argument="trainable")


def _about(layer: Op, fault: Mismatch, argument: str) -> Mismatch:
    """A fault of the layer inside, as one of the layer around it."""
    message = f"wraps {type(layer).__name__!r}, which {fault.message}"
    return Mismatch(fault.code, message, hint=fault.hint, argument=argument)


def _signature(layer: Op, x: TensorType, precision: str, argument: str) -> Signature:
    """What the layer inside makes of `x`."""
    try:
        inner = layer.signature({"0": x}, precision)
    except Mismatch as fault:
        raise _about(layer, fault, argument) from None
    return replace(inner, warnings=tuple(_about(layer, fault, argument) for fault in inner.warnings))


class TimeDistributed(Wrapper):
    """The same layer at each step: (time, ...) in, (time, ...) out."""

    def check(self) -> Iterable[Mismatch]:
        if self.layer.arity != "one":
            message = f"needs a layer with one input (got {type(self.layer).__name__!r})"
            yield Mismatch("E107", message, argument="layer")
        yield from super().check()

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if len(x.shape) < 2:
            message = f"needs an input with at least 2 dimensions besides the batch (got {dims(x.shape)})"
            raise Mismatch("E403", message, hint="the first is time, the others are what enters the layer inside")
        steps, *rest = x.shape
        dtype = self.output_dtype([x.dtype], precision)
        # Keras casts floats on the way into the wrapper and nothing else: the layer inside sees integers as they are.
        inside = TensorType(tuple(rest), dtype if x.dtype in FLOATS else x.dtype)
        inner = _signature(self.layer, inside, precision, "layer")
        warnings = (*self.warnings(), *inner.warnings)
        if inner.output is None:
            return replace(inner, warnings=warnings)
        flops = None if steps is None or inner.flops is None else steps * inner.flops
        return Signature(TensorType((steps, *inner.output.shape), dtype), inner.weights, flops, warnings)


class Bidirectional(Wrapper):
    """A recurrent layer run in both directions, and the two merged. Schuster & Paliwal 1997.

    Without `backward_layer` the second is a copy of `layer` that goes backwards, with weights of its own.
    """

    merge_mode: Annotated[str, choice("concat", "sum", "mul", "ave")] = "concat"
    backward_layer: MaybeNested = None

    def _both(self) -> tuple[Recurrent, Recurrent]:
        """The layer forwards and the layer backwards.

        Raises:
            Mismatch: they are no such pair.
        """
        forward, backward = self.layer, self.backward_layer
        for argument, layer in (("layer", forward), ("backward_layer", backward)):
            if layer is not None and not isinstance(layer, Recurrent):
                names = ", ".join(cls.__name__ for cls in Recurrent.__subclasses__())
                message = f"needs a recurrent layer as its {argument!r}: {names} (got {type(layer).__name__!r})"
                raise Mismatch("E107", message, argument=argument)
        assert isinstance(forward, Recurrent), "held by the loop above"
        if backward is None:
            if forward.go_backwards:
                message = "goes backwards by itself: its 'layer' must not"
                raise Mismatch("E107", message, hint="leave out go_backwards", argument="layer")
            return forward, forward.model_copy(update={"go_backwards": True})
        assert isinstance(backward, Recurrent), "held by the loop above"
        if backward.go_backwards == forward.go_backwards:
            message = "needs a 'backward_layer' that goes the other way than its 'layer'"
            raise Mismatch("E107", message, hint="set go_backwards: true in one of the two", argument="backward_layer")
        for name in ("return_sequences", "units"):
            first, second = getattr(forward, name), getattr(backward, name)
            if first != second:
                message = f"needs {name!r} to be the same in 'layer' and 'backward_layer' (got {first} and {second})"
                raise Mismatch("E410", message, argument="backward_layer")
        return forward, backward

    def check(self) -> Iterable[Mismatch]:
        try:
            self._both()
        except Mismatch as fault:
            yield fault
        yield from super().check()
        if self.backward_layer is not None:
            for fault in self.backward_layer.check():
                yield _about(self.backward_layer, fault, "backward_layer")

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        forward, backward = self._both()
        there = _signature(forward, x, precision, "layer")
        back = _signature(backward, x, precision, "backward_layer" if self.backward_layer else "layer")
        assert there.output is not None, "a recurrent layer knows its output"
        shape = (*there.output.shape[:-1], forward.units * (2 if self.merge_mode == "concat" else 1))
        merge = {"concat": 0, "sum": 1, "mul": 1, "ave": 2}[self.merge_mode]
        flops = None
        if there.flops is not None and back.flops is not None:
            flops = there.flops + back.flops + merge * elements(shape)
        return Signature(
            output=TensorType(shape, self.output_dtype([x.dtype], precision)),
            weights=there.weights + back.weights,
            flops=flops,
            warnings=(*self.warnings(), *there.warnings),
        )
