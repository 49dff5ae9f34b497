"""The Python target, run: Keras builds from its text what the Keras target builds from the graph.

Equal configs layer by layer, the same weights by path, shape and order, and with weights copied the same numbers.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from compiler.ir import CheckedGraph
from compiler.ops import OPS, NamedOp
from compiler.targets.keras import build
from compiler.targets.python import to_python
from tests.language.models import graph_of
from tests.networks import SHIPPED
from tests.ops.drawing import Draw
from tests.ops.test_against_keras import DRAWS, Refusal, built, infer
from tests.targets import checked, node
from tests.targets.python_models import Structured, tangled
from tests.targets.test_python_text import WRITTEN, written
from tests.undeclared import undeclared

LAYERS = sorted(
    name
    for name in DRAWS
    if OPS[name].keras.startswith(("keras.layers.", "keras.ops.", "compiler.targets.layers."))
    and OPS[name].arity != "cell"
)

LARGE = 1_000_000
"""Parameters from which on a network is built, and not run."""


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """A text with a layer of our own registers its own class in the place of ours."""
    importlib.import_module("compiler.targets.layers")  # else a test that imports it has it unregistered behind it
    objects: dict[str, Any] = keras.saving.get_custom_objects()
    before = dict(objects)
    yield
    objects.clear()
    objects.update(before)


def run(graph: CheckedGraph) -> keras.Model:
    """The model that the text for `graph` builds."""
    space: dict[str, Any] = {"__name__": "written"}
    exec(compile(to_python(graph), "written.py", "exec"), space)
    return space["build_model"]()


def same(graph: CheckedGraph, numbers: bool = True) -> None:
    ours, theirs = build(graph), run(graph)
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in ours.layers]
    for our, their in zip(config(ours)["layers"], config(theirs)["layers"], strict=True):
        assert their == our
    assert config(theirs) == config(ours)
    assert [facts(weight) for weight in theirs.weights] == [facts(weight) for weight in ours.weights]
    if numbers:
        draw = np.random.default_rng(0)
        for our, their in zip(ours.weights, theirs.weights, strict=True):
            value = draw.normal(0.5, 0.1, our.shape).astype("float32")
            our.assign(value)
            their.assign(value)
        given = [inputs(draw, tensor) for tensor in ours.inputs]
        arrays: Any = given[0] if len(given) == 1 else given
        keras.tree.map_structure(np.testing.assert_array_equal, values(theirs(arrays)), values(ours(arrays)))


def config(model: keras.Model) -> Any:
    """The model's config, with numbers for the names of operations: Keras gives those, as its functions take none."""
    found = model.get_config()
    steps = enumerate(found["layers"])
    names = {step["name"]: f"#{i}" for i, step in steps if step["module"].startswith("keras.src.ops")}
    return renamed(plain(found), names)


def renamed(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    """A config with `names` changed wherever it names a layer."""
    if isinstance(value, dict):
        return {key: renamed(item, names, key) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, names, key) for item in value]
    return names.get(value, value) if key in ("name", "keras_history", "output_layers") else value


def plain(value: Any) -> Any:
    """Tuples as lists, and without the module of a class: Keras keeps whatever it was given."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != "module"}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def facts(weight: Any) -> tuple[object, ...]:
    return weight.path, tuple(weight.shape), weight.dtype, weight.trainable


def inputs(draw: np.random.Generator, tensor: Any) -> np.ndarray:
    shape = [2, *(3 if dim is None else dim for dim in tensor.shape[1:])]
    whole = "int" in tensor.dtype
    return draw.integers(0, 9, shape).astype(tensor.dtype) if whole else draw.normal(size=shape).astype(tensor.dtype)


def values(outputs: Any) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


@pytest.mark.parametrize("name", [*SHIPPED, *WRITTEN])
def test_shipped_models(name: str) -> None:
    graph = written(name)
    same(graph, numbers=graph.params < LARGE)


@pytest.mark.parametrize("name", LAYERS)
def test_every_declared_op(name: str) -> None:
    """Arguments by place are those that Keras has there."""
    cls = OPS[name]

    @settings(max_examples=3, derandomize=True, database=None)
    @given(DRAWS[name])
    def same_layer(draw: Draw) -> None:
        if isinstance(built(cls, draw), Exception) or isinstance(infer(cls, draw, "float32"), Refusal):
            reject()
        entering = [node(f"in_{key}", "Input", shape=shape, dtype=dtype) for key, (shape, dtype) in draw.inputs.items()]
        keys = {key: f"in_{key}" for key in draw.inputs}
        args: dict[str, Any] = draw.args
        layer = node("layer", name, keys if issubclass(cls, NamedOp) else list(keys.values()), **args)
        same(checked(*entering, layer), numbers=False)

    same_layer()


def test_frozen_layers() -> None:
    """What is inside a wrapper or an attention too, which an argument `trainable=False` does not reach."""
    text = """
        input: [6, 4]
        layers:
          - {op: Bidirectional, layer: {op: LSTM, units: 2, return_sequences: true}}
          - {op: TimeDistributed, layer: BatchNormalization}
          - {op: MultiHeadAttention, num_heads: 2, key_dim: 2, from: {query: prev, value: prev}}
          - {op: Dense, units: 3, name: head}
        freeze: ["*", "!head"]
    """
    graph = graph_of(text)
    same(graph)
    assert [weight.path for weight in build(graph).trainable_weights] == ["head/kernel", "head/bias"]


@pytest.fixture
def newer_keras() -> Iterator[None]:
    with undeclared("ConvLSTM1D", "ConvLSTM2D", "Discretization"):
        yield


@pytest.mark.usefixtures("newer_keras")
def test_layers_without_a_declaration() -> None:
    same(
        checked(
            node("input", "Input", shape=[6, 6, 3]),
            node("lstm", "NewConvLSTM1D", "input", filters=2, kernel_size=3, return_sequences=True,
                 kernel_regularizer={"op": "l2", "l2": 0.5}, bias_constraint={"op": "MaxNorm"},
                 kernel_initializer={"op": "RandomNormal", "stddev": 0.5}, recurrent_initializer="zeros"),
            node("last", "NewDiscretization", "lstm", bin_boundaries=[-0.5, 0.5]),
        )
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "float64"])
def test_precision_is_the_model_s_alone(precision: str) -> None:
    gru = {"op": "GRU", "units": 2, "recurrent_initializer": "he_normal"}
    graph = checked(
        node("input", "Input", shape=[4, 2]),
        node("both", "Bidirectional", "input", layer=gru),
        node("head", "Dense", "both", units=3, dtype="float32"),
        precision=precision,
    )
    same(graph)
    assert keras.config.dtype_policy().name == "float32"


WITH_FUNCTIONS = """
input: [8, 8, 4]
blocks:
  swish:
    layers:
      - {op: ops.add, x2: 3, name: moved}
      - {op: ops.relu6}
      - {op: ops.multiply, x2: 0.125, name: share}
      - {op: ops.multiply, from: [input, prev]}
  gate:
    params: {filters: int, slope: 1.0, axes: [1, 2]}
    layers:
      - {op: ops.mean, axis: $axes, keepdims: true}
      - {op: Dense, units: $filters}
      - {op: ops.multiply, x2: $slope}
      - {op: ops.multiply, from: {x2: input, x1: prev}}
layers:
  - {op: Dense, units: 6, name: first}
  - {op: swish, repeat: 3}
  - {op: gate, each: {s: [0.5, 1.5]}, filters: 6, slope: $s}
  - {op: gate, filters: 6, axes: [1], name: rows}
  - {share: rows, name: again}
  - op: residual
    repeat: 2
    layers: [{op: Dense, units: 6}, {op: swish}]
    shortcut: [{op: ops.get_item, key: [":", "::-1"]}]
  - {op: ops.stack, axis: 1, from: [first, prev, rows]}
  - {op: ops.transpose, axes: [0, 2, 1, 3, 4]}
  - {op: ops.einsum, subscripts: "bijkl,bijkl->bil", from: [prev, prev]}
  - {op: ops.where, x2: 0.0, from: {condition: prev, x1: prev}}
  - {op: ops.get_item, key: [":", 0]}
"""


def test_functions_in_blocks_and_loops() -> None:
    same(graph_of(WITH_FUNCTIONS))


def test_a_function_whose_name_would_be_a_layer_s() -> None:
    graph = checked(
        node("input", "Input", shape=[4]),
        node("more", "ops.add", {"x1": "input"}, x2=1),
        node("add", "Add", ["more", "input"]),
        node("log_softmax_2", "Dense", "add", units=3),
        node("end", "ops.log_softmax", "log_softmax_2"),
    )
    same(graph)
    names = [operation.name for operation in run(graph).operations]
    assert names == ["input", "more", "add", "log_softmax_2", "end"]


@settings(max_examples=10)
@given(st.randoms(use_true_random=False), st.integers(2, 25))
def test_any_graph(draw: random.Random, size: int) -> None:
    same(tangled(draw, size))


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_any_structure(draw: random.Random) -> None:
    same(Structured(draw).graph())
