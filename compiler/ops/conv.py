"""Convolutions: plain, transposed, depthwise and separable, over one, two or three spatial axes.

FLOPs: a multiply-add is 2; a bias and an activation are 1 each for an output element, where there is one.
Arithmetic on weights alone (LoRA's product) is not counted: it does not grow with the samples.
"""

import math
from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from compiler.ir import Shape, Weight
from compiler.ops.base import Mismatch, UnaryOp, elements, known, require_rank
from compiler.ops.fields import (
    CausalPadding,
    DataFormat,
    MaybeOutputPadding1,
    MaybeOutputPadding2,
    MaybeOutputPadding3,
    Padding,
    Size,
    Size1,
    Size2,
    Size3,
    by_x,
    each,
    joined,
    split,
)
from compiler.ops.objects import Activation, Initializer, MaybeConstraint, MaybeRegularizer
from compiler.ops.windows import larger, slid
from compiler.settings import Bool, MaybePositiveInt, PositiveInt


class Filters(UnaryOp, abstract=True):
    """Abstract: says how many channels come out. A class of its own so that `filters` is the first argument."""

    filters: PositiveInt


class Sliding(UnaryOp, abstract=True):
    """Abstract: slides kernels over `rank` spatial axes.

    Input: the spatial axes and the channels, in the order that `data_format` says; output likewise.
    """

    rank: ClassVar[int]

    kernel_size: Size
    strides: Size = 1
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: Size = 1
    activation: Activation = None
    use_bias: Bool = True
    bias_initializer: Initializer = "zeros"
    bias_regularizer: MaybeRegularizer = None
    bias_constraint: MaybeConstraint = None

    @abstractmethod
    def channels_out(self, channels: int) -> int:
        """Channels of the output for `channels` of the input."""

    @abstractmethod
    def kernels(self, channels: int) -> Iterable[Weight]:
        """The weights apart from the bias."""

    @property
    def kernel(self) -> tuple[int, ...]:
        return each(self.kernel_size, self.rank)

    @property
    def extent(self) -> tuple[int, ...]:
        """The kernel's size with the gaps that dilation makes."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, each(self.dilation_rate, self.rank), strict=True))

    def infer(self, x: Shape) -> Shape:
        require_rank(x, self.rank + 1)
        spatial, _ = split(x, self.data_format)
        channels = self.channels_out(self.channels(x))
        return joined(self.slide(spatial), channels, self.data_format)

    def slide(self, spatial: Shape) -> Shape:
        """The output's spatial axes; raises E404 where the kernel does not fit in."""
        if self.padding == "valid" and larger(self.extent, spatial):
            kernel = "kernel_size" if self.extent == self.kernel else f"kernel_size {by_x(self.kernel)}, dilated"
            needs = f"needs {by_x(self.extent)} ({kernel}) of an input of {by_x(spatial)}"
            message = f"{needs}: padding 'valid' leaves nothing"
            raise Mismatch("E404", message, hint="padding: same", argument="kernel_size")
        return slid(spatial, self.extent, each(self.strides, self.rank), self.padding)

    def channels(self, x: Shape) -> int:
        """Channels of the input; raises E411 where they are unknown."""
        return known(split(x, self.data_format)[1], "the number of channels", "give the input's channels in its shape")

    def weights(self, x: Shape) -> Iterable[Weight]:
        channels = self.channels(x)
        kernels = list(self.kernels(channels))
        bias = [Weight("bias", (self.channels_out(channels),))] if self.use_bias else []
        return [*kernels, *bias]

    def after(self, y: Shape) -> int:
        """Operations of bias and activation."""
        return (self.use_bias + (self.activation is not None)) * elements(y)


def strides_with_dilation(op: Sliding) -> Iterable[Mismatch]:
    if max(each(op.strides, op.rank)) > 1 and max(each(op.dilation_rate, op.rank)) > 1:
        strides, dilation = by_x(each(op.strides, op.rank)), by_x(each(op.dilation_rate, op.rank))
        yield Mismatch(
            "E406",
            f"has strides of {strides}, which do not go with a dilation_rate of {dilation}: one of them must be 1",
            hint="dilate here and stride in the layer after",
            argument="dilation_rate",
        )


class _Conv(Sliding, Filters, abstract=True):
    """Abstract: each filter sees all channels of its group."""

    groups: PositiveInt = 1
    kernel_initializer: Initializer = "glorot_uniform"
    kernel_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None
    lora_rank: MaybePositiveInt = None
    lora_alpha: MaybePositiveInt = None

    def check(self) -> Iterable[Mismatch]:
        yield from strides_with_dilation(self)
        if self.filters % self.groups:
            message = f"has {self.filters} filters, which do not divide into {self.groups} groups"
            yield Mismatch("E407", message, argument="groups")
        if self.lora_rank is not None and self.kernel_constraint is not None:
            yield Mismatch("E107", "'lora_rank' does not go with a 'kernel_constraint'", argument="lora_rank")

    def channels_out(self, channels: int) -> int:
        if channels % self.groups:
            message = f"gets {channels} channels, which do not divide into {self.groups} groups"
            raise Mismatch("E407", message, argument="groups")
        return self.filters

    def kernels(self, channels: int) -> Iterable[Weight]:
        shape = (*self.kernel, channels // self.groups)
        yield Weight("kernel", (*shape, self.filters), trainable=self.lora_rank is None)

    def weights(self, x: Shape) -> Iterable[Weight]:
        yield from super().weights(x)
        if self.lora_rank is not None:
            yield Weight("lora_kernel_a", (*self.kernel, self.channels(x) // self.groups, self.lora_rank))
            yield Weight("lora_kernel_b", (self.lora_rank, self.filters))

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * math.prod(self.kernel) * (self.channels(x) // self.groups) * elements(y) + self.after(y)


class Conv1D(_Conv):
    """Convolution over one axis, such as time."""

    aliases = ("Convolution1D",)
    rank: ClassVar[int] = 1

    kernel_size: Size1
    strides: Size1 = 1
    padding: CausalPadding = "valid"
    dilation_rate: Size1 = 1


class Conv2D(_Conv):
    """Convolution over two axes, as of an image."""

    aliases = ("Convolution2D",)
    rank: ClassVar[int] = 2

    kernel_size: Size2
    strides: Size2 = 1
    dilation_rate: Size2 = 1


class Conv3D(_Conv):
    """Convolution over three axes, as of a volume or a film."""

    aliases = ("Convolution3D",)
    rank: ClassVar[int] = 3

    kernel_size: Size3
    strides: Size3 = 1
    dilation_rate: Size3 = 1


class _ConvTranspose(Sliding, Filters, abstract=True):
    """Abstract: a convolution's gradient as a layer, which makes the spatial axes larger.

    Dumoulin & Visin 2016, arXiv 1603.07285.

    Along each axis of size n, with a kernel that extends over e: n * strides for padding `same` and
    (n - 1) * strides + max(e, strides) for `valid`. With an `output_padding` p, (n - 1) * strides + p + (1 if e is odd
    else 0) and (n - 1) * strides + p + e.
    """

    output_padding: Size | None = None
    kernel_initializer: Initializer = "glorot_uniform"
    kernel_regularizer: MaybeRegularizer = None
    kernel_constraint: MaybeConstraint = None

    def check(self) -> Iterable[Mismatch]:
        yield from strides_with_dilation(self)
        if self.output_padding is None:
            return
        extra, strides = each(self.output_padding, self.rank), each(self.strides, self.rank)
        if any(p >= stride for p, stride in zip(extra, strides, strict=True)):
            message = (
                f"has an output_padding of {by_x(extra)}, which must be less than its strides of {by_x(strides)} "
                "along each axis"
            )
            yield Mismatch("E107", message, argument="output_padding")
        elif self.padding == "same" and any(p == 0 and e % 2 == 0 for p, e in zip(extra, self.extent, strict=True)):
            message = (
                f"has an output_padding of {by_x(extra)}, which loses the last step of an even kernel "
                f"({by_x(self.extent)}) with padding 'same': it must be at least 1 there"
            )
            yield Mismatch("E107", message, hint="leave output_padding out", argument="output_padding")

    def channels_out(self, channels: int) -> int:
        return self.filters

    def slide(self, spatial: Shape) -> Shape:
        extra: tuple[int | None, ...] = (None,) * self.rank
        if self.output_padding is not None:
            extra = each(self.output_padding, self.rank)
        axes = zip(spatial, self.extent, each(self.strides, self.rank), extra, strict=True)
        return tuple(None if n is None else self._grown(n, e, stride, p) for n, e, stride, p in axes)

    def _grown(self, n: int, extent: int, stride: int, extra: int | None) -> int:
        if self.padding == "same":
            return n * stride if extra is None else (n - 1) * stride + extent % 2 + extra
        return (n - 1) * stride + (max(extent, stride) if extra is None else extent + extra)

    def kernels(self, channels: int) -> Iterable[Weight]:
        yield Weight("kernel", (*self.kernel, self.filters, channels))

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * math.prod(self.kernel) * self.filters * elements(x) + self.after(y)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over one axis."""

    aliases = ("Convolution1DTranspose",)
    rank: ClassVar[int] = 1

    kernel_size: Size1
    strides: Size1 = 1
    output_padding: MaybeOutputPadding1 = None
    dilation_rate: Size1 = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over two axes."""

    aliases = ("Convolution2DTranspose",)
    rank: ClassVar[int] = 2

    kernel_size: Size2
    strides: Size2 = 1
    output_padding: MaybeOutputPadding2 = None
    dilation_rate: Size2 = 1


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over three axes."""

    aliases = ("Convolution3DTranspose",)
    rank: ClassVar[int] = 3

    kernel_size: Size3
    strides: Size3 = 1
    output_padding: MaybeOutputPadding3 = None
    dilation_rate: Size3 = 1
