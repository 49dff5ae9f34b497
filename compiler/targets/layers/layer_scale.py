"""A learned scale for each channel."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lamina")
class LayerScale(keras.layers.Layer):
    """x * gamma, one learned number for each entry of the last axis. Touvron et al. 2021, arXiv 2103.17239.

    Args:
        init_values: what every gamma is at first.
    """

    def __init__(self, init_values: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma; the last axis of `input_shape` must be known."""
        initializer = keras.initializers.Constant(self.init_values)
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer=initializer)

    def call(self, inputs: Any) -> Any:
        """(..., channels) in, the same shape out."""
        return inputs * self.gamma

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's; without this Keras would trace `call` to find it out."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "init_values": self.init_values}
