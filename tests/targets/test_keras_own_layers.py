"""Our own Keras layers against Keras's: batch renormalisation and stochastic depth."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from compiler.ops import OPS
from compiler.targets import layers
from compiler.targets.keras import build
from compiler.targets.layers import BatchRenormalization, StochasticDepth
from tests.targets import checked, node

CONSTANT: dict[str, Any] = {"warmup_steps": 0, "r_max_steps": 0, "d_max_steps": 0}
"""The bounds `r_max` and `d_max` from the first step on."""


def numbers(x: Any) -> np.ndarray:
    tensor: Any = keras.ops.convert_to_tensor(x)
    return tensor.numpy()


def batches(count: int, shape: tuple[int, ...] = (16, 5, 4)) -> list[np.ndarray]:
    """Batches whose means and deviations differ by channel and from one to the next."""
    draw = np.random.default_rng(0)
    scale, shift = draw.uniform(0.3, 3, (count, 4)), draw.normal(0, 2, (count, 4))
    return [(draw.normal(size=shape) * scale[i] + shift[i]).astype("float32") for i in range(count)]


def step(layer: Any, x: np.ndarray, **call: Any) -> list[np.ndarray]:
    """A training step's output, and the gradients of a sum of squares by the input and by the trainable weights."""
    given, target = tf.constant(x), np.random.default_rng(1).normal(size=x.shape).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = layer(given, training=True, **call)
        loss = tf.reduce_sum(tf.square(y - target))
    gradients: Any = tape.gradient(loss, [given, *(weight.value for weight in layer.trainable_variables)])
    return [numbers(y), *map(numbers, gradients)]


def statistics(layer: Any) -> list[np.ndarray]:
    return [numbers(layer.moving_mean), numbers(layer.moving_variance)]


def agree(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-6, atol=1e-6 * max(1, np.abs(their).max()))


# --- batch renormalisation --------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"center": False, "scale": False, "momentum": 0.5, "epsilon": 1e-5},
        {"axis": 1, "gamma_initializer": "random_normal", "beta_initializer": "random_normal"},
        {"moving_mean_initializer": "random_normal", "moving_variance_initializer": keras.initializers.Constant(2)},
    ],
    ids=["plain", "bare", "axis", "initializers"],
)
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_without_corrections_it_is_batch_normalization(given: dict[str, Any], masked: bool) -> None:
    ours, theirs = BatchRenormalization(r_max=1, d_max=0, **given), keras.layers.BatchNormalization(**given)
    xs = batches(6)
    ours.build(xs[0].shape)
    theirs.build(xs[0].shape)
    theirs.set_weights(ours.get_weights()[:-1])
    for i, x in enumerate(xs):
        call = {"mask": np.random.default_rng(i).random(x.shape[:2]) < 0.7} if masked else {}
        agree(step(ours, x, **call), step(theirs, x, **call))
        agree(statistics(ours), statistics(theirs))
        agree([numbers(ours(x, training=False))], [numbers(theirs(x, training=False))])
    assert int(ours.steps) == len(xs)


@pytest.mark.parametrize("bounds", [(1.5, 0.5), (3.0, 5.0), (1e6, 1e6)])
@pytest.mark.parametrize("scale", [True, False])
def test_its_corrections_are_those_of_keras(bounds: tuple[float, float], scale: bool) -> None:
    """Keras's `renorm`, given the deviation at each step: it averages deviations where ours averages variances."""
    r_max, d_max = bounds
    clipping = {"rmin": 1 / r_max, "rmax": r_max, "dmax": d_max}
    given: dict[str, Any] = {"momentum": 0.8, "scale": scale, "beta_initializer": "random_normal"}
    ours = BatchRenormalization(r_max=r_max, d_max=d_max, **CONSTANT, **given)
    theirs: Any = keras.layers.BatchNormalization(renorm=True, renorm_clipping=clipping, renorm_momentum=0.8, **given)
    xs = batches(6)
    ours.build(xs[0].shape)
    theirs.build(xs[0].shape)
    theirs.beta.assign(ours.beta)
    for x in xs:
        theirs.renorm_stddev.assign(np.sqrt(numbers(ours.moving_variance) + ours.epsilon))
        theirs.renorm_mean.assign(ours.moving_mean)
        agree(step(ours, x), step(theirs, x))


def test_with_wide_bounds_training_gives_what_inference_does() -> None:
    """r and d cancel the batch's statistics out: the purpose of it all."""
    layer = BatchRenormalization(r_max=1e6, d_max=1e6, **CONSTANT)
    first, x = batches(2)
    layer(first, training=True)
    inferred = numbers(layer(x, training=False))
    np.testing.assert_allclose(numbers(layer(x, training=True)), inferred, rtol=1e-4, atol=1e-4)


def test_the_bounds_grow_as_in_the_paper() -> None:
    layer = BatchRenormalization()
    layer.build((None, 4))
    far, near = np.full(4, 1e6, "float32"), np.zeros(4, "float32")
    seen = {}
    for steps in (0, 4_999, 5_000, 15_000, 22_500, 25_000, 40_000, 1_000_000):
        layer.steps.assign(steps)
        r, d = layer.corrections(far, far, near, near)
        low, _ = layer.corrections(far, near, near, far)
        assert float(low[0]) == pytest.approx(1 / float(r[0]))
        seen[steps] = float(r[0]), float(d[0])
    assert seen == {
        0: (1, 0),
        4_999: (1, 0),
        5_000: (1, 0),
        15_000: (pytest.approx(1 + 2 * 10 / 35), pytest.approx(2.5)),
        22_500: (2, pytest.approx(4.375)),
        25_000: (pytest.approx(1 + 2 * 20 / 35), 5),
        40_000: (3, 5),
        1_000_000: (3, 5),
    }


def test_fit_counts_steps_and_a_frozen_layer_does_not() -> None:
    model = build(
        checked(
            node("input", "Input", shape=[4]),
            node("norm", "BatchRenormalization", "input", warmup_steps=2, r_max_steps=4, d_max_steps=4),
            node("head", "Dense", "norm", units=1),
        )
    )
    model.compile("sgd", "mse")
    x = np.concatenate(batches(4, (8, 4)))
    model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose="0")
    norm: Any = model.get_layer("norm")
    assert int(norm.steps) == 8
    norm.trainable = False
    before = statistics(norm)
    y = norm(x, training=True)
    np.testing.assert_array_equal(numbers(y), numbers(norm(x, training=False)))
    assert int(norm.steps) == 8
    np.testing.assert_array_equal(before, statistics(norm))


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_does_not_overflow(half: str) -> None:
    """Squares of these are past float16; statistics and corrections are float32's."""
    x = (1_000 * batches(1)[0]).astype("float32")
    mixed = BatchRenormalization(**CONSTANT, dtype=f"mixed_{half}")
    whole = BatchRenormalization(**CONSTANT)
    rounded = numbers(keras.ops.cast(keras.ops.cast(x, half), "float32"))
    for _ in range(3):
        y, wanted = mixed(x, training=True), whole(rounded, training=True)
        assert keras.backend.standardize_dtype(y.dtype) == half
        np.testing.assert_allclose(numbers(keras.ops.cast(y, "float32")), numbers(wanted), rtol=1e-2, atol=1e-2)
    agree(statistics(mixed), statistics(whole))
    assert all(weight.dtype in ("float32", "int64") for weight in mixed.weights)


def test_wrong_bounds_and_masks_are_refused() -> None:
    wrongs: list[dict[str, Any]] = [{"r_max": 0.5}, {"d_max": -1}, {"warmup_steps": 10, "r_max_steps": 9}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"at least 1|not before"):
            BatchRenormalization(**wrong)
    with pytest.raises(ValueError, match="one axis less"):
        BatchRenormalization()(batches(1)[0], training=True, mask=np.ones(16, bool))


# --- stochastic depth -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 3), (32, 5, 6, 3)])
def test_it_is_dropout_with_one_draw_a_sample(shape: tuple[int, ...]) -> None:
    """As `keras.applications` writes it."""
    noise = (None, *[1] * (len(shape) - 1))
    ours, theirs = StochasticDepth(0.3, seed=7), keras.layers.Dropout(0.3, noise_shape=noise, seed=7)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    for _ in range(3):
        np.testing.assert_array_equal(numbers(ours(x, training=True)), numbers(theirs(x, training=True)))
    np.testing.assert_array_equal(numbers(ours(x)), x)


def test_it_drops_whole_samples_at_the_rate() -> None:
    x = np.ones((20_000, 2, 2), "float32")
    y = numbers(StochasticDepth(0.2, seed=0)(x, training=True))
    kept = y[:, 0, 0] != 0
    np.testing.assert_array_equal(y, np.where(kept, np.float32(1 / 0.8), 0)[:, None, None] * x)
    assert abs(kept.mean() - 0.8) < 4 * np.sqrt(0.2 * 0.8 / 20_000)


# --- all --------------------------------------------------------------------------------------


def test_a_saved_model_goes_on_where_it_was(tmp_path: Path) -> None:
    steps: Any = {"warmup_steps": 1, "r_max_steps": 3, "d_max_steps": 3}
    model = build(
        checked(
            node("input", "Input", shape=[5, 4]),
            node("norm", "BatchRenormalization", "input", gamma_regularizer="L2", **steps),
            node("depth", "StochasticDepth", "norm", rate=0.5, seed=3),
            node("scale", "LayerScale", "depth", init_values=0.1),
        )
    )
    xs = batches(4)
    for x in xs[:2]:
        model(x, training=True)
    model.save(tmp_path / "model.keras")
    again: Any = keras.saving.load_model(tmp_path / "model.keras")
    seeds: Any = model.get_layer("depth").seed_generator  # Keras saves the state of none, Dropout's included
    seeds.state.assign(again.get_layer("depth").seed_generator.state)
    for x in xs[2:]:
        np.testing.assert_array_equal(numbers(again(x, training=True)), numbers(model(x, training=True)))
    np.testing.assert_array_equal(numbers(again(xs[0])), numbers(model(xs[0])))
    for layer in model.layers[1:]:
        assert again.get_layer(layer.name).get_config() == layer.get_config()


def test_the_package_registers_every_layer_of_ours() -> None:
    ours = {cls.keras for cls in OPS.values() if cls.keras.startswith("compiler.")}
    assert ours
    for path in ours:
        module, _, name = path.rpartition(".")
        cls = getattr(import_module(module), name)
        assert getattr(layers, name) is cls
        assert name in layers.__all__
        assert keras.saving.get_registered_object(f"lamina>{name}") is cls
