"""The JSON Schema of ops and their arguments: it takes what their rules take, and no more, over drawn values."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft7Validator

import tests.ops
from compiler.ops import OPS, REFUSED, Op
from compiler.ops.objects import OBJECTS
from compiler.settings import Annotation, InvalidSettings, Settings, validate
from compiler.targets.schema import model_schema
from compiler.targets.schema_ops import names_by_class, ops, required
from tests.ops.drawing import Draw

SCHEMA = model_schema()
Check = Callable[[Any], bool]

LOOSER: dict[str, tuple[str, object]] = {
    "RandomBrightness.value_range": ("the order of two numbers", [1, 0]),
    "RandomGaussianBlur.kernel_size": ("odd numbers", 2),
    "BatchNormalization.renorm_clipping": ("the order of two numbers", {"rmin": 3, "rmax": 1}),
    "Normalization.mean": ("lists of equal lengths at any depth", [[1], [1, 2]]),
    "Reshape.target_shape": ("how often -1 may stand", [-1, -1]),
    "ops.get_item.key": ("the batch comes first and is whole", [1]),
    "Discretization.bin_boundaries": ("the order of numbers", [1, 0]),
    "GlorotNormal.input_axes": ("its rule has no schema", "x"),
}
"""Rules that take less than their schema says, each with a value that is between."""

STRICTER: dict[str, tuple[str, object]] = {
    "SpectralNormalization.layer": ("an input is no layer inside of another", {"op": "Input", "shape": [3]}),
    "Bidirectional.backward_layer": ("an input is no layer inside of another", {"op": "Input", "shape": [3]}),
}
"""Rules that take more than their schema says, each with such a value."""


@cache
def checks(name: str) -> Check:
    """Whether one definition takes a value."""
    return Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": SCHEMA["definitions"]}).is_valid


# --- ops -------------------------------------------------------------------------------------------------------------

KNOWN = {name: cls for name, cls in ops().items() if name != "Input"}
CLASSES: dict[str, type[Settings]] = {own: cls for own, (cls, _) in names_by_class(KNOWN).items()}


def least(cls: type[Op]) -> dict[str, object]:
    """Arguments without which the op is not; those of the catalogue are anything."""
    args: dict[str, object] = {}
    for name in required(cls):
        rule = rule_of(cls, name)
        args[name] = next(value for value in SIMPLE if rule is None or takes(rule, value, name))
    return args


def entry(name: str, **args: object) -> dict[str, object]:
    """A whole entry; two tensors enter where one is not enough."""
    cls = KNOWN[name]
    return {"op": name, **({"from": ["a", "b"]} if cls.arity != "one" else {}), **args}


LAYERS = {name: cls for name, cls in KNOWN.items() if cls.arity != "cell"}
CELLS = {name: cls for name, cls in KNOWN.items() if cls.arity == "cell"}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_an_op_has_its_own_arguments_and_no_other(name: str) -> None:
    whole = entry(name, **least(KNOWN[name]))
    check = checks("layer")
    assert check(whole)
    assert check({**whole, "name": "a", "when": "$x", "repeat": 2})
    assert not check({**whole, "argument": 1})
    assert not check({**whole, "shape": [3]})
    for argument in required(KNOWN[name]):
        assert not check({key: value for key, value in whole.items() if key != argument})
    assert check(name) is (set(whole) == {"op"})


@pytest.mark.parametrize("name", sorted(CELLS))
def test_a_cell_stands_in_a_cell_alone(name: str) -> None:
    whole = {"op": name, **least(CELLS[name])}
    assert checks("cell")(whole)
    assert not checks("cell")({**whole, "name": "a"})
    assert not checks("cell")({**whole, "argument": 1})
    assert not checks("layer")(whole)
    assert not checks("layer")({"op": "TimeDistributed", "layer": whole})
    assert checks("layer")({"op": "RNN", "cell": whole})
    assert checks("layer")({"op": "RNN", "cell": [whole, "$which"]})
    assert not checks("layer")({"op": "RNN", "cell": [{"op": "Dense", "units": 3}]})


@pytest.mark.parametrize("name", [*REFUSED, "Input", "Conv2d", "Denze", ""])
def test_what_is_no_op_is_none(name: str) -> None:
    assert not checks("layer")(name)
    assert not checks("layer")({"op": name})


@pytest.mark.parametrize("op", ["conv", "sep_conv", "model/stem", "$choice", "größe", "${model.vars.op}"])
def test_what_may_be_a_block_takes_any_argument(op: str) -> None:
    assert checks("layer")(op)
    assert checks("layer")({"op": op, "anything": [1, {"a": None}], "from": {"x": "prev"}, "repeat": "$n"})
    assert not checks("layer")({"op": op, "repeat": -1})


def test_every_argument_of_every_op_has_a_text() -> None:
    texts = {
        f"{name}.{argument}": SCHEMA["definitions"][reference["$ref"].rpartition("/")[2]].get("description", "")
        for name in CLASSES
        for argument, reference in SCHEMA["definitions"][name]["properties"].items()
        if argument != "op"
    }
    assert len(texts) > 1000
    assert {name for name, text in texts.items() if len(text) < 10 or not text.endswith(".")} == set()
    assert {name for name in CLASSES if len(SCHEMA["definitions"][name]["description"]) < 5} == set()


@pytest.mark.parametrize("value", ["$x", "$2 * width", "${data.classes}", "$'re' + 'lu'"])
def test_an_expression_stands_wherever_a_value_does(value: str) -> None:
    for name, cls in CLASSES.items():
        for argument in cls.model_fields:
            reference = SCHEMA["definitions"][name]["properties"][argument]["$ref"].rpartition("/")[2]
            assert checks(reference)(value), f"{name}.{argument}"


@pytest.mark.parametrize(
    "args",
    [
        {"kernel_size": ["$k", 3]},
        {"kernel_regularizer": {"op": "L2", "l2": "$decay"}},
        {"kernel_initializer": {"op": "$init"}},
    ],
)
def test_an_expression_stands_inside_a_value(args: dict[str, object]) -> None:
    assert checks("layer")({"op": "Conv2D", "filters": "$f", "kernel_size": 3, **args})


def test_a_literal_dollar_sign_is_no_expression() -> None:
    assert not checks("layer")({"op": "Dense", "units": "$$x"})


# --- values ----------------------------------------------------------------------------------------------------------

SIMPLE: tuple[object, ...] = (
    1, 2, 3, 0, -1, 9, 0.5, -0.5, 1.5, 7.5, 0.001, True, False, None, "x", "", "ab,bc->ac", [1], [1, 2], [1, 2, 3],
    [":"], [[1, 1]],
    "valid", "same", "causal", "channels_first", "relu", "softmax", "he_normal", "HeNormal", "L2", "max_norm",
    "float32", "mixed_float16", "string", "constant", "nearest", "concat", "auto", "dot", "horizontal", "rows",
    "fan_in", "Dense", "Flatten", "Lambda", "LSTM", {"op": "LSTM", "units": 3},
    "LeakyReLU", {"op": "GRUCell", "units": 3}, [{"op": "GRUCell", "units": 3}], ["Flatten"], ["a", "b"],
)  # fmt: skip
MAPPINGS: tuple[object, ...] = (
    {}, {"op": "L2"}, {"op": "L2", "l2": -1}, {"op": "L2", "l": 1}, {"l2": 1}, {"op": "HeNormal", "seed": 1},
    {"op": "HeNormal", "seed": 1.5}, {"op": "MaxNorm", "max_value": 2}, {"op": "MaxNorm", "max_value": 0},
    {"op": "VarianceScaling", "mode": "fan_in"}, {"op": "VarianceScaling", "mode": "fan"}, {"op": "Dense", "units": 3},
    {"op": "Dense"}, {"op": "Dense", "units": 0}, {"op": "Dense", "units": 3, "name": "a"}, {"op": "Foo"}, {"op": 3},
    {"rmin": 0.1, "rmax": 3, "dmax": 5}, {"rmin": "x"}, {"foo": 1}, {"op": "Lambda"},
    {"op": "ConvLSTM2D", "filters": 3}, {"op": "LSTMCell", "units": 3}, {"op": "LSTMCell"}, ["Flatten", "Dense"],
    [{"op": "LSTMCell", "units": 3}, {"op": "GRUCell", "units": 0}], {"op": "LeakyReLU", "negative_slope": 0.1},
    {"op": "LeakyReLU", "negative_slope": -1}, {"op": "PReLU"}, {"op": "StackedRNNCells", "cells": []},
)  # fmt: skip

SCALARS = st.one_of(
    st.sampled_from([value for value in SIMPLE if not isinstance(value, (list, dict))]),
    st.integers(-3, 12),
    st.floats(-3, 12).filter(lambda number: not number.is_integer()),
)
VALUES: SearchStrategy[object] = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.lists(st.integers(-2, 4), min_size=1, max_size=3),
    st.lists(st.one_of(st.integers(-1, 3), st.lists(st.integers(-1, 3), min_size=1, max_size=3)), max_size=3),
    st.sampled_from(MAPPINGS),
)


def rule_of(cls: type[Settings], name: str) -> Annotation | None:
    return next((item for item in cls.model_fields[name].metadata if isinstance(item, Annotation)), None)


def takes(rule: Annotation, value: object, name: str = "value") -> bool:
    """Whether a rule takes a value."""
    try:
        rule.check(value, name)
    except ValueError:  # the errors of pydantic's validators are of this class
        return False
    return True


@cache
def rules() -> Mapping[str, tuple[Annotation, Check]]:
    """Every rule once, by the first argument that has it, with the check of that argument."""
    classes = [*CLASSES.items(), ("Input", OPS["Input"])]
    classes += [(f"{kind}.{cls.__name__}", cls) for kind, known in OBJECTS.items() for cls in known.values()]
    found: dict[int, tuple[str, Annotation, Check]] = {}
    for label, cls in classes:
        for name in cls.model_fields:
            rule = rule_of(cls, name)
            if rule is not None:
                reference = SCHEMA["definitions"][label]["properties"][name]["$ref"].rpartition("/")[2]
                found.setdefault(id(rule), (f"{cls.__name__}.{name}", rule, checks(reference)))
    return {name: (rule, check) for name, rule, check in found.values()}


@pytest.mark.parametrize("name", rules())
def test_the_schema_of_a_rule_takes_what_the_rule_takes(name: str) -> None:
    rule, check = rules()[name]

    @settings(max_examples=60)
    @given(VALUES)
    def agree(value: object) -> None:
        taken = takes(rule, value)
        if taken or name not in LOOSER:
            assert check(value) is taken

    agree()


@pytest.mark.parametrize("name", LOOSER)
def test_a_looser_schema_is_looser(name: str) -> None:
    rule, check = rules()[name]
    value = LOOSER[name][1]
    assert check(value) and not takes(rule, value)


@pytest.mark.parametrize("name", STRICTER)
def test_a_stricter_schema_is_stricter(name: str) -> None:
    rule, check = rules()[name]
    value = STRICTER[name][1]
    assert takes(rule, value) and not check(value)


@pytest.mark.parametrize("number", [64.0, math.inf, math.nan])
def test_numbers_that_json_does_not_tell_apart(number: float) -> None:
    """The reasons for which VALUES has no such numbers."""
    looser = [name for name, (rule, check) in rules().items() if check(number) and not takes(rule, number)]
    stricter = [name for name, (rule, check) in rules().items() if takes(rule, number) and not check(number)]
    assert looser and not stricter


MODULES = [
    importlib.import_module(f"tests.ops.{module.name}")
    for module in pkgutil.iter_modules(tests.ops.__path__)
    if module.name.startswith("draw_")
]
DRAWS: dict[str, SearchStrategy[Draw]] = {name: draw for module in MODULES for name, draw in module.DRAWS.items()}


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_the_schema_of_an_op_takes_what_the_op_takes(name: str) -> None:
    """Over the configurations that hold the op against Keras, some with an argument too many, too few or wrong."""
    cls, check = OPS[name], checks(OPS[name].__name__)
    keys = st.sampled_from([*cls.model_fields, "kernel", "unit"])

    @settings(max_examples=20)
    @given(DRAWS[name], st.booleans(), keys, st.sampled_from(SIMPLE))
    def agree(draw: Draw, spoilt: bool, key: str, value: object) -> None:
        args = {**draw.args, **({key: value} if spoilt else {})}
        wrong = wrong_arguments(cls, args)
        if not wrong or not wrong <= loose:  # those alone may pass
            assert check(args) is not bool(wrong)

    loose = {argument for argument in cls.model_fields if rule_of(cls, argument) in loose_rules()}
    agree()


def wrong_arguments(cls: type[Op], args: Mapping[str, object]) -> set[str]:
    """The arguments that are at fault; "" where one is missing."""
    try:
        validate(cls, args)
    except InvalidSettings as error:
        return {str(problem.path[0]) if problem.path else "" for problem in error.problems}
    return set()


def loose_rules() -> list[Annotation]:
    return [rules()[name][0] for name in LOOSER]
