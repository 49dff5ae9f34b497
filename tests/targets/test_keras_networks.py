"""The shipped networks against `keras.applications`: weights in the same order, and with them the same outputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from compiler.targets.keras import build
from compiler.targets.keras_order import layer_order
from compiler.targets.layers import LayerScale
from tests.networks import NETWORKS, network_graph


def images(size: int, highest: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-highest, highest, (4, size, size, 3)).astype("float32")


def outputs(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(model(x))


def unsettle(model: keras.Model, x: np.ndarray) -> None:
    """Give the weights values that tell layers apart: kernels larger, vectors at random, moving statistics of `x`."""
    random = np.random.default_rng(1)
    values = [w + random.uniform(0, 0.1, w.shape) if w.ndim == 1 else 1.4 * w for w in model.get_weights()]
    model.set_weights(values)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(x, training=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_what_keras_does(name: str) -> None:
    network = NETWORKS[name]
    keras.utils.clear_session()
    constructor: Any = getattr(keras.applications, network.constructor)
    theirs = constructor(weights=None, input_shape=(network.size, network.size, 3))
    graph = network_graph(name, [f"model.input=[{network.size},{network.size},3]"])
    ours = build(graph)
    assert [(w.shape, w.dtype, w.trainable) for w in ours.weights] == [
        (w.shape, w.dtype, w.trainable) for w in theirs.weights
    ]
    assert [layer.name for layer in ours.layers] == [node.name for node in layer_order(graph)]
    assert ours.count_params() == theirs.count_params()
    x = images(network.size, network.pixels)
    unsettle(theirs, x)
    ours.set_weights(theirs.get_weights())
    wanted, found = outputs(theirs, x), outputs(ours, x)
    assert np.abs(wanted - wanted[0]).max() > 0.01 * wanted.max(), "the images must matter, or nothing is compared"
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * wanted.max())


def test_layer_scale_is_saved_with_its_arguments() -> None:
    layer = LayerScale(init_values=0.5, name="scale")
    x = np.ones((2, 3, 4), "float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)), x / 2)
    again: Any = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again, LayerScale)
    assert again.get_config() == layer.get_config()
