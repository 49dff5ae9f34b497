"""Convolutional LSTMs: a state that is an image, and gates that are convolutions. Shi et al. 2015, arXiv 1506.04214.

FLOPs: those of the two convolutions and of the bias in each step.
"""

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.base import Mismatch, Signature, elements, known, require_rank
from compiler.ops.cells import require_drawable
from compiler.ops.conv import Filters, Sliding, strides_with_dilation
from compiler.ops.fields import Size1, Size2, Size3, split
from compiler.ops.objects import Activation, Initializer, MaybeConstraint, MaybeRegularizer
from compiler.ops.recurrent import OverTime
from compiler.settings import Bool, MaybeInt, Rate


class _ConvLSTM(OverTime, Sliding, Filters, abstract=True):
    """Abstract: (time, spatial axes, channels) in, with the channels where `data_format` says; likewise out.

    Gates i, f, c, o in this order. The spatial axes must be known. The state's convolution has padding `same`.
    """

    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    unit_forget_bias: Bool = True
    kernel_regularizer: MaybeRegularizer = None
    recurrent_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    recurrent_constraint: MaybeConstraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    seed: MaybeInt = None

    def check(self) -> Iterable[Mismatch]:
        return strides_with_dilation(self)

    def channels_out(self, channels: int) -> int:
        return self.filters

    def infer(self, x: Shape) -> Shape:
        require_rank(x, self.rank + 2)
        spatial, _ = split(x[1:], self.data_format)
        for size in spatial:
            known(size, "its spatial axes", "give them in the input's shape")
        y = super().infer(x[1:])
        return (x[0], *y) if self.return_sequences else y

    def kernels(self, channels: int) -> Iterable[Weight]:
        yield Weight("kernel", (*self.kernel, channels, 4 * self.filters))
        yield Weight("recurrent_kernel", (*self.kernel, self.filters, 4 * self.filters))

    def weights(self, x: Shape) -> Iterable[Weight]:
        channels = self.channels(x[1:])
        bias = [Weight("bias", (4 * self.filters,))] if self.use_bias else []
        return [*self.kernels(channels), *bias]

    def frozen(self, weights: Iterable[Weight]) -> tuple[Weight, ...]:
        """Keras leaves its cell trainable when `trainable: false` stands on the layer."""
        return tuple(weights)

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        if not self.trainable:
            yield Mismatch("W607", "does not freeze its weights: Keras trains them all the same", argument="trainable")

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        require_drawable(self, precision)
        return super().signature(inputs, precision)

    def flops(self, x: Shape, y: Shape) -> int:
        channels = self.channels(x[1:])
        places = elements(y[1:] if self.return_sequences else y) // self.filters
        products = 2 * math.prod(self.kernel) * (channels + self.filters) + self.use_bias
        return known(x[0], "the number of steps") * places * 4 * self.filters * products


class ConvLSTM1D(_ConvLSTM):
    """A convolutional LSTM over one spatial axis. Shi et al. 2015, arXiv 1506.04214."""

    rank: ClassVar[int] = 1

    kernel_size: Size1
    strides: Size1 = 1
    dilation_rate: Size1 = 1


class ConvLSTM2D(_ConvLSTM):
    """A convolutional LSTM over two spatial axes, as of a film. Shi et al. 2015, arXiv 1506.04214."""

    rank: ClassVar[int] = 2

    kernel_size: Size2
    strides: Size2 = 1
    dilation_rate: Size2 = 1


class ConvLSTM3D(_ConvLSTM):
    """A convolutional LSTM over three spatial axes. Shi et al. 2015, arXiv 1506.04214."""

    rank: ClassVar[int] = 3

    kernel_size: Size3
    strides: Size3 = 1
    dilation_rate: Size3 = 1
