"""Functions of `keras.ops` in models: built as by hand, saved and loaded, and found again in the saved config."""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import pkgutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, reject, settings

from compiler.ops import OPS
from compiler.ops.functions.base import Function, Tensors
from compiler.ops.functions.left_out import LEFT_OUT
from compiler.ops.functions.operations import NoCall, call_of, function_of
from compiler.ops.functions.promotion import promoted
from compiler.settings import non_defaults
from compiler.targets.keras import build
from tests.ops.drawing import Draw
from tests.ops.test_against_keras import DRAWS, Refusal, built, infer, stripped
from tests.targets import checked, node

FUNCTIONS = sorted(name for name in DRAWS if issubclass(OPS[name], Function))


def entries(model: keras.Model) -> dict[str, Any]:
    """The layers of a model's config as they are in a saved file, by name."""
    return {entry["name"]: entry for entry in json.loads(model.to_json())["config"]["layers"]}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_built_as_by_hand_and_found_again(name: str) -> None:
    cls = OPS[name]

    @settings(max_examples=3, derandomize=True, database=None)
    @given(DRAWS[name])
    def same(draw: Draw) -> None:
        theirs, ours = built(cls, draw), infer(cls, draw, "float32")
        if isinstance(theirs, Exception) or isinstance(ours, Refusal):
            reject()
        inputs = [node(f"in_{key}", "Input", shape=shape, dtype=dtype) for key, (shape, dtype) in draw.inputs.items()]
        names = {key: f"in_{key}" for key in draw.inputs}
        args: dict[str, Any] = draw.args
        entering = names if issubclass(cls, Tensors) else list(names.values())
        model = build(checked(*inputs, node("here", name, entering, **args)))
        operation: Any = next(operation for operation in model.operations if operation.name == "here")
        assert stripped(operation.get_config()) == stripped(theirs.output._keras_history.operation.get_config())
        assert operation.output.shape == theirs.output.shape
        call = call_of(entries(model)["here"])
        assert call.op == ("ops.absolute" if name == "ops.abs" else name)
        resolved = {"dtype": "float32"} if name == "ops.one_hot" else {}  # Keras keeps what its null means
        assert call.arguments == {**resolved, **non_defaults(ours.op)}
        found = [(key, history[0]) for key, history in call.tensors]
        assert sorted(found) == sorted((key if issubclass(cls, Tensors) else None, x) for key, x in names.items())

    same()


def test_every_function_of_keras_is_an_op_or_left_out() -> None:
    public = {f"ops.{name}" for name in dir(keras.ops) if callable(getattr(keras.ops, name)) and name[0] != "_"}
    declared = {name for name in OPS if name.startswith("ops.")}
    assert declared | {*LEFT_OUT} == public
    assert declared & {*LEFT_OUT} == set()


def test_an_operation_has_one_class_of_its_name_in_keras() -> None:
    """So that the class alone tells the function."""
    package = importlib.import_module("keras.src.ops")
    names = [found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.endswith("_test")]
    modules = [importlib.import_module(f"keras.src.ops.{name}") for name in names]
    homes: dict[str, list[str]] = {}
    for module in modules:
        for name, member in vars(module).items():
            if inspect.isclass(member) and issubclass(member, keras.Operation) and member.__module__ == module.__name__:
                homes.setdefault(name, []).append(module.__name__)
    for name in FUNCTIONS:
        cls = OPS[name]
        assert issubclass(cls, Function)
        (module,) = homes[cls.operation]
        assert function_of(module, cls.operation) is cls


@pytest.mark.parametrize(
    ("module", "name"),
    [("keras.layers", "Add"), ("keras.src.ops.linalg", "SVD"), ("keras.src.layers.merging.add", "Add")],
)
def test_what_no_op_stands_for(module: str, name: str) -> None:
    assert function_of(module, name) is None
    with pytest.raises(NoCall, match=f"no op stands for {name}"):
        call_of({"module": module, "class_name": name, "config": {}, "inbound_nodes": [{"args": [], "kwargs": {}}]})


def test_operators_are_found_again() -> None:
    x: Any = keras.Input((4, 6), name="x")
    y = x * 2.0
    y = 1 - y
    y = y / x
    y = y[:, 1:, ..., None]
    model: Any = keras.Model(x, keras.ops.prod(y, axis=1, dtype="float64"))
    (_, times), (_, minus), (_, over), (_, part), (_, product) = list(entries(model).items())[1:]
    calls = [call_of(entry) for entry in (times, minus, over, part)]
    assert [call.op for call in calls] == ["ops.multiply", "ops.subtract", "ops.true_divide", "ops.get_item"]
    assert [call.arguments for call in calls] == [{"x2": 2.0}, {"x1": 1}, {}, {"key": [":", "1:", "...", None]}]
    assert [call.tensors for call in calls[:2]] == [(("x1", ("x", 0, 0)),), (("x2", (times["name"], 0, 0)),)]
    assert [key for key, _ in calls[2].tensors] == ["x1", "x2"]
    with pytest.raises(NoCall, match="no argument 'dtype'"):
        call_of(product)


WEAK = {"int": int, "float": float}
"""Keras's words for numbers of Python."""


def test_dtypes_meet_where_keras_has_it() -> None:
    dtypes = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
              "float16", "bfloat16", "float32", "float64", *WEAK]  # fmt: skip
    for several in itertools.combinations_with_replacement(dtypes, 3):
        theirs = keras.backend.result_type(*(WEAK.get(dtype, dtype) for dtype in several))
        assert promoted(*several) == theirs, several


def test_a_model_with_functions_can_be_saved(tmp_path: Path) -> None:
    model = build(
        checked(
            node("input", "Input", shape=[6, 4]),
            node("dense", "Dense", "input", units=4),
            node("gate", "ops.add", {"x1": "dense"}, x2=3),
            node("six", "ops.relu6", "gate"),
            node("swish", "ops.multiply", {"x1": "dense", "x2": "six"}),
            node("part", "ops.get_item", "swish", key=[":", "::-1", 1]),
            node("wide", "ops.expand_dims", "part", axis=-1),
            node("both", "ops.concatenate", ["swish", "wide"], axis=-1),
            node("sum", "ScaledAdd", ["both", "both"], scale=0.5),
            node("mean", "ops.mean", "sum", axis=[1, 2]),
        )
    )
    model.save(tmp_path / "model.keras")
    again: Any = keras.saving.load_model(tmp_path / "model.keras")
    assert [operation.name for operation in again.operations] == [operation.name for operation in model.operations]
    x = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))


def test_functions_follow_no_dtype_policy() -> None:
    graph = checked(
        node("input", "Input", shape=[4]),
        node("dense", "Dense", "input", units=4),
        node("both", "ops.add", {"x1": "dense", "x2": "input"}),
        node("half", "ops.multiply", {"x1": "dense"}, x2=2.0),
        outputs=["both", "half"],
        precision="mixed_float16",
    )
    types = [checked_node.type for checked_node in graph]
    assert [kind.dtype for kind in types if kind] == ["float32", "float16", "float32", "float16"]
    assert [output.dtype for output in build(graph).outputs] == ["float32", "float16"]
