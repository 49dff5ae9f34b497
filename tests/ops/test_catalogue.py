"""The catalogue of undeclared layers against the installed Keras."""

from __future__ import annotations

import inspect
import json

import pytest

from compiler.ir import TensorType
from compiler.ops import OPS, REFUSED, Op
from compiler.ops.catalogue import FILE, LEFT_OUT, Opaque, names, opaque
from compiler.settings import InvalidSettings, non_defaults, validate
from compiler.targets.keras_catalogue import COMMAND, fresh, public_layers
from tests.ops.as_keras import keras_class

X = {"0": TensorType((4,), "float32")}


def entry(name: str) -> type[Op]:
    cls = opaque(name)
    assert cls is not None
    return cls


def test_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == fresh(), f"the catalogue is stale: run `{COMMAND}`"


def test_is_sorted() -> None:
    text = json.loads(FILE.read_text(encoding="utf-8"))
    assert list(text["layers"]) == sorted(text["layers"]) == list(names())


def test_every_public_layer_has_one_place() -> None:
    places = [set(OPS), set(REFUSED), set(LEFT_OUT), set(names())]
    for name in public_layers():
        assert sum(name in place for place in places) == 1, name
    assert {*REFUSED, *LEFT_OUT, *names()} <= {*public_layers()}


@pytest.mark.parametrize("name", names())
def test_entry_is_an_op_with_keras_own_arguments(name: str) -> None:
    cls = entry(name)
    assert issubclass(cls, Opaque)
    assert cls.__name__ == name
    assert name not in OPS
    own = {argument: field for argument, field in cls.model_fields.items() if argument not in Op.model_fields}
    theirs = inspect.signature(keras_class(cls)).parameters
    left_out = {"args", "kwargs", "name", *Op.model_fields}
    assert [*own] == [argument for argument in theirs if argument not in left_out]
    for argument, field in own.items():
        default = theirs[argument].default
        assert field.is_required() == (default is inspect.Parameter.empty)
        if not field.is_required():
            assert field.default == (list(default) if isinstance(default, tuple) else default)


@pytest.mark.parametrize("name", names())
def test_entry_without_arguments_is_keras_own(name: str) -> None:
    cls = entry(name)
    required = {argument for argument, field in cls.model_fields.items() if field.is_required()}
    try:
        op = validate(cls, {})
    except InvalidSettings as error:
        assert {problem.code for problem in error.problems} == {"E105"}
        assert len(error.problems) == len(required) > 0
    else:
        assert not required
        assert non_defaults(op) == {}
        signature = op.signature(X, "float32")
        assert (signature.output, signature.weights, signature.flops) == (None, (), None)


def test_given_arguments_reach_keras() -> None:
    op = validate(entry("Solarization"), {"addition_factor": 0.5, "value_range": [0, 1], "trainable": False})
    layer = keras_class(type(op))(**non_defaults(op))
    assert layer.get_config()["addition_factor"] == (0, 0.5)
    assert list(layer.get_config()["value_range"]) == [0, 1]


def test_unknown_argument_is_a_fault() -> None:
    with pytest.raises(InvalidSettings) as refused:
        validate(entry("Solarization"), {"value_rang": [0, 1]})
    (problem,) = refused.value.problems
    assert (problem.code, problem.path, problem.hint) == ("E104", ("value_rang",), "did you mean 'value_range'?")


def test_other_names_are_none() -> None:
    assert [opaque(name) for name in ("Lambda", "LSTMCell", "Dense", "Nonsense")] == [None] * 4
