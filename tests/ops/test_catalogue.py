"""The catalogue of undeclared layers against the installed Keras."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

import pytest

from compiler.errors import ConfigError
from compiler.ir import TensorType, graph_text
from compiler.ops import OPS, Op
from compiler.ops.catalogue import FILE, Opaque, names, opaque
from compiler.settings import InvalidSettings, non_defaults, validate
from compiler.spec.layers import find_op
from compiler.targets.keras_catalogue import COMMAND, fresh
from tests.language.models import graph_of
from tests.ops.as_keras import keras_class
from tests.undeclared import undeclared

pytestmark = pytest.mark.tf

X = {"0": TensorType((4,), "float32")}


def entry(name: str) -> type[Op]:
    cls = opaque(name)
    assert cls is not None
    return cls


def test_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == fresh(), f"the catalogue is stale: run `{COMMAND}`"


def test_is_sorted() -> None:
    text = json.loads(FILE.read_text(encoding="utf-8"))
    assert list(text["layers"]) == sorted(text["layers"])


NEW = ("ConvLSTM2D", "Hashing", "Solarization")


@pytest.fixture
def newer_keras() -> Iterator[None]:
    with undeclared(*NEW):
        yield


with_newer_keras = pytest.mark.usefixtures("newer_keras")


@with_newer_keras
def test_the_layers_of_a_newer_keras_are_known_by_name() -> None:
    assert names() == ("NewConvLSTM2D", "NewHashing", "NewSolarization")
    assert find_op("NewHashing") is entry("NewHashing")


@with_newer_keras
@pytest.mark.parametrize("name", NEW)
def test_entry_is_an_op_with_keras_own_arguments(name: str) -> None:
    cls = entry(f"New{name}")
    assert issubclass(cls, Opaque)
    assert cls.__name__ == f"New{name}"
    assert cls.__name__ not in OPS
    own = {argument: field for argument, field in cls.model_fields.items() if argument not in Op.model_fields}
    theirs = inspect.signature(keras_class(cls)).parameters
    left_out = {"args", "kwargs", "name", *Op.model_fields}
    assert [*own] == [argument for argument in theirs if argument not in left_out]
    for argument, field in own.items():
        default = theirs[argument].default
        assert field.is_required() == (default is inspect.Parameter.empty)
        if not field.is_required():
            assert field.default == default


@with_newer_keras
@pytest.mark.parametrize("name", NEW)
def test_entry_without_arguments_is_keras_own(name: str) -> None:
    cls = entry(f"New{name}")
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


@with_newer_keras
def test_given_arguments_reach_keras() -> None:
    op = validate(entry("NewSolarization"), {"addition_factor": 0.5, "value_range": [0, 1], "trainable": False})
    layer = keras_class(type(op))(**non_defaults(op))
    assert layer.get_config()["addition_factor"] == (0, 0.5)
    assert list(layer.get_config()["value_range"]) == [0, 1]


@with_newer_keras
def test_unknown_argument_is_a_fault() -> None:
    with pytest.raises(InvalidSettings) as refused:
        validate(entry("NewSolarization"), {"value_rang": [0, 1]})
    (problem,) = refused.value.problems
    assert (problem.code, problem.path, problem.hint) == ("E104", ("value_rang",), "did you mean 'value_range'?")


@with_newer_keras
def test_a_model_with_such_a_layer_is_checked_as_far_as_it_goes() -> None:
    text = "input: [6, 6, 3]\nlayers: [{op: NewSolarization, seed: 1}, Flatten, {op: Dense, units: 2}]\n"
    graph = graph_of(text)
    assert [checked.name for checked in graph.opaque] == ["NewSolarization", "Flatten", "Dense"]
    assert "%NewSolarization = NewSolarization(%input, seed=1) : ?" in graph_text(graph)
    with pytest.raises(ConfigError, match="has no argument 'seeds'"):
        graph_of(text.replace("seed:", "seeds:"))


@with_newer_keras
def test_other_names_are_none() -> None:
    assert [opaque(name) for name in ("Lambda", "LSTMCell", "Dense", "Nonsense")] == [None] * 4
