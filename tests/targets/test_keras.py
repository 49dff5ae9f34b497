"""The Keras target. The oracle is Keras: the same model written by hand has the same config, the same weights
by name and shape, and gives the same numbers once its weights are set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, reject, settings

from compiler.errors import ConfigError, Place, Source
from compiler.ir import Shape
from compiler.ops import OPS, NamedOp, Op, UnaryOp
from compiler.ops.functions.base import Function
from compiler.settings import Number
from compiler.targets.keras import build
from tests.ops.drawing import Draw
from tests.ops.test_against_keras import DRAWS, Refusal, built, infer, stripped
from tests.targets import checked, node
from tests.undeclared import undeclared

layers: Any = keras.layers  # Keras annotates arguments narrower than it takes them


def same(ours: keras.Model, theirs: keras.Model, *inputs: np.ndarray) -> None:
    """Hold `ours` against the model by hand: config, weights, and what both say of `inputs`."""
    assert plain(ours.get_config()) == plain(theirs.get_config())
    assert [(w.path, w.shape, w.dtype, w.trainable) for w in ours.weights] == [
        (w.path, w.shape, w.dtype, w.trainable) for w in theirs.weights
    ]
    random = np.random.default_rng(0)
    weights = [random.normal(0.5, 0.1, w.shape).astype(w.dtype) for w in theirs.weights]
    for model in (ours, theirs):
        for variable, value in zip(model.weights, weights, strict=True):
            variable.assign(value)
    given: Any = inputs[0] if len(inputs) == 1 else list(inputs)
    keras.tree.map_structure(np.testing.assert_array_equal, values(ours(given)), values(theirs(given)))


def values(outputs: Any) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def plain(config: Any) -> Any:
    """Tuples as lists: Keras keeps whichever it was given."""
    if isinstance(config, dict):
        return {key: plain(value) for key, value in config.items()}
    return [plain(value) for value in config] if isinstance(config, (list, tuple)) else config


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")


# --- structure ---------------------------------------------------------------------------------


def test_a_residual_net() -> None:
    graph = checked(
        node("input", "Input", shape=[8, 8, 3]),
        node("stem.conv", "Conv2D", "input", filters=4, kernel_size=3, strides=2, padding="same"),
        node("stem.norm", "BatchNormalization", "stem.conv", momentum=0.9),
        node("block.0.conv", "Conv2D", "stem.norm", filters=4, kernel_size=[3, 1], padding="same", use_bias=False),
        node("block.0.relu", "Activation", "block.0.conv", activation="relu"),
        node("block.0", "Add", ["block.0.relu", "stem.norm"]),
        node("pool", "GlobalAveragePooling2D", "block.0"),
        node("head", "Dense", "pool", units=10, activation="softmax"),
    )
    x = layers.Input((8, 8, 3), name="input")
    y = layers.Conv2D(4, 3, strides=2, padding="same", name="stem.conv")(x)
    skip = layers.BatchNormalization(momentum=0.9, name="stem.norm")(y)
    y = layers.Conv2D(4, (3, 1), padding="same", use_bias=False, name="block.0.conv")(skip)
    y = layers.Activation("relu", name="block.0.relu")(y)
    y = layers.GlobalAveragePooling2D(name="pool")(layers.Add(name="block.0")([y, skip]))
    y = layers.Dense(10, activation="softmax", name="head")(y)
    model = build(graph)
    same(model, keras.Model(x, y, name="model"), images(8, 8, 3))
    assert [layer.name for layer in model.layers] == [checked.name for checked in graph]
    assert model.count_params() == graph.params
    assert [(w.name, tuple(w.shape)) for w in model.weights] == [
        (weight.name, weight.shape) for checked in graph for weight in checked.weights
    ]


def test_shared_weights_are_one_layer_through_chains() -> None:
    model = build(
        checked(
            node("left", "Input", shape=[4]),
            node("right", "Input", shape=[4]),
            node("third", "Input", shape=[4]),
            node("tower", "Dense", "left", units=3, activation="tanh"),
            node("tower.again", "Dense", "right", units=3, activation="tanh", shares="tower"),
            node("tower.third", "Dense", "third", units=3, activation="tanh", shares="tower.again"),
            node("both", "Concatenate", ["tower", "tower.again", "tower.third"]),
        )
    )
    inputs = [layers.Input((4,), name=name) for name in ("left", "right", "third")]
    tower = layers.Dense(3, activation="tanh", name="tower")
    theirs = keras.Model(inputs, layers.Concatenate(name="both")([tower(x) for x in inputs]), name="model")
    same(model, theirs, images(4), images(4) + 1, images(4) + 2)
    assert [layer.name for layer in model.layers if layer.weights] == ["tower"]
    assert model.count_params() == 4 * 3 + 3


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    model = build(
        checked(
            node("wide", "Input", shape=[3], dtype="int32"),
            node("deep", "Input", shape=[None, 2], batch_size=2),
            node("label", "Dense", "wide", units=2),
            node("pooled", "GlobalMaxPooling1D", "deep"),
            outputs={"class": "label", "score": "pooled", "copy": "label"},
        )
    )
    wide = layers.Input((3,), dtype="int32", name="wide")
    deep = layers.Input((None, 2), batch_size=2, name="deep")
    label, pooled = layers.Dense(2, name="label")(wide), layers.GlobalMaxPooling1D(name="pooled")(deep)
    theirs = keras.Model([wide, deep], {"class": label, "score": pooled, "copy": label}, name="model")
    a, b = np.arange(6, dtype="int32").reshape(2, 3), images(5, 2)
    same(model, theirs, a, b)
    by_name = model({"deep": b, "wide": a, "unused": a})
    keras.tree.map_structure(np.testing.assert_array_equal, values(by_name), values(model([a, b])))
    assert [*by_name] == ["class", "score", "copy"]


def test_unnamed_outputs_are_a_list() -> None:
    graph = checked(
        node("input", "Input", shape=[3]), node("a", "Dense", "input", units=2), node("b", "Dense", "a", units=1),
        outputs=["b", "a"],
    )  # fmt: skip
    assert [output.shape for output in build(graph)(images(3))] == [(2, 1), (2, 2)]


# --- arguments -----------------------------------------------------------------------------------


def test_objects_inside_arguments() -> None:
    model = build(
        checked(
            node("input", "Input", shape=[4, 4]),
            node(
                "dense", "Dense", "input", units=4,
                kernel_initializer={"op": "Identity", "gain": 2.0}, bias_initializer="Ones",
                kernel_regularizer={"op": "L1L2", "l1": 0.1, "l2": 0.2}, activity_regularizer={"op": "L2", "l2": 0.3},
                kernel_constraint={"op": "MaxNorm", "max_value": 3},
            ),
            node("identity", "Identity", "dense"),
            node("both", "Bidirectional", "identity", merge_mode="sum", layer={
                "op": "LSTM", "units": 2, "return_sequences": True, "kernel_regularizer": {"op": "L2", "l2": 0.1},
            }),
            node("each", "TimeDistributed", "both", layer={"op": "Dense", "units": 3, "trainable": False}),
        )
    )  # fmt: skip
    x = layers.Input((4, 4), name="input")
    y = layers.Dense(
        4, kernel_initializer=keras.initializers.Identity(2.0), bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2), activity_regularizer=keras.regularizers.L2(0.3),
        kernel_constraint=keras.constraints.MaxNorm(3), name="dense",
    )(x)  # fmt: skip
    y = layers.Identity(name="identity")(y)
    lstm = layers.LSTM(2, return_sequences=True, kernel_regularizer=keras.regularizers.L2(0.1), name="layer")
    y = layers.Bidirectional(lstm, merge_mode="sum", name="both")(y)
    y = layers.TimeDistributed(layers.Dense(3, trainable=False, name="layer"), name="each")(y)
    np.testing.assert_array_equal(values(model.get_layer("dense").kernel), 2 * np.eye(4))
    same(model, keras.Model(x, y, name="model"), images(4, 4))
    assert len(model.losses) == 4


def test_what_goes_into_the_call_and_what_is_only_ours() -> None:
    model = build(
        checked(
            node("input", "Input", shape=[5, 8]),
            node("memory", "Input", shape=[5, 8]),
            node("mha", "MultiHeadAttention", {"value": "memory", "query": "input"},
                 num_heads=2, key_dim=4, use_causal_mask=True),
            node("scored", "Attention", {"key": "memory", "value": "mha", "query": "input"},
                 use_scale=True, use_causal_mask=True),
            node("gate", "Dense", "scored", units=1),
            node("gated", "Multiply", ["scored", "gate"], broadcast=True),
        )
    )  # fmt: skip
    x, memory = layers.Input((5, 8), name="input"), layers.Input((5, 8), name="memory")
    y = layers.MultiHeadAttention(2, 4, name="mha")(value=memory, query=x, use_causal_mask=True)
    y = layers.Attention(use_scale=True, name="scored")([x, y, memory], use_causal_mask=True)
    y = layers.Multiply(name="gated")([y, layers.Dense(1, name="gate")(y)])
    theirs = keras.Model([x, memory], y, name="model")
    a, b = images(5, 8), images(5, 8)[:, ::-1].copy()
    same(model, theirs, a, b)
    later = b.copy()
    later[:, -1] += 1
    changed = np.any(values(model([a, b])) != values(model([a, later])), axis=-1)
    assert changed[:, -1].all() and not changed[:, :-1].any(), "the mask is causal"


@pytest.fixture
def newer_keras() -> Iterator[None]:
    with undeclared("ConvLSTM1D", "ConvLSTM2D", "Discretization"):
        yield


@pytest.mark.usefixtures("newer_keras")
def test_layers_without_a_declaration() -> None:
    model = build(
        checked(
            node("input", "Input", shape=[6, 6, 3]),
            node("lstm", "NewConvLSTM1D", "input", filters=2, kernel_size=3, return_sequences=True,
                 kernel_regularizer={"op": "l2", "l2": 0.5}, bias_constraint={"op": "MaxNorm"},
                 kernel_initializer={"op": "RandomNormal", "stddev": 0.5}, recurrent_initializer="zeros"),
            node("last", "NewDiscretization", "lstm", bin_boundaries=[-0.5, 0.5]),
        )
    )  # fmt: skip
    x = layers.Input((6, 6, 3), name="input")
    y = layers.ConvLSTM1D(
        2, 3, return_sequences=True, kernel_regularizer=keras.regularizers.L2(0.5),
        bias_constraint=keras.constraints.MaxNorm(), kernel_initializer=keras.initializers.RandomNormal(stddev=0.5),
        recurrent_initializer="zeros", name="lstm",
    )(x)  # fmt: skip
    y = layers.Discretization([-0.5, 0.5], name="last")(y)
    same(model, keras.Model(x, y, name="model"), images(6, 6, 3))


class Scaled(keras.layers.Layer):
    """A user's own layer."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        if self.factor < 0:
            raise ValueError("the factor\nis negative")
        return self.factor * x


class ScaledOp(UnaryOp, abstract=True):  # abstract, or it would be an op in all other tests
    keras = f"{Scaled.__module__}.Scaled"
    factor: Number

    def infer(self, x: Shape) -> Shape:
        return x


def test_a_plugins_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "Scaled", ScaledOp)
    model = build(checked(node("input", "Input", shape=[2]), node("twice", "Scaled", "input", factor=2.0)))
    np.testing.assert_array_equal(values(model(np.ones((1, 2)))), [[2.0, 2.0]])
    assert isinstance(model.get_layer("twice"), Scaled)
    with pytest.raises(ConfigError) as refusal:
        build(checked(node("input", "Input", shape=[2]), node("twice", "Scaled", "input", factor=-2.0)))
    (fault,) = refusal.value.faults
    assert fault.message == "Keras refuses 'Scaled': the factor", "what Keras wraps around it is left out"


def is_layer(cls: type[Op]) -> bool:
    return not issubclass(cls, Function) and cls.arity != "cell"


LAYERS = sorted(name for name in {*DRAWS} - {"Input"} if is_layer(OPS[name]))


@pytest.mark.parametrize("name", LAYERS)
def test_every_declared_layer_is_built_as_by_hand(name: str) -> None:
    cls = OPS[name]

    @settings(max_examples=3, derandomize=True, database=None)
    @given(DRAWS[name])
    def same_layer(draw: Draw) -> None:
        theirs, ours = built(cls, draw), infer(cls, draw, "float32")
        if isinstance(theirs, Exception) or isinstance(ours, Refusal):
            reject()
        inputs = [node(f"in_{key}", "Input", shape=shape, dtype=dtype) for key, (shape, dtype) in draw.inputs.items()]
        keys = {key: f"in_{key}" for key in draw.inputs}
        args: dict[str, Any] = draw.args
        entering = keys if issubclass(cls, NamedOp) else list(keys.values())
        layer: Any = build(checked(*inputs, node("layer", name, entering, **args))).get_layer("layer")
        assert stripped(layer.get_config()) == stripped(theirs.layer.get_config())
        assert [(w.name, w.shape) for w in layer.weights] == [(w.name, w.shape) for w in theirs.layer.weights]
        assert keras.tree.map_structure(lambda x: x.shape, layer.output) == theirs.output.shape

    same_layer()


# --- precision -----------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "bfloat16", "float64"])
def test_precision_is_the_global_policy_for_this_model_only(precision: str) -> None:
    gru = {"op": "GRU", "units": 2, "recurrent_initializer": "he_normal"}  # orthogonal ones cannot be drawn in bfloat16
    graph = checked(
        node("input", "Input", shape=[4, 2]),
        node("both", "Bidirectional", "input", layer=gru),
        node("head", "Dense", "both", units=3, dtype="float32"),
        node("half", "Dense", "both", units=3),
        outputs=["head", "half"],
        precision=precision,
    )
    model = build(graph)
    assert keras.config.dtype_policy().name == "float32"
    keras.config.set_dtype_policy(precision)
    try:
        x = layers.Input((4, 2), name="input")
        y = layers.Bidirectional(layers.GRU(2, recurrent_initializer="he_normal", name="layer"), name="both")(x)
        outputs = [layers.Dense(3, dtype="float32", name="head")(y), layers.Dense(3, name="half")(y)]
        theirs = keras.Model(x, outputs, name="model")
    finally:
        keras.config.set_dtype_policy("float32")
    same(model, theirs, images(4, 2))
    assert [tensor.dtype for tensor in model.outputs] == [ours.type.dtype for ours in graph.nodes[2:] if ours.type]
    model.compile("sgd", "mse")
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16"), "losses are scaled where gradients may vanish"


# --- beyond building -----------------------------------------------------------------------------


def test_the_model_trains_and_comes_back_from_its_file(tmp_path: Path) -> None:
    model: Any = build(
        checked(
            node("a", "Input", shape=[5, 4]),
            node("b", "Input", shape=[5, 4]),
            node("block.0.mha", "MultiHeadAttention", {"query": "a", "value": "b"}, num_heads=1, key_dim=2),
            node("mha.again", "MultiHeadAttention", {"query": "b", "value": "a"},
                 num_heads=1, key_dim=2, shares="block.0.mha"),
            node("sum", "Add", ["block.0.mha", "mha.again"]),
            node("head", "Dense", "sum", units=1),
            outputs={"score": "head"},
        )
    )  # fmt: skip
    x, y = {"a": images(5, 4), "b": images(5, 4) + 1}, {"score": images(5, 1)}
    model.compile("sgd", {"score": "mse"})
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    again: Any = keras.saving.load_model(tmp_path / "model.keras")
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(values(again(x))["score"], values(model(x))["score"])


def test_what_was_built_before_leaves_no_trace() -> None:
    graph = checked(
        node("input", "Input", shape=[4, 2]),
        node("both", "Bidirectional", "input", layer={"op": "LSTM", "units": 2}),
    )
    first, second = build(graph), build(graph)
    assert first.get_config() == second.get_config()
    assert [w.path for w in first.weights] == [w.path for w in second.weights]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("newer_keras")
def test_what_keras_refuses_is_a_fault_with_its_place() -> None:
    source = Source("model.yaml", "input\nconv\nlookup\nstft\n")
    graph = checked(
        node("input", "Input", shape=[4]),
        node("conv", "NewConvLSTM2D", "input", filters=3, kernel_size=[2, 2, 2],
             place=Place(source, 2, 1, 7), trail=("block 'a'", "copy 0")),
        node("behind", "Dense", "conv", units=3),
        node("again", "NewConvLSTM2D", "input", filters=3, kernel_size=[2, 2, 2], shares="conv"),
        node("lstm", "NewConvLSTM1D", "input", filters=3, kernel_size=2, place=Place(source, 3, 1)),
        node("bins", "NewDiscretization", "input", place=Place(source, 4, 1)),
        node("good", "Dense", "input", units=2),
        node("sum", "Add", ["behind", "lstm"]),
    )  # fmt: skip
    with pytest.raises(ConfigError) as refusal:
        build(graph)
    first, second, third = refusal.value.faults
    assert (first.code, first.place, first.trail) == ("E801", Place(source, 2, 1, 7), ("block 'a'", "copy 0"))
    assert (second.place, third.place) == (Place(source, 3, 1), Place(source, 4, 1))
    for fault, op in ((first, "NewConvLSTM2D"), (second, "NewConvLSTM1D"), (third, "NewDiscretization")):
        start, _, message = fault.message.partition(": ")
        assert start == f"Keras refuses {op!r}"
        assert message and "\n" not in message and "\x1b" not in message
        assert not message.startswith("Exception encountered")
    with pytest.raises(ValueError, match="expected ndim=4") as theirs:
        layers.ConvLSTM1D(3, 2, name="lstm")(layers.Input((4,)))
    assert second.message.partition(": ")[2] == str(theirs.value)


@pytest.mark.usefixtures("newer_keras")
def test_the_policy_is_restored_after_a_refusal() -> None:
    graph = checked(
        node("input", "Input", shape=[4]),
        node("lstm", "NewConvLSTM1D", "input", filters=3, kernel_size=2),
        precision="mixed_bfloat16",
    )
    with pytest.raises(ConfigError):
        build(graph)
    assert keras.config.dtype_policy().name == "float32"
