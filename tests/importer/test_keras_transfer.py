"""Weights that Keras saved, brought over: Keras's own models are the oracle."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from compiler.errors import ConfigError, Fault
from compiler.importer.archive import read_config
from compiler.importer.layout import saved_groups
from compiler.importer.saved_weights import inventory
from compiler.importer.transfer import transfer
from compiler.ir import CheckedGraph
from compiler.targets.keras import build
from tests.language.models import graph_of

LAYERS = """
input: [6, 8]
layers:
  - {op: Dense, units: 8, activation: relu, name: first}
  - {op: Bidirectional, layer: {op: LSTM, units: 4, return_sequences: true}, name: both}
  - {op: Dense, units: 8, name: second}
  - {op: BatchNormalization, name: norm}
  - {op: TimeDistributed, layer: {op: Dense, units: 8}, name: each}
  - {op: MultiHeadAttention, num_heads: 2, key_dim: 3, name: attention, from: {query: prev, value: prev}}
  - {op: GroupQueryAttention, head_dim: 2, num_query_heads: 2, num_key_value_heads: 1, name: grouped,
     from: {query: prev, value: prev}}
  - {share: second}
  - {op: ConvLSTM1D, filters: 2, kernel_size: 2, name: opaque, when: false}
  - {op: Flatten, name: flat}
  - {op: Dense, units: 3, name: head}
"""
PAIRS = {
    "first": ("inner", "d0"), "both": ("inner", "b"), "second": ("d1",), "norm": ("n",),
    "each": ("deep", "deeper", "t"), "attention": ("m",), "grouped": ("g",), "head": ("d2",),
}  # fmt: skip


def theirs() -> keras.Model:
    """The model of `LAYERS` as someone else has it: nested, with other names, and operations that are no layers."""
    inner = keras.Sequential(
        [
            keras.Input((6, 8)),
            layers.Dense(8, activation="relu", name="d0"),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="b"),
        ],
        name="inner",
    )
    deeper = keras.Sequential([keras.Input((6, 8)), layers.TimeDistributed(layers.Dense(8), name="t")], name="deeper")
    deep_input = keras.Input((6, 8))
    deep = keras.Model(deep_input, deeper(deep_input), name="deep")
    second = layers.Dense(8, name="d1")
    x = start = keras.Input((6, 8))
    x = deep(layers.BatchNormalization(name="n")(second(inner(x)) * 1.0))
    x = layers.MultiHeadAttention(2, 3, name="m")(x, x)
    x = layers.GroupQueryAttention(2, 2, 1, name="g")(x, x)
    x = layers.Dense(3, name="d2")(layers.Flatten()(second(x)))
    return fresh(keras.Model(start, x))


def fresh(model: keras.Model) -> keras.Model:
    """Numbers without order in every weight, moving averages and biases too."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, weight.shape).astype(weight.dtype) for weight in model.weights])
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    model = theirs()
    model.compile("adam", "mse")  # whose state is in the file too
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return model, path


def brought(source: Path, config: dict[str, Any], graph: CheckedGraph, to: Path, pairs: Any = PAIRS) -> keras.Model:
    transfer(source, config, pairs, graph, to)
    model = build(graph)
    model.load_weights(to)
    return model


def refusal(source: Path, graph: CheckedGraph, pairs: Any = PAIRS) -> Fault:
    to = source.with_name("out.weights.h5")
    with pytest.raises(ConfigError) as refused:
        transfer(source, read_config(source), pairs, graph, to)
    assert not to.exists()
    return refused.value.faults[0]


def test_the_model_computes_the_same(saved: tuple[keras.Model, Path], tmp_path: Path) -> None:
    model, path = saved
    ours = brought(path, read_config(path), graph_of(LAYERS), tmp_path / "our.weights.h5")
    x = np.random.default_rng(1).normal(size=(4, 6, 8)).astype("float32")
    np.testing.assert_allclose(ours(x), model(x), rtol=1e-5, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["our.weights.h5"]


def test_weights_and_config_in_files_of_their_own(saved: tuple[keras.Model, Path], tmp_path: Path) -> None:
    model, _ = saved
    model.save_weights(tmp_path / "their.weights.h5")
    (tmp_path / "model.json").write_text(model.to_json())
    config = read_config(tmp_path / "model.json")
    ours = brought(tmp_path / "their.weights.h5", config, graph_of(LAYERS), tmp_path / "our.weights.h5")
    assert np.array_equal(ours.get_layer("head").kernel, model.get_layer("d2").kernel)


def test_every_layer_s_group(saved: tuple[keras.Model, Path]) -> None:
    """Keras writes a layer's name beside its weights, which is not what the groups are told by."""
    _, path = saved
    groups = saved_groups(read_config(path))
    names = {path.rpartition("/vars/")[0]: held.layer for path, held in inventory(path).items()}
    assert {group: names[group] for group in groups.values() if group in names} == {
        group: path[-1] for path, group in groups.items() if group in names
    }
    assert len(groups) == 14


def test_the_groups_of_odd_layers(tmp_path: Path) -> None:
    """Classes with digits and abbreviations, cells, wrappers, and operations that have a layer's name."""
    x = start = keras.Input((8, 8, 2))
    for layer in (
        layers.Conv2DTranspose(3, 2), layers.SeparableConv2D(3, 2), layers.PReLU(), layers.ReLU(), layers.LeakyReLU(),
        layers.MaxPooling2D(), layers.UpSampling2D(), layers.DepthwiseConv2D(2), layers.Conv2D(3, 2),
        layers.UnitNormalization(), layers.GlobalAveragePooling2D(keepdims=True), layers.Reshape((1, 3)),
        layers.RNN([layers.GRUCell(3), layers.LSTMCell(3)], return_sequences=True), layers.ELU(),
        layers.TimeDistributed(keras.Sequential([layers.Dense(3), layers.Dense(3)])), layers.RMSNormalization(),
    ):  # fmt: skip
        x = layer(x)
        x = layers.Multiply()([x, x * 2]) + keras.ops.relu(x)
    model = keras.Model(start, x)
    model.save(tmp_path / "model.keras")
    groups = saved_groups(read_config(tmp_path / "model.keras"))
    held = inventory(tmp_path / "model.keras")
    sizes = dict.fromkeys(groups, 0)
    for path, group in groups.items():
        inside = {key: array for key, array in held.items() if key.startswith(f"{group}/")}
        assert {array.layer for key, array in inside.items() if key.startswith(f"{group}/vars/")} <= {path[-1]}
        sizes[path] = sum(math.prod(array.shape) for array in inside.values())
    outer = {path[0]: size for path, size in sizes.items() if len(path) == 1}
    assert outer == {layer.name: layer.count_params() for layer in model.layers}
    assert sum(len(path) == 2 for path in groups) == 2, "the two layers inside TimeDistributed"


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_bfloat16"])
def test_half_precision(policy: str, tmp_path: Path) -> None:
    x = start = keras.Input((4,))
    for name in ("a", "b"):
        x = layers.Dense(4, name=name, dtype=policy)(x)
    model = fresh(keras.Model(start, x))
    model.save(tmp_path / "model.keras")
    graph = replace(graph_of("{input: [4], layers: [{op: Dense, units: 4, repeat: 2}]}"), precision=policy)
    pairs = {"Dense.0": ("a",), "Dense.1": ("b",)}
    config = read_config(tmp_path / "model.keras")
    ours = brought(tmp_path / "model.keras", config, graph, tmp_path / "o.weights.h5", pairs)
    for mine, their in zip(ours.weights, model.weights, strict=True):
        assert mine.dtype == their.dtype
        assert np.array_equal(np.asarray(mine, "float32"), np.asarray(their, "float32"))


def test_weights_of_another_shape(saved: tuple[keras.Model, Path]) -> None:
    fault = refusal(saved[1], graph_of(LAYERS.replace("units: 3", "units: 4")))
    assert fault.code == "E904"
    assert "layer 'head' needs [48, 4], [4], the file has [48, 3], [3]" in fault.message


def test_weights_that_are_not_there(saved: tuple[keras.Model, Path]) -> None:
    fault = refusal(saved[1], graph_of(LAYERS), {**PAIRS, "head": ("nobody",)})
    assert "layer 'head' needs [48, 3], [3], the file has nothing" in fault.message


def test_weights_of_another_layer(saved: tuple[keras.Model, Path]) -> None:
    """Of the same shapes, but not the layer's: the name beside the weights tells."""
    config = json.loads(json.dumps(read_config(saved[1])).replace('"d1"', '"other"'))
    with pytest.raises(ConfigError) as refused:
        pairs = {**PAIRS, "second": ("other",)}
        transfer(saved[1], config, pairs, graph_of(LAYERS), saved[1].with_name("o.weights.h5"))
    assert "the file has weights of 'd1' where those of layer 'second' belong" in refused.value.faults[0].message


def test_a_model_too_large_is_not_built(saved: tuple[keras.Model, Path], no_memory: None) -> None:
    """2.4 TB of weights in a layer that only Keras can build: nothing is allocated to find that out."""
    text = "{input: [6, 8, 1], layers: [{op: ConvLSTM1D, filters: 100000, kernel_size: 3, name: head}]}"
    fault = refusal(saved[1], graph_of(text), {"head": ("d2",)})
    assert "layer 'head' needs [3, 1, 400000], [3, 100000, 400000], [400000]" in fault.message


@pytest.fixture
def no_memory() -> Iterator[None]:
    """Hold what a test takes at its highest to 100 MB more than at its start."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_an_output_that_cannot_be_written(saved: tuple[keras.Model, Path], tmp_path: Path) -> None:
    for name, reason in (("nowhere/o.weights.h5", "No such file or directory"), ("o.h5", "must end in '.weights.h5'")):
        with pytest.raises(ConfigError) as refused:
            transfer(saved[1], read_config(saved[1]), PAIRS, graph_of(LAYERS), tmp_path / name)
        assert refused.value.faults[0].code == "E006"
        assert reason in refused.value.faults[0].message
