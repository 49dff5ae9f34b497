"""Layers computed in a faster way while steps are traced; the model and what is saved of it stay plain Keras.

    with lowered(model):
        output = model(x, training=True)

A lowering is a function from a layer and its input to the layer's output, equal to the layer's own `call` to rounding,
and a row of `_LOWERINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

Lowering = Callable[[Any, Any], Any]


@contextmanager
def lowered(model: Any) -> Iterator[None]:
    """Compute the layers of `model`, those within layers too, in the faster way where there is one."""
    changed: list[Any] = []
    try:
        for layer in model._flatten_layers(include_self=False):
            lowering = _LOWERINGS.get(type(layer))
            if lowering is not None and "call" not in vars(layer) and suits(layer):
                object.__setattr__(layer, "call", partial(lowering, layer))
                changed.append(layer)
        yield
    finally:
        for layer in changed:
            object.__delattr__(layer, "call")


def suits(layer: Any) -> bool:
    """Whether a layer of a lowered type can be lowered: a product over channels needs them last."""
    return layer.data_format == "channels_last"


def _separable(layer: Any, inputs: Any) -> Any:
    """A depthwise convolution and a product of matrices, in the place of a convolution with a kernel of one pixel.

    A pixel's output is a linear map of its channels, the same for all pixels: of (rows * pixels, channels) that is one
    product. Chollet 2016, arXiv 1610.02357, has the layer; TensorFlow's `separable_conv2d` makes two convolutions.
    """
    outputs: Any = keras.ops.depthwise_conv(
        inputs, layer.depthwise_kernel, layer.strides, layer.padding, layer.data_format, layer.dilation_rate
    )
    kernel = tf.reshape(tf.convert_to_tensor(layer.pointwise_kernel), (-1, layer.filters))
    pixels = tf.reshape(outputs, (-1, outputs.shape[-1]))
    outputs = tf.reshape(pixels @ kernel, tf.concat([tf.shape(outputs)[:-1], [layer.filters]], 0))
    outputs.set_shape((*inputs.shape[:1], *layer.compute_output_shape(inputs.shape)[1:]))
    if layer.use_bias:
        outputs = keras.ops.add(outputs, keras.ops.reshape(layer.bias, (1,) * (layer.rank + 1) + (layer.filters,)))
    return layer.activation(outputs) if layer.activation is not None else outputs


_LOWERINGS: dict[type, Lowering] = {
    keras.layers.SeparableConv1D: _separable,
    keras.layers.SeparableConv2D: _separable,
}
"""By the layer's very class: a subclass may compute something else."""
