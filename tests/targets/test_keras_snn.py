"""Self-normalising networks of 32 layers keep mean 0 and variance 1 from layer to layer, and others do not.

The bounds are those of Theorem 1 in Klambauer et al. 2017, arXiv 1706.02515: a layer whose inputs have a mean within
[-0.1, 0.1] and a variance within [0.8, 1.5] gives outputs of such a mean and variance.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from compiler.targets.keras import build
from tests.language.models import compiled

# Widths alternate: between layers of one width Glorot's variance is LeCun's.
DEEP = """
input: [64]
vars: {activation: %s, initializer: %s, rate: %s}
layers:
  - op: sequence
    name: hidden
    repeat: 32
    layers:
      - {op: Dense, units: $512 if i %% 2 == 0 else 128, activation: $activation, kernel_initializer: $initializer}
      - {op: AlphaDropout, rate: $rate, when: $rate > 0}
"""


def normal() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1_000, 64)).astype("float32")


def digits() -> np.ndarray:
    images: Any = load_digits()
    return StandardScaler().fit_transform(images.data)[:1_000].astype("float32")


def moments(activation: str, initializer: str, rate: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance behind each of the 32 layers at initialization, in training where there is dropout."""
    keras.utils.set_random_seed(0)
    model = build(compiled(DEEP % (activation, initializer, rate))[0])
    means: list[float] = []
    variances: list[float] = []
    for layer in model.layers[1:]:
        dropout = isinstance(layer, keras.layers.AlphaDropout)
        x = layer(x, training=True) if dropout else layer(x)
        if dropout or not rate:
            values: Any = keras.ops.convert_to_numpy(x)
            means.append(values.mean())
            variances.append(values.var())
    assert len(means) == 32
    return np.array(means), np.array(variances)


def within(means: np.ndarray, variances: np.ndarray) -> bool:
    return bool((np.abs(means) <= 0.1).all() and (variances >= 0.8).all() and (variances <= 1.5).all())


@pytest.mark.parametrize("data", [normal, digits])
@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_a_self_normalizing_network_stays_within_the_bounds(data: Any, rate: float) -> None:
    means, variances = moments("selu", "lecun_normal", rate, data())
    assert within(means, variances), (means, variances)


@pytest.mark.parametrize("data", [normal, digits])
@pytest.mark.parametrize(
    ("activation", "initializer"), [("selu", "glorot_uniform"), ("relu", "lecun_normal"), ("relu", "he_normal")]
)
def test_one_with_a_part_missing_leaves_them(data: Any, activation: str, initializer: str) -> None:
    assert not within(*moments(activation, initializer, 0.0, data()))
