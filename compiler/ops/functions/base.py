"""What a function of `keras.ops` is as an op: its tensors, its other arguments, and its rules for shapes and dtypes.

A function is declared as a class, or, where only its name differs from others, as a row of `declare`:

    class Clip(Elementwise, calls="clip"):
        x_min: Number
        x_max: Number

The class's name is that of the operation that Keras keeps in a saved model, and `calls` that of the function. Shapes
leave out the batch as everywhere; arguments are Keras's own, so an `axis` counts it as 0.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import new_class
from typing import Annotated, Any, ClassVar

from compiler.ir import Shape, TensorType
from compiler.ops.base import FLOATS, INTEGERS, Arity, Mismatch, NamedOp, Op, Signature, elements
from compiler.ops.functions.promotion import promoted
from compiler.settings import is_bool, is_number, non_defaults, rule

# --- dtypes ----------------------------------------------------------------------------------

_ALL = ("bool", *INTEGERS, *FLOATS)


@dataclass(frozen=True)
class Dtypes:
    """Which dtypes a function takes, and what it makes of them.

    Attributes:
        expected: what it takes, in words.
        takes: the same.
        gives: by what enters; others stay.
    """

    expected: str
    takes: tuple[str, ...]
    gives: Mapping[str, str] = field(default_factory=dict[str, str])

    def of(self, dtype: str) -> str:
        """The output's dtype.

        Raises:
            Mismatch: E412, it takes no such numbers.
        """
        if dtype not in self.takes:
            hint = "{op: ops.cast, dtype: float32} before it makes them so"
            raise Mismatch("E412", f"needs {self.expected} (got {dtype})", hint=hint)
        return self.gives.get(dtype, dtype)


SAME = Dtypes("anything", _ALL)
BOOLEAN = Dtypes("anything", _ALL, dict.fromkeys(_ALL, "bool"))
FLOATING = Dtypes("anything", _ALL, dict.fromkeys(("bool", *INTEGERS), "float32"))
NUMBERS = Dtypes("numbers", (*INTEGERS, *FLOATS))
ORDER = Dtypes("numbers", NUMBERS.takes, dict.fromkeys(NUMBERS.takes, "bool"))
SIGNED = Dtypes("numbers that can be negative", ("int8", "int16", "int32", "int64", *FLOATS))
ONLY_FLOATS = Dtypes("floating-point numbers", FLOATS)
ONLY_FLOAT32 = Dtypes("float32", ("float32",))
"""For functions that promise float32 whatever enters, and do not keep it."""

# --- functions -------------------------------------------------------------------------------


class Function(Op, abstract=True):
    """Abstract: a function of `keras.ops`. It has no weights, so calling it again shares nothing.

    Its `call_arguments` go into the call of the operation that Keras makes, instead of the operation's constructor.

    Class attributes:
        starred: whether it takes a list of tensors one by one, after its other arguments.
        operation: the class of what Keras keeps of a call in a saved model; the declaring class's own name.
    """

    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # an argument of layers
    dtype: ClassVar[str | None]  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one, but for some
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # another one

    starred: ClassVar[bool] = False
    operation: ClassVar[str]

    def __init_subclass__(cls, abstract: bool = False, calls: str = "", **kwargs: Any) -> None:
        if not abstract:
            cls.operation = cls.__dict__.get("operation", cls.__name__)
            cls.__name__ = f"ops.{calls}"
            cls.keras = f"keras.ops.{calls}"
        super().__init_subclass__(abstract=abstract, **kwargs)

    def values(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, as the function takes them."""
        return {key: getattr(self, key) for key in non_defaults(self)}


def declare(base: type[Function], docs: Mapping[str, str], **facts: object) -> None:
    """Declare functions that are `base` under other names.

    Args:
        base: an abstract class.
        docs: what each does, by the function's name.
        facts: class attributes of all of them.
    """
    for name, doc in docs.items():
        operation = "".join(part.capitalize() for part in name.split("_"))
        namespace = {"__doc__": doc, "__module__": base.__module__, "__qualname__": operation, **facts}
        new_class(operation, (base,), {"calls": name}, lambda body, given=namespace: body.update(given))


class OneTensor(Function, abstract=True):
    """Abstract: one tensor in, one out."""

    arity: ClassVar[Arity] = "one"
    dtypes: ClassVar[Dtypes] = SAME

    @abstractmethod
    def infer(self, x: Shape) -> Shape:
        """The output's shape for an input of shape `x`.

        Raises:
            Mismatch: the function does not take such an input.
        """

    def flops(self, x: Shape, y: Shape) -> int:
        """Operations for one sample, one an output by default; asked only where no shape has a None."""
        return elements(y)

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        (x,) = inputs
        return self.dtypes.of(x)

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        dtype = self.output_dtype([x.dtype], precision)
        y = self.infer(x.shape)
        known = None not in x.shape and None not in y
        return Signature(TensorType(y, dtype), flops=self.flops(x.shape, y) if known else None)


# --- several tensors -------------------------------------------------------------------------

Number = int | float | bool

Constant = Annotated[
    Number | None,
    rule(
        "a number, true, false",
        lambda value: is_number(value) or is_bool(value),
        lambda value: value == value and abs(value) != float("inf"),
        {"type": ["number", "boolean"]},
        none=True,
    ),
]
"""A number in the place of a tensor; null where a tensor enters."""


class Tensors(Function, NamedOp, abstract=True):  # pyright: ignore[reportIncompatibleVariableOverride]  # `Function` takes fields away
    """Abstract: several tensors, by the names of the function's parameters.

    An operand that is a field too may be a number in the file instead; what enters fills the others in order.
    """

    required: ClassVar[int] = 0  # which are needed depends on the numbers

    def takes(self) -> tuple[str, ...]:
        return tuple(name for name in self.operands if getattr(self, name, None) is None)

    def needs(self) -> tuple[str, ...]:
        return self.takes()

    def hint(self) -> str:
        numbers = [name for name in self.takes() if name in type(self).model_fields]
        return f"from: [prev, NAME], or a number for {numbers[-1]!r}" if numbers else super().hint()

    def check(self) -> Iterable[Mismatch]:
        if not self.takes():
            message = f"{self.operands[-1]!r} is a number as all others are: one must be a tensor"
            yield Mismatch(
                "E107", message, hint="leave it out: what enters takes its place", argument=self.operands[-1]
            )

    def constant_dtypes(self) -> Iterable[str]:
        """The dtypes of the numbers, for `promoted`."""
        values = (getattr(self, name, None) for name in self.operands)
        return (type(value).__name__ for value in values if value is not None)


class Listed(Function, abstract=True):
    """Abstract: a list of tensors, joined into one of the dtype that theirs meet in."""

    arity: ClassVar[Arity] = "many"
    dtypes: ClassVar[Dtypes] = SAME

    @abstractmethod
    def infer(self, xs: tuple[Shape, ...]) -> Shape:
        """The output's shape for inputs of shapes `xs`.

        Raises:
            Mismatch: they do not go together.
        """

    def flops(self, xs: tuple[Shape, ...], y: Shape) -> int:
        """Operations for one sample, none by default; asked only where no shape has a None."""
        return 0

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        xs = tuple(x.shape for x in inputs.values())
        dtype = self.dtypes.of(promoted(*(x.dtype for x in inputs.values())))
        y = self.infer(xs)
        known = all(None not in shape for shape in (*xs, y))
        return Signature(TensorType(y, dtype), flops=self.flops(xs, y) if known else None)
