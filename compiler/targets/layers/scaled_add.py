"""A sum whose second term is scaled."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lamina")
class ScaledAdd(keras.layers.Layer):
    """x + scale * y, for the pair [x, y]. Szegedy et al. 2016, arXiv 1602.07261.

    Args:
        scale: what y is multiplied by.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """Two tensors of one shape in, the same shape out."""
        return inputs[0] + inputs[1] * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


CustomScaleLayer = ScaledAdd
"""What `keras.applications.inception_resnet_v2` calls it."""
