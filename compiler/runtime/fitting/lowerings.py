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

Lowering = Callable[..., Any]


@contextmanager
def lowered(model: Any) -> Iterator[None]:
    """Compute the layers of `model`, those within layers too, in the faster way where there is one."""
    changed: list[Any] = []
    try:
        for layer in model._flatten_layers(include_self=False):
            suits, lowering = _LOWERINGS.get(type(layer), (_never, None))
            if lowering is not None and "call" not in vars(layer) and suits(layer):
                object.__setattr__(layer, "call", partial(lowering, layer))
                changed.append(layer)
        yield
    finally:
        for layer in changed:
            object.__delattr__(layer, "call")


def _never(layer: Any) -> bool:
    return False


def _has_channels_last(layer: Any) -> bool:
    """A product over channels needs them last."""
    return layer.data_format == "channels_last"


def _has_a_kernel(layer: Any) -> bool:
    """TensorFlow's kernel normalises the last axis, by the batch's own statistics, in float32 and what is below it.

    Of (batch, features) it is slower than Keras's formula: an epoch of a small MLP took 0.56 s with it, 0.40 s without.
    """
    last = layer.built and layer.input_spec.ndim > 2 and layer.axis in (-1, layer.input_spec.ndim - 1)
    return last and layer.variable_dtype == "float32" and not layer.synchronized and not layer.renorm


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


def _batch_normalized(layer: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
    """One kernel forward and one backward, in the place of the dozen that Keras's formula takes.

    The kernel gives the variance of a sample (n - 1 below), and moving averages want that of the batch (n).
    Source: `tensorflow/core/kernels/fused_batch_norm_op.cc`, Keras 3.15.1's `batch_normalization.py`.
    """
    if training is not True or not layer.trainable or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    given = tf.cast(inputs, "float32")
    channels = given.shape[-1]
    one, zero = tf.ones(channels), tf.zeros(channels)
    gamma = tf.convert_to_tensor(layer.gamma) if layer.scale else one
    beta = tf.convert_to_tensor(layer.beta) if layer.center else zero
    rows: Any = tf.reshape(given, (-1, 1, 1, channels))
    # an epsilon below 1.001e-5 is raised by TensorFlow's function, and not by its kernel
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=rows, scale=gamma, offset=beta, mean=zero, variance=one, epsilon=layer.epsilon, is_training=True
    )
    count = tf.cast(tf.shape(rows)[0], "float32")
    variance *= tf.maximum(count - 1, 1) / count
    for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average * layer.momentum + value * (1.0 - layer.momentum))
    return tf.cast(tf.ensure_shape(tf.reshape(outputs, tf.shape(given)), given.shape), layer.compute_dtype)


_LOWERINGS: dict[type, tuple[Callable[[Any], bool], Lowering]] = {
    keras.layers.SeparableConv1D: (_has_channels_last, _separable),
    keras.layers.SeparableConv2D: (_has_channels_last, _separable),
    keras.layers.BatchNormalization: (_has_a_kernel, _batch_normalized),
}
"""By the layer's very class: a subclass may compute something else."""
