"""The way back, with Keras as the judge: models that Keras builds and writes down, imported and compiled again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings
from keras import layers, ops

from compiler.errors import ConfigError, Place, Source, render
from compiler.importer.keras_config import input_names, read_model, renamed
from compiler.importer.model_file import ModelFile, model_file
from compiler.ir import CheckedGraph, canonical_text
from compiler.ops import OPS, NamedOp
from compiler.settings import InvalidSettings
from compiler.targets.keras import build
from tests.ops.drawing import Draw
from tests.ops.test_against_keras import DRAWS, Refusal, built, infer
from tests.targets import checked, node
from tests.targets.python_models import Structured, tangled
from tests.targets.test_keras_python import registered, run  # the fixture serves what is run here too

__all__ = ["registered"]

PLACE = Place(Source("model.json", ""), 1, 1)


def config(model: keras.Model) -> dict[str, Any]:
    return json.loads(model.to_json())


def imported(model: keras.Model) -> ModelFile:
    return model_file(config(model), PLACE)


def same(model: keras.Model) -> ModelFile:
    """Import a model, and see that the file builds one with the same weights in order and the same outputs."""
    found = imported(model)
    ours = build(found.graph)
    assert [tuple(weight.shape) for weight in ours.weights] == [tuple(weight.shape) for weight in model.weights]
    draw = np.random.default_rng(0)
    ours.set_weights([draw.normal(0.5, 0.1, weight.shape) for weight in ours.weights])
    model.set_weights(ours.get_weights())
    given = [array(draw, tensor) for tensor in model.inputs]
    flat = given[0] if len(given) == 1 else given
    theirs, mine = keras.tree.flatten(model(flat)), keras.tree.flatten(ours(flat))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return found


def array(draw: np.random.Generator, tensor: Any) -> np.ndarray:
    shape = [2, *(5 if dim is None else dim for dim in tensor.shape[1:])]
    return draw.integers(0, 9, shape) if "int" in tensor.dtype else draw.normal(size=shape).astype("float32")


def comparable(value: Any) -> Any:
    """A config without what depends on where its model was built: names, and the modules of classes."""
    if isinstance(value, dict):
        left_out = ("name", "module", "keras_history", "input_layers", "output_layers")
        return {key: comparable(item) for key, item in value.items() if key not in left_out}
    return [comparable(item) for item in value] if isinstance(value, list) else value


# --- every layer, and drawn graphs ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name", sorted(name for name in DRAWS if not OPS[name].keras.startswith("tests") and OPS[name].arity != "cell")
)
def test_a_layer_comes_back_as_it_was(name: str) -> None:
    cls = OPS[name]

    @settings(max_examples=3, derandomize=True, database=None, phases=(Phase.generate,))
    @given(DRAWS[name])
    def comes_back(draw: Draw) -> None:
        lost = name.startswith("SpatialDropout") and "dtype" in draw.args  # Keras does not write it down
        if lost or isinstance(built(cls, draw), Exception) or isinstance(infer(cls, draw, "float32"), Refusal):
            reject()
        entering = [node(f"in_{key}", "Input", shape=shape, dtype=dtype) for key, (shape, dtype) in draw.inputs.items()]
        keys = {key: f"in_{key}" for key in draw.inputs}
        args: dict[str, Any] = draw.args
        layer = node("layer", name, keys if issubclass(cls, NamedOp) else list(keys.values()), **args)
        graph = checked(*entering, layer)
        model = config(build(graph))
        try:
            keras.models.model_from_json(json.dumps(model))
        except TypeError:
            reject()  # Keras cannot read it back itself
        found = read_model(model, PLACE)
        again = checked(*found.graph, precision=found.precision)
        assert comparable(config(build(again, "again"))) == comparable(model)

    comes_back()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["structured", "tangled"])
def test_a_drawn_graph_comes_back_as_it_was(kind: str, seed: int) -> None:
    graph = drawn(kind, seed)
    found = model_file(config(build(graph)), PLACE)
    meant = renamed(graph.graph, input_names(graph.graph))
    assert canonical_text(found.graph.graph) == canonical_text(meant)
    assert found.graph.hash == graph.hash or "other" in {step.name for step in graph.inputs}


def drawn(kind: str, seed: int) -> CheckedGraph:
    """A drawn graph, now and then in half precision."""
    while True:
        draw = random.Random(seed)
        try:
            graph = Structured(draw).graph() if kind == "structured" else tangled(draw, draw.randint(2, 25))
        except InvalidSettings:  # a rate of 1
            graph = None
        if graph is not None:
            return graph
        seed += 1000


# --- networks ------------------------------------------------------------------------------------

NETWORKS = {
    "DenseNet121": 45,
    "EfficientNetB0": 52,
    "ConvNeXtTiny": 32,
    "InceptionResNetV2": 75,
    "MobileNetV2": 52,
    "MobileNetV3Small": 52,
    "NASNetMobile": 52,
    "ResNet50": 45,
}
"""Networks of `keras.applications` with every form that folding knows, and small images for them."""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_keras_applications(name: str, golden: Callable[[str, str], None]) -> None:
    """All 40 at their own sizes: benchmarks/imports.py."""
    keras.utils.clear_session()  # layers without names are numbered from the first one on
    size = NETWORKS[name]
    options: dict[str, Any] = {"minimalistic": False} if "V3" in name else {}
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10, **options)
    found = same(model)
    assert found.folded
    golden(f"import/{name.lower()}.yaml", found.text)
    written = run(found.graph)
    assert [tuple(weight.shape) for weight in written.weights] == [tuple(weight.shape) for weight in model.weights]


# --- forms ---------------------------------------------------------------------------------------


def test_nested_models_are_laid_open_and_shared_layers_shared(golden: Callable[[str, str], None]) -> None:
    body = keras.Sequential(
        [layers.Dense(6, activation="relu", name="wide"), layers.Dense(4, name="narrow")], name="body"
    )
    head = keras.Input((4,), name="features")
    tower = keras.Model(head, [layers.Dense(3, name="one")(head), layers.Dense(2, name="two")(head)], name="tower")
    left, right = keras.Input((8,), name="left"), keras.Input((8,), name="right")
    a, b = body(left), body(right)
    one, two = tower(layers.Subtract(name="difference")([a, b]))
    found = same(keras.Model([left, right], {"first": one, "second": two}))
    golden("import/nested.yaml", found.text)
    assert ("body", "wide") in found.pairs.values()


def test_operations(golden: Callable[[str, str], None]) -> None:
    x: Any = keras.Input((4, 6))
    y: Any = ops.mean(x, axis=1, keepdims=True)
    z: Any = ops.where(x > 0.5, 1 - x, x * 2 + y)
    turned: Any = ops.transpose(z, (0, 2, 1))
    z = ops.concatenate([z, ops.softmax(turned[:, :4, :]), z * z], axis=-1)
    golden("import/operations.yaml", same(keras.Model(x, layers.Dense(2)(z))).text)


def test_a_sequential_model_and_its_layers_inside_layers(golden: Callable[[str, str], None]) -> None:
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(50, 8, name="words"),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode="sum"),
            layers.TimeDistributed(layers.Dense(3, kernel_regularizer="l2")),
            layers.GlobalMaxPooling1D(),
            layers.Dense(2, activation="softmax", name="head", dtype="float64"),
        ]
    )
    golden("import/sequential.yaml", same(model).text)


def test_frozen_layers_stay_frozen() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="base"), layers.Dense(2, name="head")])
    model.layers[0].trainable = False
    found = imported(model)
    assert "{op: Dense, trainable: false, units: 4, name: base}" in found.text
    assert len(build(found.graph).trainable_weights) == 2


def test_precision_is_the_model_s_and_not_each_layer_s() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inner = layers.GRU(3)
        stack = [keras.Input((4, 2)), layers.Bidirectional(inner), layers.Dense(4), layers.Dense(2, dtype="float32")]
        found = imported(keras.Sequential(stack))
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.graph.precision == "mixed_float16"
    assert "# Its precision is mixed_float16: train.precision=mixed_float16\n" in found.text
    assert found.text.count("dtype") == 1 and found.text.endswith("  - {op: Dense, dtype: float32, units: 2}\n")


class Own(layers.Layer):
    def call(self, x: Any) -> Any:
        return x


def faulty() -> dict[str, keras.Model]:
    x = keras.Input((4, 3))
    return {
        "lambda": keras.Model(x, layers.Lambda(lambda y: y + 1, name="plus")(x)),
        "own_class": keras.Model(x, Own(name="mine")(x)),
        "training": keras.Model(x, layers.Dropout(0.5, name="always")(x, training=True)),
        "states": keras.Model(x, layers.LSTM(2, return_state=True, name="memory")(x)[1]),
        "several": keras.Model(x, Own(name="second")(layers.Lambda(lambda y: y, name="first")(x))),
    }


@pytest.mark.parametrize("name", ["lambda", "own_class", "training", "states", "several"])
def test_what_has_no_form_is_a_fault(name: str, golden: Callable[[str, str], None]) -> None:
    with pytest.raises(ConfigError) as refused:
        imported(faulty()[name])
    golden(f"import/{name}.txt", render(refused.value.faults))
