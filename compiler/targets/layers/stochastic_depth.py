"""Stochastic depth."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lamina")
class StochasticDepth(keras.layers.Layer):
    """In training, 0 for whole samples, and the others times 1 / (1 - rate). Huang et al. 2016, arXiv 1603.09382.

    The paper draws once for a batch and shrinks at inference; here every sample is drawn for itself and training
    scales, as in `keras.applications`, so that inference does nothing.

    Args:
        rate: the probability of a sample's 0, in [0, 1).
        seed: of the draws.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1) (got {rate})")
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """(batch, ...) in, the same shape out."""
        if not training or self.rate == 0:
            return inputs
        one_a_sample = (None, *(1 for _ in inputs.shape[1:]))
        return keras.random.dropout(inputs, self.rate, noise_shape=one_a_sample, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
