"""`Equalization`: Keras's own, which a functional model can hold."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lamina")
class Equalization(keras.layers.Equalization):
    """Keras's Equalization; its symbolic output is a tensor of its own.

    Keras 3.15.1 gives back the symbolic input itself, so that a functional model sees a cycle.
    """

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """(height, width, channels) in, the same shape out."""
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
