"""Every declared op against the installed Keras: its arguments and defaults, and what it says of drawn configurations.

The draws come from the modules `draw_*.py` beside this one. Besides `DRAWS` a module may define

    DIFFERS    op -> argument -> why the declaration differs from Keras's constructor there on purpose
    STRICTER   op -> code -> why the op refuses what Keras's symbolic call lets pass
    RUNS_AS    op -> why its output's dtype is that of the run, and not Keras's symbolic one

An op is registered, and so tested, by being defined; one without a draw fails.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

import tests.ops
from compiler.errors import CODES
from compiler.ir import Shape, TensorType
from compiler.ops import OPS, Mismatch, Op, Signature
from compiler.ops.functions.base import Function, Tensors
from compiler.ops.functions.items import GetItem
from compiler.settings import Annotation, InvalidSettings, non_defaults, validate
from tests.ops.as_keras import keras_class, keras_value
from tests.ops.drawing import Draw

MODULES = [
    importlib.import_module(f"tests.ops.{module.name}")
    for module in pkgutil.iter_modules(tests.ops.__path__)
    if module.name.startswith("draw_")
]


UNIQUE: dict[str, type[Op]] = {cls.__name__: cls for cls in OPS.values()}
BASE = {*Op.model_fields, "name", "autocast"}


def collected(attribute: str) -> dict[str, Any]:
    tables: list[dict[str, Any]] = [getattr(module, attribute, {}) for module in MODULES]
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names)), f"an op has two entries in {attribute}"
    return {name: entry for table in tables for name, entry in table.items()}


DRAWS: dict[str, SearchStrategy[Draw]] = collected("DRAWS")
DIFFERS: dict[str, dict[str, str]] = collected("DIFFERS")
STRICTER: dict[str, dict[str, str]] = collected("STRICTER")
RUNS_AS: dict[str, str] = collected("RUNS_AS")

OTHER_DTYPE = r"has the (recurrent_)?activation '\w+', which computes in"
"""Of any op: Keras's symbolic call promises the layer's dtype where its activation gives another."""

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)

every_op = pytest.mark.parametrize("name", sorted(UNIQUE))


# --- arguments -------------------------------------------------------------------------------


@every_op
def test_arguments_and_defaults_are_keras_own(name: str) -> None:
    cls = UNIQUE[name]
    theirs = constructor(cls)
    fields = {key: field for key, field in cls.model_fields.items() if key not in no_arguments(cls)}
    differing = dict.fromkeys({*theirs} - {*fields}, "only Keras has it")
    differing |= dict.fromkeys({*fields} - {*theirs}, "only the op has it")
    for argument in {*theirs} & {*fields}:
        default, required = fields[argument].default, fields[argument].is_required()
        assert required or canonical(cls, argument, default) == default, f"{argument}: its default is not canonical"
        keras_default = theirs[argument].default
        if required != (keras_default is inspect.Parameter.empty):
            differing[argument] = "required by one only"
        elif not required and not equal(canonical(cls, argument, keras_default), default):
            differing[argument] = f"defaults {default!r} and (Keras) {keras_default!r}"
    excused = DIFFERS.get(name, {})
    assert {*differing} == {*excused}, f"{name}: found {differing}, excused in DIFFERS {excused}"


@every_op
def test_call_arguments_are_keras_own(name: str) -> None:
    cls = UNIQUE[name]
    for argument in cls.call_arguments:
        called = keras_class(cls) if issubclass(cls, Function) else keras_class(cls).call
        field = cls.model_fields[argument]
        ours = inspect.Parameter.empty if field.is_required() else field.default
        assert ours == inspect.signature(called).parameters[argument].default


@every_op
def test_aliases_are_keras_own(name: str) -> None:
    cls = UNIQUE[name]
    layers = importlib.import_module(cls.keras.rpartition(".")[0])  # keras.layers, or our own
    prefix = "ops." if issubclass(cls, Function) else ""
    theirs = {prefix + alias for alias in dir(layers) if getattr(layers, alias) is keras_class(cls)}
    assert {name, *cls.aliases} == theirs
    assert all(OPS[alias] is cls for alias in theirs)


def outside(cls: type[Op]) -> set[str]:
    """The fields that are no argument of the Keras class: those of the call, and those for our checks alone."""
    return {*cls.call_arguments, *getattr(cls, "extras", ())}


def no_arguments(cls: type[Op]) -> set[str]:
    """Fields that are no arguments of the constructor, or that all layers have; of a function, those for tensors."""
    if not issubclass(cls, Function):
        return {*BASE, *cls.call_arguments}
    return {*cls.operands} if issubclass(cls, Tensors) else set()


def constructor(cls: type[Op]) -> dict[str, inspect.Parameter]:
    """The named parameters of a Keras class without those that every layer has; of a function, without its tensors."""
    parameters = list(inspect.signature(keras_class(cls)).parameters.values())
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named = [p for p in parameters if p.kind not in variadic and (issubclass(cls, Function) or p.name not in BASE)]
    if issubclass(cls, Tensors):
        assert [p.name for p in named[: len(cls.operands)]] == [*cls.operands]
    if not issubclass(cls, Function) or cls.starred:
        return {p.name: p for p in named}
    return {p.name: p for p in named[len(cls.operands) if issubclass(cls, Tensors) else 1 :]}


def canonical(cls: type[Op], argument: str, value: object) -> object:
    """`value` as the field makes it."""
    for part in cls.model_fields[argument].metadata:
        if isinstance(part, Annotation):
            value = part.check(value, argument)
    return value


def equal(a: object, b: object) -> bool:
    """Equal values, a tuple and a list of the same items included."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


# --- shapes, dtypes and weights ----------------------------------------------------------------


@every_op
def test_agrees_with_keras(name: str, draws: int) -> None:
    right = check_draws(name, draws, "float32")
    enough = draws / 15 if issubclass(UNIQUE[name], Function) else draws / 5
    assert right >= min(enough, 5), f"only {right} of {draws} draws are right: draw better"


@every_op
def test_a_frozen_layer_has_no_trainable_weights(name: str, draws: int) -> None:
    def frozen(draw: Draw) -> Draw:
        return replace(draw, args={**draw.args, "trainable": False})

    if "trainable" in UNIQUE[name].model_fields:
        check_draws(name, max(3, draws // 5), "float32", frozen)


@every_op
@pytest.mark.parametrize("precision", ["mixed_float16", "bfloat16"])
def test_agrees_with_keras_in_other_precisions(name: str, precision: str, draws: int) -> None:
    import keras

    keras.config.set_dtype_policy(precision)
    try:
        check_draws(name, max(3, draws // 5), precision)
    finally:
        keras.config.set_dtype_policy("float32")


def check_draws(name: str, count: int, precision: str, change: Callable[[Draw], Draw] = lambda draw: draw) -> int:
    """Compare `count` draws for the op, each after `change`; how many of them are right.

    Functions are many and share their rules: a third of the draws is enough for each.
    """
    if issubclass(UNIQUE[name], Function):
        count = max(1, count // 3)
    assert name in DRAWS, f"no draw for {name}: add one to tests/ops/draw_*.py"
    accepted: list[bool] = []

    # Not shrunk: that builds hundreds of layers for each failure, and the draws are small as they are.
    phases = (Phase.explicit, Phase.generate)

    @settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=SLOW,
    )
    @given(DRAWS[name])
    def agrees(draw: Draw) -> None:
        accepted.append(compare(name, change(draw), precision))

    agrees()
    return sum(accepted)


def compare(name: str, draw: Draw, precision: str) -> bool:
    """Hold what the op says of `draw` against what Keras makes of it; whether both accept it."""
    ours = infer(UNIQUE[name], draw, precision)
    theirs = built(UNIQUE[name], draw)
    if isinstance(ours, Refusal):
        if not isinstance(theirs, Exception) and positive(theirs.output):
            excused = ours.code in STRICTER.get(name, {}) or re.search(OTHER_DTYPE, ours.message)
            assert excused, f"Keras accepts this, but {ours.code}: {ours.message}"
        return False
    assert not isinstance(theirs, Exception), f"Keras refuses this: {theirs!r}"
    op, signature = ours.op, ours.signature
    if signature.output is not None:
        assert signature.output.shape == theirs.output.shape[1:]
        assert name in RUNS_AS or signature.output.dtype == theirs.output.dtype
    known = all(None not in shape for shape, _ in draw.inputs.values())
    if issubclass(UNIQUE[name], Function) and signature.output is not None and known:
        assert run(UNIQUE[name], draw) == (signature.output.shape, signature.output.dtype), "what a batch gives"
    if signature.output is not None and known:
        assert signature.flops is not None and signature.flops >= 0
    if theirs.layer is None:
        return True
    weights = [(w.name, tuple(w.shape), w.trainable) for w in theirs.layer.weights]
    assert [(w.name, w.shape, w.trainable) for w in signature.weights] == weights
    assert sum(w.size for w in signature.weights) == theirs.layer.count_params()
    raw, canonical = made(UNIQUE[name], draw.args), made(UNIQUE[name], non_defaults(op))
    assert stripped(raw.get_config()) == stripped(canonical.get_config()), "the canonical arguments mean another layer"
    return True


class Refusal:
    """The op's fault: at validation, among its arguments, or with its inputs."""

    def __init__(self, code: str, message: str) -> None:
        assert code in CODES
        self.code, self.message = code, message


class Inferred:
    def __init__(self, op: Op, signature: Signature) -> None:
        self.op, self.signature = op, signature


class Built:
    """A layer and its symbolic output; None and the tensor for `Input`, which is no layer."""

    def __init__(self, layer: Any, output: Any) -> None:
        self.layer, self.output = layer, output


def infer(cls: type[Op], draw: Draw, precision: str) -> Inferred | Refusal:
    try:
        op = validate(cls, draw.args)
    except InvalidSettings as error:
        return Refusal(error.problems[0].code, error.problems[0].message)
    for fault in op.check():
        if fault.code.startswith("E"):
            return Refusal(fault.code, fault.message)
    inputs = {key: TensorType(shape, dtype) for key, (shape, dtype) in draw.inputs.items()}
    try:
        signature = op.signature(inputs, precision)
    except Mismatch as fault:
        assert fault.argument is None or fault.argument in cls.model_fields
        return Refusal(fault.code, fault.message)
    return Inferred(op, signature)


def built(cls: type[Op], draw: Draw) -> Built | Exception:
    """The Keras layer for `draw`, called on symbolic inputs; or the reason why it cannot be."""
    import keras

    tensors = {key: keras.Input(shape, dtype=dtype) for key, (shape, dtype) in draw.inputs.items()}
    calls = {key: value for key, value in draw.args.items() if key in cls.call_arguments}
    try:
        if issubclass(cls, Function):
            return Built(None, call(cls, keras_class(cls), tensors, function_arguments(cls, draw)))
        layer = made(cls, draw.args)
        if not isinstance(layer, keras.Layer):  # keras.Input is a function that gives the tensor itself
            return Built(None, layer)
        return Built(layer, call(cls, layer, tensors, calls))
    except Exception as error:  # Keras refuses with whatever comes to hand, IndexError included
        return error


def run(cls: type[Op], draw: Draw) -> tuple[Shape, str]:
    """The shape, without the batch, and the dtype that a function gives for a batch; its size is that of no axis."""
    import keras

    batch = 11
    arrays = {key: keras.ops.ones((batch, *shape), dtype) for key, (shape, dtype) in draw.inputs.items()}
    y = call(cls, keras_class(cls), arrays, function_arguments(cls, draw))
    assert y.shape[0] == batch
    return tuple(y.shape[1:]), keras.backend.standardize_dtype(y.dtype)


def function_arguments(cls: type[Op], draw: Draw) -> Mapping[str, object]:
    """Arguments as Keras's function takes them: a key is no list of texts there."""
    return validate(cls, draw.args).values() if issubclass(cls, GetItem) else draw.args


def made(cls: type[Op], args: Mapping[str, object]) -> Any:
    own = {key: keras_value(key, value) for key, value in args.items() if key not in outside(cls)}
    return keras_class(cls)(**own)


def call(cls: type[Op], layer: Any, tensors: Mapping[str, Any], arguments: Mapping[str, object]) -> Any:
    values = list(tensors.values())
    if issubclass(cls, Function) and cls.starred:
        return layer(*arguments.values(), *values)
    if cls.arity == "cell":
        return layer(values[0], states(layer.state_size), **arguments)[0]
    if cls.arity == "many" or getattr(cls, "listed", False):
        return layer(values, **arguments)
    if cls.arity == "named" and issubclass(cls, Function):
        return layer(**tensors, **arguments)
    if cls.arity == "named":
        first, *_ = tensors
        return layer(tensors[first], **{key: x for key, x in tensors.items() if key != first}, **arguments)
    return layer(values[0], **arguments)


def states(sizes: int | list[Any]) -> list[Any]:
    """Symbolic states for a cell, which says their sizes: one, a list, or a list for each of a stack."""
    import keras

    def made(size: int | list[Any]) -> Any:
        return keras.Input((size,)) if isinstance(size, int) else [made(each) for each in size]

    return [made(size) for size in ([sizes] if isinstance(sizes, int) else sizes)]


def positive(output: Any) -> bool:
    """Whether Keras's symbolic output could exist: it may promise dimensions of 0 and below."""
    shapes = [x.shape for x in (output if isinstance(output, (list, tuple)) else [output])]
    return all(dim is None or dim > 0 for shape in shapes for dim in shape)


def stripped(config: object) -> object:
    """A layer's config without names and without what building adds, tuples as lists."""
    if isinstance(config, dict):
        left_out = {"name", "build_config", "registered_name", "module"}
        return {key: stripped(value) for key, value in config.items() if key not in left_out}
    if isinstance(config, (list, tuple)):
        return [stripped(value) for value in config]
    if isinstance(config, float) and math.isnan(config):
        return "nan"
    return config
