"""Objects inside arguments: activations, initializers, regularizers and constraints.

A name (`he_normal`, `HeNormal`) or the form of a layer (`{op: HeNormal, seed: 1}`) names one.
`tests/ops/test_objects.py` holds every class and name here against the installed Keras.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal, cast

from compiler.errors import did_you_mean, shown
from compiler.settings import (
    Annotation,
    Bool,
    Fraction,
    InvalidSettings,
    MaybeInt,
    NonNegativeNumber,
    Number,
    PositiveNumber,
    Problem,
    Settings,
    choice,
    field_error,
    is_int,
    is_list_of,
    nested_error,
    non_defaults,
    rule,
    validate,
)

Kind = Literal["initializer", "regularizer", "constraint"]

_CODES: dict[Kind, str] = {"initializer": "E109", "regularizer": "E110", "constraint": "E112"}

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
    "swish", "tanh", "tanh_shrink", "threshold",
)  # fmt: skip
"""Keras's activations by name, without `glu`, which halves the last axis behind Keras's own shape rule."""


class KerasObject(Settings):
    """Abstract: a class of `keras.initializers`, `keras.regularizers` or `keras.constraints` with its arguments."""

    noun: ClassVar[str] = "argument"
    kind: ClassVar[Kind]

    def __init_subclass__(cls, kind: Kind | None = None, aliases: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind = kind
            OBJECTS[kind].update(dict.fromkeys((cls.__name__, _snake(cls.__name__), *aliases), cls))


OBJECTS: dict[Kind, dict[str, "type[KerasObject]"]] = {"initializer": {}, "regularizer": {}, "constraint": {}}
"""By kind, every accepted name: the class's own, its snake_case, its aliases."""


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _named_object(kind: Kind, *, none: bool) -> Annotation:
    """A field that takes an object of `kind`: a name, or {op: NAME, ...}."""
    known = OBJECTS[kind]

    def check(value: object, name: str) -> object:
        if (value is None and none) or isinstance(value, KerasObject):
            return value
        arguments: dict[str, object] = dict(value) if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType]  # any mapping
        op = arguments.pop("op", None) if isinstance(value, Mapping) else value
        if not isinstance(op, str):
            got = shown(value if op is None else op)  # pyright: ignore[reportUnknownArgumentType]  # any value
            raise field_error("E106", f"{name!r} must be a name or {{op: NAME, ...}} (got {got})")
        if op not in known:
            path = ("op",) if isinstance(value, Mapping) else ()
            raise nested_error([Problem(path, _CODES[kind], f"unknown {kind} {op!r}", _meant(kind, op))])
        try:
            record = validate(known[op], arguments, subject=op)
        except InvalidSettings as error:
            raise nested_error(error.problems) from None
        return record if non_defaults(record) else _shortest(kind, record)

    def schema() -> dict[str, object]:
        names: dict[str, object] = {"enum": sorted(known)}
        nested = {"type": "object", "properties": {"op": names}, "required": ["op"]}
        return {"anyOf": [names, nested, {"type": "null"}] if none else [names, nested]}

    return Annotation(check, schema)


def _meant(kind: Kind, op: str) -> str:
    """A hint for an unknown name: what other libraries call so, what it resembles, or all there is."""
    elsewhere = {"xavier": "glorot", "kaiming": "he"}
    first, _, rest = op.lower().removesuffix("_").partition("_")
    if kind == "initializer" and first in elsewhere:
        return f"Keras calls it '{elsewhere[first]}_{rest or 'uniform'}'"
    names = dict.fromkeys(cls.__name__ for cls in OBJECTS[kind].values())
    return did_you_mean(op, OBJECTS[kind]) or f"one of {', '.join(names)}"


def _shortest(kind: Kind, record: KerasObject) -> object:
    """An initializer without arguments is its snake_case name, so that `HeNormal` and `he_normal` are one value."""
    by_name = kind == "initializer" and not isinstance(record, Constant)  # Keras knows `constant` only as an object
    return _snake(type(record).__name__) if by_name else record


def _named(value: object) -> object:
    """The `op` of a mapping; anything else as it is."""
    return cast("Mapping[str, object]", value).get("op") if isinstance(value, Mapping) else value


def _check_activation(value: object, name: str) -> object:
    if value is None or (isinstance(value, str) and value in ACTIVATIONS):
        return value
    op = _named(value)
    if isinstance(op, Settings) or (isinstance(op, str) and op in (*ACTIVATION_LAYERS, *_WITH_WEIGHTS)):
        return _activation_layer(value, name)
    if isinstance(op, str) and op is not value:
        hint = did_you_mean(op, ACTIVATION_LAYERS) or f"one of {', '.join(ACTIVATION_LAYERS)}, or a bare name"
        raise nested_error([Problem(("op",), "E108", f"unknown activation {op!r}", hint)])
    if not isinstance(value, str):
        raise field_error("E106", f"{name!r} must be the name of an activation or null (got {shown(value)})")
    hint = "it halves its last axis: write two Dense layers and a Multiply" if value == "glu" else None
    meant = did_you_mean(value, ACTIVATIONS) or did_you_mean(value, ACTIVATION_LAYERS)
    raise field_error("E108", f"unknown activation {value!r}", hint or meant)


def _activation_layer(value: object, name: str) -> object:
    """An activation that is a layer, without weights: Keras would not find those."""
    base = import_module("compiler.ops.base")  # which imports this file
    op = base.inner_op(value, name, _ACTIVATION)
    if type(op).__name__ in ACTIVATION_LAYERS:
        return op
    hint = "leave the activation out, and put it after the layer" if type(op).__name__ in _WITH_WEIGHTS else None
    message = f"{name!r} must be an activation without weights (got {type(op).__name__!r})"
    raise field_error("E107", message, hint)


ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "ReLU", "Softmax")
"""Layers that an activation may be, for the sake of their arguments."""

_WITH_WEIGHTS = ("PReLU",)
_ACTIVATION = "the name of an activation, {op: LeakyReLU, ...} or its like, or null"

Activation = Annotated[
    str | Settings | None,
    Annotation(
        _check_activation,
        lambda: {"anyOf": [{"enum": [*ACTIVATIONS, None]}, {"$ref": "#/$defs/activation"}]},
        _ACTIVATION,
    ),
]
"""A name, or an op that stands for one."""

Initializer = Annotated[str | KerasObject, _named_object("initializer", none=False)]
MaybeInitializer = Annotated[str | KerasObject | None, _named_object("initializer", none=True)]
MaybeRegularizer = Annotated[KerasObject | None, _named_object("regularizer", none=True)]
MaybeConstraint = Annotated[KerasObject | None, _named_object("constraint", none=True)]

_AXES = rule("an integer or a list of integers", lambda v: is_int(v) or is_list_of(is_int)(v), none=True)
_Axes = Annotated[int | list[int] | None, _AXES]


WINDOWS = (
    "hann", "hamming", "bartlett", "barthann", "blackman", "blackmanharris", "bohman", "boxcar", "cosine", "flattop",
    "lanczos", "nuttall", "parzen", "triang", "tukey",
)  # fmt: skip
"""Those of `scipy.signal.windows` that need no argument."""

Window = Annotated[str | None, choice(*WINDOWS, none=True)]
Scaling = Annotated[str | None, choice("density", "spectrum", none=True)]


class _Random(KerasObject):
    """Abstract: drawn with `seed`, or with Keras's global seed where it is null."""

    seed: MaybeInt = None


class _Fan(_Random):
    """Abstract: scaled by the number of inputs or outputs of the weight."""

    input_axes: _Axes = None
    output_axes: _Axes = None


class Zeros(KerasObject, kind="initializer", aliases=("zero",)):
    """All 0."""


class Ones(KerasObject, kind="initializer", aliases=("one",)):
    """All 1."""


class Constant(KerasObject, kind="initializer"):
    """All `value`."""

    value: Number = 0.0


class Identity(KerasObject, kind="initializer", aliases=("IdentityInitializer",)):
    """`gain` times the identity matrix; for square matrices."""

    gain: Number = 1.0


class GlorotNormal(_Fan, kind="initializer"):
    """Truncated normal, variance 2 / (fan in + fan out). Glorot & Bengio 2010."""


class GlorotUniform(_Fan, kind="initializer"):
    """Uniform, variance 2 / (fan in + fan out). Glorot & Bengio 2010."""


class HeNormal(_Fan, kind="initializer"):
    """Truncated normal, variance 2 / fan in. He et al. 2015, arXiv 1502.01852."""


class HeUniform(_Fan, kind="initializer"):
    """Uniform, variance 2 / fan in. He et al. 2015, arXiv 1502.01852."""


class LecunNormal(_Fan, kind="initializer"):
    """Truncated normal, variance 1 / fan in. Klambauer et al. 2017, arXiv 1706.02515."""


class LecunUniform(_Fan, kind="initializer"):
    """Uniform, variance 1 / fan in."""


class VarianceScaling(KerasObject, kind="initializer"):
    """The family of the fan-scaled initializers: variance `scale` / fan."""

    scale: PositiveNumber = 1.0
    mode: Annotated[str, choice("fan_in", "fan_out", "fan_avg")] = "fan_in"
    distribution: Annotated[str, choice("truncated_normal", "untruncated_normal", "uniform")] = "truncated_normal"
    seed: MaybeInt = None
    input_axes: _Axes = None
    output_axes: _Axes = None


class RandomNormal(KerasObject, kind="initializer", aliases=("normal",)):
    """Normal with `mean` and `stddev`."""

    mean: Number = 0.0
    stddev: NonNegativeNumber = 0.05
    seed: MaybeInt = None


class TruncatedNormal(KerasObject, kind="initializer"):
    """Normal with `mean` and `stddev`, redrawn beyond two standard deviations."""

    mean: Number = 0.0
    stddev: NonNegativeNumber = 0.05
    seed: MaybeInt = None


class RandomUniform(KerasObject, kind="initializer", aliases=("uniform",)):
    """Uniform between `minval` and `maxval`."""

    minval: Number = -0.05
    maxval: Number = 0.05
    seed: MaybeInt = None


class Orthogonal(KerasObject, kind="initializer", aliases=("OrthogonalInitializer",)):
    """`gain` times a random orthogonal matrix. Saxe et al. 2014, arXiv 1312.6120."""

    gain: Number = 1.0
    seed: MaybeInt = None


class STFT(KerasObject, kind="initializer", aliases=("STFTInitializer",)):
    """The `side` of a short-time Fourier transform, for kernels of shape (frame, 1, frequencies)."""

    side: Annotated[str, choice("real", "imag")] = "real"
    window: Window = "hann"
    scaling: Scaling = "density"
    periodic: Bool = False


class L1(KerasObject, kind="regularizer"):
    """`l1` times the sum of absolute values."""

    l1: NonNegativeNumber = 0.01


class L2(KerasObject, kind="regularizer"):
    """`l2` times the sum of squares."""

    l2: NonNegativeNumber = 0.01


class L1L2(KerasObject, kind="regularizer", aliases=("l1l2",)):
    """Both."""

    l1: NonNegativeNumber = 0.0
    l2: NonNegativeNumber = 0.0


class OrthogonalRegularizer(KerasObject, kind="regularizer"):
    """Draws the rows or columns of a matrix towards orthogonality."""

    factor: NonNegativeNumber = 0.01
    mode: Annotated[str, choice("rows", "columns")] = "rows"


class MaxNorm(KerasObject, kind="constraint"):
    """Norm along `axis` at most `max_value`."""

    max_value: PositiveNumber = 2
    axis: _Axes = 0


class MinMaxNorm(KerasObject, kind="constraint"):
    """Norm along `axis` drawn into [min_value, max_value] by the share `rate`."""

    min_value: NonNegativeNumber = 0.0
    max_value: PositiveNumber = 1.0
    rate: Fraction = 1.0
    axis: _Axes = 0


class NonNeg(KerasObject, kind="constraint"):
    """Negative weights become 0."""


class UnitNorm(KerasObject, kind="constraint"):
    """Norm along `axis` is 1."""

    axis: _Axes = 0
