"""Depthwise and separable convolutions: one kernel a channel, then (separable) a 1x1 convolution over the channels.

FLOPs as in `conv.py`. Unlike a plain convolution these take strides and dilation together.
"""

import math
from collections.abc import Iterable
from typing import ClassVar

from compiler.ir import Shape, Weight
from compiler.ops.base import elements
from compiler.ops.conv import Filters, Sliding
from compiler.ops.fields import Size1, Size2
from compiler.ops.objects import Initializer, MaybeConstraint, MaybeRegularizer
from compiler.settings import PositiveInt


class _Depthwise(Sliding, abstract=True):
    """Abstract: `depth_multiplier` kernels a channel, each seeing that channel only."""

    depth_multiplier: PositiveInt = 1
    depthwise_initializer: Initializer = "glorot_uniform"
    depthwise_regularizer: MaybeRegularizer = None
    depthwise_constraint: MaybeConstraint = None

    def channels_out(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def kernels(self, channels: int) -> Iterable[Weight]:
        yield Weight("kernel", (*self.kernel, channels, self.depth_multiplier))

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * math.prod(self.kernel) * elements(y) + self.after(y)


class DepthwiseConv1D(_Depthwise):
    """Depthwise convolution over one axis."""

    rank: ClassVar[int] = 1

    kernel_size: Size1
    strides: Size1 = 1
    dilation_rate: Size1 = 1


class DepthwiseConv2D(_Depthwise):
    """Depthwise convolution over two axes. Howard et al. 2017, arXiv 1704.04861."""

    rank: ClassVar[int] = 2

    kernel_size: Size2
    strides: Size2 = 1
    dilation_rate: Size2 = 1


class _Separable(Sliding, Filters, abstract=True):
    """Abstract: a depthwise convolution, then `filters` mixtures of its channels at each place."""

    depth_multiplier: PositiveInt = 1
    depthwise_initializer: Initializer = "glorot_uniform"
    pointwise_initializer: Initializer = "glorot_uniform"
    depthwise_regularizer: MaybeRegularizer = None
    pointwise_regularizer: MaybeRegularizer = None
    depthwise_constraint: MaybeConstraint = None
    pointwise_constraint: MaybeConstraint = None

    def channels_out(self, channels: int) -> int:
        return self.filters

    def kernels(self, channels: int) -> Iterable[Weight]:
        yield Weight("depthwise_kernel", (*self.kernel, channels, self.depth_multiplier))
        yield Weight("pointwise_kernel", (*(1,) * self.rank, channels * self.depth_multiplier, self.filters))

    def flops(self, x: Shape, y: Shape) -> int:
        depthwise = self.channels(x) * self.depth_multiplier * (elements(y) // self.filters)
        return 2 * depthwise * (math.prod(self.kernel) + self.filters) + self.after(y)


class SeparableConv1D(_Separable):
    """Separable convolution over one axis."""

    aliases = ("SeparableConvolution1D",)
    rank: ClassVar[int] = 1

    kernel_size: Size1
    strides: Size1 = 1
    dilation_rate: Size1 = 1


class SeparableConv2D(_Separable):
    """Separable convolution over two axes. Chollet 2017, arXiv 1610.02357."""

    aliases = ("SeparableConvolution2D",)
    rank: ClassVar[int] = 2

    kernel_size: Size2
    strides: Size2 = 1
    dilation_rate: Size2 = 1
