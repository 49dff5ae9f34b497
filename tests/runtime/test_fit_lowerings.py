"""Lowerings against the layers' own calls, over drawn configurations: outputs and gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.runtime.fitting.lowerings import lowered


@st.composite
def configurations(draw: st.DrawFn) -> tuple[int, dict[str, Any]]:
    rank = draw(st.sampled_from([1, 2]))
    # TensorFlow takes strides above 1 that are equal, and dilations only where they are 1
    strides, dilation = draw(st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 2), (3, 1)]))
    return rank, {
        "filters": draw(st.integers(1, 5)),
        "kernel_size": draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank)),
        "strides": strides,
        "dilation_rate": dilation,
        "padding": draw(st.sampled_from(["valid", "same"])),
        "depth_multiplier": draw(st.integers(1, 3)),
        "use_bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, "tanh"])),
    }


@settings(max_examples=30)
@given(configurations())
def test_a_separable_convolution_is_kerass(drawn: tuple[int, dict[str, Any]]) -> None:
    rank, arguments = drawn
    inputs: Any = keras.Input((*(9, 8)[:rank], 3))
    layer: Any = getattr(keras.layers, f"SeparableConv{rank}D")(bias_initializer="normal", **arguments)
    model: Any = keras.Model(inputs, layer(inputs))
    x = tf.constant(np.random.default_rng(0).normal(size=(2, *inputs.shape[1:])), "float32")

    def outcome() -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
            loss = tf.reduce_sum(tf.sin(y))
        return [y, *tape.gradient(loss, [x, *(v.value for v in model.trainable_variables)])]

    theirs = outcome()
    with lowered(model):
        assert "call" in vars(layer)
        ours = outcome()
    assert "call" not in vars(layer)
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@settings(max_examples=20)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.7, 0.99]),
    st.sampled_from([1e-6, 1e-3]),
    st.sampled_from(["float32", "mixed_bfloat16", "mixed_float16"]),
)
def test_a_batch_normalisation_is_kerass(
    sizes: list[int], channels: int, center: bool, scale: bool, momentum: float, epsilon: float, precision: str
) -> None:
    inputs: Any = keras.Input((*sizes, channels))
    drawn = {"beta_initializer": "normal", "gamma_initializer": "normal"}
    arguments = {"center": center, "scale": scale, "momentum": momentum, "epsilon": epsilon, **drawn}
    layer: Any = keras.layers.BatchNormalization(dtype=precision, **arguments)
    model: Any = keras.Model(inputs, layer(inputs))
    x = tf.constant(np.random.default_rng(0).normal(1, 2, size=(7, *sizes, channels)), "float32")
    before = model.get_weights()

    def outcome(training: bool = True) -> list[Any]:
        model.set_weights(before)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=training)
            loss = tf.reduce_sum(tf.sin(tf.cast(y, "float32")))
        found = [y, *tape.gradient(loss, [x, *(v.value for v in model.trainable_variables)])]
        return [np.asarray(tf.cast(value, "float32")) for value in found] + model.get_weights()

    theirs = outcome(), outcome(training=False)
    with lowered(model):
        assert "call" in vars(layer)
        ours = outcome(), outcome(training=False)
    close = 1e-5 if precision == "float32" else 2e-2  # what half precision rounds, it rounds elsewhere
    summed = 1e-6 * x.shape.num_elements() / channels  # a weight's gradient sums a channel's rows, each term of order 1
    for a, b in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=close, atol=close + (summed if a.shape == (channels,) else 0))
    assert all((a == b).all() for a, b in zip(ours[1], theirs[1], strict=True))


def test_batch_normalisations_without_a_kernel_stay_kerass() -> None:
    others: list[Any] = [
        keras.layers.BatchNormalization(axis=1), keras.layers.BatchNormalization(dtype="float64"),
        keras.layers.BatchNormalization(renorm=True),
    ]  # fmt: skip
    model: Any = keras.Sequential([keras.Input((4, 3)), *others])
    features: Any = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    with lowered(model), lowered(features):
        assert not any("call" in vars(layer) for layer in (*others, *features.layers))


class Own(keras.layers.SeparableConv2D):
    """A subclass, which may compute something else."""


def test_layers_inside_others_are_lowered_and_others_are_left_alone() -> None:
    inner = keras.layers.SeparableConv1D(2, 3)
    first = keras.layers.SeparableConv2D(2, 1, data_format="channels_first")
    model: Any = keras.Sequential(
        [keras.Input((9, 9, 3)), Own(2, 3), first, keras.layers.Reshape((2, 7, 2)), keras.layers.TimeDistributed(inner)]
    )
    found: list[bool] = []
    with lowered(model):
        found += ["call" in vars(layer) for layer in (model.layers[0], first, inner)]
    assert found == [False, False, True]


def test_an_error_inside_leaves_the_model_as_it_was() -> None:
    layer = keras.layers.SeparableConv2D(2, 3)
    model: Any = keras.Sequential([keras.Input((6, 6, 2)), layer])
    with pytest.raises(RuntimeError), lowered(model):
        raise RuntimeError
    assert "call" not in vars(layer)


@pytest.mark.parametrize("precision", ["mixed_float16", "float64"])
def test_other_precisions(precision: str) -> None:
    model: Any = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.SeparableConv2D(3, 3, dtype=precision)])
    x = tf.random.normal((2, 6, 6, 2))
    theirs = model(x)
    with lowered(model):
        ours = model(x)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-2 if precision == "mixed_float16" else 1e-9, atol=1e-2)
