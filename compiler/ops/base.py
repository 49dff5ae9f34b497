"""What an op is: a Keras layer's arguments as typed fields, and its rules from input shapes to output.

A layer type is declared once, as a final class below one of the abstract ones here:

    class UpSampling1D(UnaryOp):
        size: PositiveInt = 2

        def infer(self, x: Shape) -> Shape:
            require_rank(x, 2)
            return (scaled(x[0], self.size), x[1])

Being defined registers it under its class name, which is Keras's (`registry.py` names the file, so that it is imported
when the op is used; a plugin is imported by the user's config). Its fields are Keras's arguments with
Keras's defaults; `tests/ops/test_against_keras.py` holds names, defaults and rules against the installed Keras.
Shapes leave out the batch dimension; None is a dimension that only the data tell.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from compiler.errors import did_you_mean, shown
from compiler.ir import Shape, TensorType, Weight, size
from compiler.ops.objects import MaybeRegularizer
from compiler.ops.registry import Registry
from compiler.settings import Annotation, Bool, InvalidSettings, Problem, Settings, field_error, nested_error, validate

FLOATS = ("float32", "float16", "bfloat16", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
POLICIES = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
"""Keras's mixed policies and the dtype that they compute in."""

Arity = Literal["one", "many", "named", "cell"]

OPS: Registry = Registry()
"""Every declared layer, by its own name and by Keras's aliases."""


class Mismatch(Exception):
    """An input does not suit the layer.

    Attributes:
        argument: the argument to blame, where there is one.
    """

    def __init__(self, code: str, message: str, *, hint: str | None = None, argument: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.argument = code, message, hint, argument


@dataclass(frozen=True, slots=True)
class Signature:
    """What a layer makes of its inputs.

    Attributes:
        output: its type; None where only Keras knows.
        weights: its variables, in Keras's order.
        flops: for one sample, a multiply-add counted as two; None where a dimension is unknown.
        warnings: suspicions (code, message, hint, argument), as `Mismatch`es that are not raised.
    """

    output: TensorType | None
    weights: tuple[Weight, ...] = ()
    flops: int | None = 0
    warnings: tuple[Mismatch, ...] = ()


def _check_dtype(value: object, name: str) -> object:
    if value is None or value in (*FLOATS, *INTEGERS, "bool", *POLICIES):
        return value
    if not isinstance(value, str):
        raise field_error("E106", f"{name!r} must be the name of a dtype or null (got {shown(value)})")
    known = (*FLOATS, *INTEGERS, "bool", *POLICIES)
    raise field_error("E111", f"unknown dtype {value!r}", did_you_mean(value, known) or f"one of {', '.join(FLOATS)}")


DType = Annotated[str | None, Annotation(_check_dtype, lambda: {"enum": [*FLOATS, *INTEGERS, "bool", *POLICIES, None]})]


class Op(Settings):
    """Abstract: one type of layer.

    Class attributes:
        keras: where Keras has it; its own name in `keras.layers` by default.
        arity: `one` tensor, `many` (a list of them), named ones (`named`); a `cell` is no layer by itself.
        least: how many a list must have.
        keeps_integers: whether integers and booleans pass unchanged, as in layers that only move values.
        takes_strings: whether it does something with strings, apart from moving them.
        call_arguments: fields that go into the call instead of the constructor.
        extras: fields of ours, which Keras never sees.
    """

    noun: ClassVar[str] = "argument"
    keras: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    arity: ClassVar[Arity]
    keeps_integers: ClassVar[bool] = False
    takes_strings: ClassVar[bool] = False
    call_arguments: ClassVar[tuple[str, ...]] = ()
    extras: ClassVar[tuple[str, ...]] = ()
    least: ClassVar[int] = 2

    trainable: Bool = True
    dtype: DType = None
    activity_regularizer: MaybeRegularizer = None

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not abstract:
            cls.keras = cls.__dict__.get("keras", f"keras.layers.{cls.__name__}")
            OPS.update(dict.fromkeys((cls.__name__, *cls.__dict__.get("aliases", ())), cls))

    @classmethod
    def merges(cls) -> bool:
        """Whether it can stand at the end of a residual or of branches."""
        return cls.arity == "many"

    @abstractmethod
    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        """The output type, weights and cost for `inputs` (by call argument; "0", "1", ... for a list).

        Raises:
            Mismatch: an input does not suit.
        """

    def frozen(self, weights: Iterable[Weight]) -> tuple[Weight, ...]:
        """The weights as `trainable` leaves them."""
        return tuple(weight if self.trainable else replace(weight, trainable=False) for weight in weights)

    def untrainable(self) -> Self:
        """The same layer with `trainable: false`, in the layers inside its arguments too."""
        if "trainable" not in type(self).model_fields:
            return self
        inside = {name: _untrainable(getattr(self, name)) for name in type(self).model_fields}
        changed = {name: value for name, value in inside.items() if value is not getattr(self, name)}
        return self.model_copy(update={**changed, "trainable": False})

    def check(self) -> Iterable[Mismatch]:
        """Faults among the arguments themselves, whatever enters."""
        return ()

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        """The dtype of the output under the model's dtype policy `precision`: as Keras's autocast gives it."""
        policy = self.dtype or precision
        compute = POLICIES.get(policy, policy)
        first = next(iter(inputs))
        return first if self.keeps_integers and first not in FLOATS else compute


def _untrainable(value: object) -> object:
    """A field's value with the layers in it frozen; itself where there are none."""
    if isinstance(value, Op):
        return value.untrainable()
    if isinstance(value, (list, tuple)):
        items = cast("list[object] | tuple[object, ...]", value)
        return type(items)(_untrainable(item) for item in items) if any(isinstance(x, Op) for x in items) else items
    return value


class UnaryOp(Op, abstract=True):
    """Abstract: one tensor in, one out."""

    arity: ClassVar[Arity] = "one"

    @abstractmethod
    def infer(self, x: Shape) -> Shape:
        """The output's shape for an input of shape `x`.

        Raises:
            Mismatch: the layer does not take such an input.
        """

    def weights(self, x: Shape) -> Iterable[Weight]:
        """The variables for an input of shape `x`, in Keras's order."""
        return ()

    def flops(self, x: Shape, y: Shape) -> int:
        """Operations for one sample of shape `x`, one an output by default; asked only where no shape has a None."""
        return elements(y)

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        """Suspicions about an input of shape `x`."""
        return ()

    def activated(self, y: Shape) -> Shape:
        """What an activation of the layer sees, where `y` comes out."""
        return y

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        y = self.infer(x.shape)
        require_activation(self, self.activated(y), precision)
        known = None not in x.shape and None not in y
        return Signature(
            output=TensorType(y, self.output_dtype([x.dtype], precision)),
            weights=self.frozen(self.weights(x.shape)),
            flops=self.flops(x.shape, y) if known else None,
            warnings=tuple(self.warnings(x.shape)),
        )


def require_activation(op: Op, y: Shape, precision: str) -> None:
    """Raise what the layers in the activations of `op` say of a step's output `y`; E107 where they compute elsewise."""
    dtype = op.output_dtype(["float32"], precision)
    for name in ("activation", "recurrent_activation"):
        activation = getattr(op, name, None)
        if not isinstance(activation, Op):
            continue
        what = f"has the {name} {type(activation).__name__!r}"
        if (own := activation.output_dtype(["float32"], precision)) != dtype:
            message = f"{what}, which computes in {own} and not in {dtype}"
            raise Mismatch("E107", message, hint=f"give it the layer's dtype: {op.dtype or precision}", argument=name)
        try:
            activation.signature({"0": TensorType(y, dtype)}, precision)
        except Mismatch as fault:
            raise Mismatch(fault.code, f"{what}, which {fault.message}", hint=fault.hint, argument=name) from None


class MergeOp(Op, abstract=True):
    """Abstract: a list of two or more tensors in, one out. No weights."""

    arity: ClassVar[Arity] = "many"
    keeps_integers: ClassVar[bool] = True

    @abstractmethod
    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        """The output's shape for inputs of shapes `xs`.

        Raises:
            Mismatch: they do not go together.
        """

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        """Operations for one sample; asked only where no shape has a None."""
        return elements(y) * (len(xs) - 1)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        xs = tuple(x.shape for x in inputs.values())
        y = self.infer(xs)
        known = all(None not in shape for shape in (*xs, y))
        dtype = self.output_dtype([x.dtype for x in inputs.values()], precision)
        return Signature(TensorType(y, dtype), flops=self.flops(xs, y) if known else None)


class NamedOp(Op, abstract=True):
    """Abstract: tensors enter by the names of Keras's call arguments.

    Class attributes:
        operands: the call arguments that take tensors, in Keras's order.
        required: how many of them, from the first, must be given.
        listed: whether Keras takes them as one list, in order.
    """

    arity: ClassVar[Arity] = "named"
    operands: ClassVar[tuple[str, ...]]
    required: ClassVar[int]
    listed: ClassVar[bool] = False

    def takes(self) -> tuple[str, ...]:
        """The operands that tensors may fill, in order."""
        return self.operands

    def needs(self) -> tuple[str, ...]:
        """Those that tensors must fill."""
        return self.operands[: self.required]

    def hint(self) -> str:
        """How to write what enters."""
        return f"from: {{{', '.join(f'{name}: prev' for name in self.needs())}}}"

    @abstractmethod
    def infer(self, xs: Mapping[str, Shape]) -> Shape:
        """The output's shape for inputs of shapes `xs` by call argument.

        Raises:
            Mismatch: they do not go together.
        """

    def weights(self, xs: Mapping[str, Shape]) -> Iterable[Weight]:
        """The variables, in Keras's order."""
        return ()

    @abstractmethod
    def flops(self, xs: Mapping[str, Shape], y: Shape) -> int:
        """Operations for one sample; asked only where no shape has a None."""

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        xs = {name: x.shape for name, x in inputs.items()}
        y = self.infer(xs)
        known = all(None not in shape for shape in (*xs.values(), y))
        return Signature(
            output=TensorType(y, self.output_dtype([x.dtype for x in inputs.values()], precision)),
            weights=self.frozen(self.weights(xs)),
            flops=self.flops(xs, y) if known else None,
        )


# --- layers inside arguments ------------------------------------------------------------------

REFUSED = {
    "Lambda": "it would run code from the model file; write the layer as a plugin",
    "TFSMLayer": "it would run a foreign SavedModel",
    "TorchModuleWrapper": "it needs PyTorch as Keras's backend",
    "JaxLayer": "it needs JAX as Keras's backend",
    "FlaxLayer": "it needs JAX as Keras's backend",
}
"""Keras layers that no model file may name, with the reason."""


def inner_op(value: object, name: str, what: str) -> Op:
    """The op that stands as `value` in the argument `name`: a name, or {op: NAME, ...}.

    Args:
        what: what the argument takes, in words: "a layer".
    """
    if isinstance(value, Op):
        return value
    arguments: dict[str, object] = dict(value) if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType]  # any mapping
    op = arguments.pop("op", None) if isinstance(value, Mapping) else value
    if not isinstance(op, str):
        raise field_error("E106", f"{name!r} must be {what}: a name or {{op: NAME, ...}} (got {shown(value)})")  # pyright: ignore[reportUnknownArgumentType]  # any value
    path = ("op",) if isinstance(value, Mapping) else ()
    if op in REFUSED:
        raise nested_error([Problem(path, "E103", f"{op!r} is refused: {REFUSED[op]}")])
    if op not in OPS:
        raise nested_error([Problem(path, "E102", f"unknown layer {op!r}", did_you_mean(op, OPS))])
    if OPS[op].keras.startswith("keras.ops."):
        raise nested_error([Problem(path, "E102", f"{op!r} is a function, and no layer")])
    try:
        return validate(OPS[op], arguments, subject=op)
    except InvalidSettings as error:
        raise nested_error(error.problems) from None


def _check_layer(value: object, name: str) -> object:
    op = inner_op(value, name, "a layer")
    if op.arity == "cell":
        raise field_error("E107", f"{name!r} must be a layer (got {type(op).__name__!r}, a cell)", cell_hint(op.keras))
    return op


def cell_hint(keras: str) -> str:
    """How a cell becomes a layer."""
    return f"{{op: RNN, cell: {{op: {keras.rpartition('.')[2]}, ...}}}}"


Nested = Annotated[Op, Annotation(_check_layer, lambda: {"$ref": "#/$defs/layer"})]
"""A field that takes a layer, as `Bidirectional(layer=...)` does."""


def require_numbers(op: Op, inputs: Iterable[TensorType]) -> None:
    """Raise E412 where strings enter an op that does nothing with them."""
    if not (op.takes_strings or op.keeps_integers) and any(x.dtype == "string" for x in inputs):
        hint = "put a StringLookup, a TextVectorization or a Hashing before it"
        raise Mismatch("E412", "needs numbers (got string)", hint=hint)


# --- arithmetic of shapes --------------------------------------------------------------------


def elements(shape: Shape) -> int:
    """The product of the dimensions of a shape without None."""
    total = size(shape)
    assert total is not None, "asked only where every dimension is known"
    return total


def scaled(dim: int | None, factor: int) -> int | None:
    """A dimension times `factor`, unknown where it is."""
    return None if dim is None else dim * factor


def require_rank(x: Shape, *ranks: int) -> None:
    """Raise E403 unless `x` has one of `ranks` dimensions besides the batch."""
    if len(x) not in ranks:
        wanted = " or ".join(str(rank) for rank in ranks)
        raise Mismatch(
            "E403",
            f"needs an input with {wanted} dimension{'' if ranks == (1,) else 's'} besides the batch (got {dims(x)})",
        )


def known(dim: int | None, what: str, hint: str | None = None) -> int:
    """`dim`, which a weight's shape needs; raises E411 where it is unknown."""
    if dim is None:
        raise Mismatch("E411", f"needs to know {what}, which is undefined (None) in its input", hint=hint)
    return dim


def dims(x: Shape) -> str:
    """A shape as messages write it: (28, 28, ?)."""
    return "(" + ", ".join("?" if dim is None else str(dim) for dim in x) + ("," if len(x) == 1 else "") + ")"
