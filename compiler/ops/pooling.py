"""Pooling: windows that slide, whole axes at once, and windows fitted to a wanted output size.

FLOPs: one an element that a window covers.
"""

import math
from typing import ClassVar

from compiler.ir import Shape
from compiler.ops.base import Mismatch, UnaryOp, elements, require_rank
from compiler.ops.fields import (
    DataFormat,
    MaybeSize1,
    MaybeSize2,
    MaybeSize3,
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
from compiler.ops.windows import larger, slid
from compiler.settings import Bool


class _Pooling(UnaryOp, abstract=True):
    """Abstract: one value a channel for each window of `pool_size`, `strides` apart (`pool_size` where null).

    Input: `rank` spatial axes and the channels, in the order that `data_format` says; output likewise.
    """

    rank: ClassVar[int]

    pool_size: Size
    strides: Size | None = None
    padding: Padding = "valid"
    data_format: DataFormat = None

    @property
    def window(self) -> tuple[int, ...]:
        return each(self.pool_size, self.rank)

    def infer(self, x: Shape) -> Shape:
        require_rank(x, self.rank + 1)
        spatial, channels = split(x, self.data_format)
        if self.padding == "valid" and larger(self.window, spatial):
            needs = f"pools {by_x(self.window)} (pool_size) of an input of {by_x(spatial)}"
            message = f"{needs}: padding 'valid' leaves nothing"
            hint = "padding: same, or fewer strides and poolings before it"
            raise Mismatch("E405", message, hint=hint, argument="pool_size")
        strides = self.window if self.strides is None else each(self.strides, self.rank)
        return joined(slid(spatial, self.window, strides, self.padding), channels, self.data_format)

    def flops(self, x: Shape, y: Shape) -> int:
        return math.prod(self.window) * elements(y)


class _Pooling1D(_Pooling, abstract=True):
    rank: ClassVar[int] = 1

    pool_size: Size1
    strides: MaybeSize1 = None


class _Pooling2D(_Pooling, abstract=True):
    rank: ClassVar[int] = 2

    pool_size: Size2
    strides: MaybeSize2 = None


class _Pooling3D(_Pooling, abstract=True):
    rank: ClassVar[int] = 3

    pool_size: Size3
    strides: MaybeSize3 = None


class MaxPooling1D(_Pooling1D):
    """The largest value in each window over one axis."""

    aliases = ("MaxPool1D",)

    pool_size: Size1 = 2


class MaxPooling2D(_Pooling2D):
    """The largest value in each window over two axes."""

    aliases = ("MaxPool2D",)

    pool_size: Size2 = 2


class MaxPooling3D(_Pooling3D):
    """The largest value in each window over three axes."""

    aliases = ("MaxPool3D",)

    pool_size: Size3 = 2


class AveragePooling1D(_Pooling1D):
    """The mean of each window over one axis, padding left out."""

    aliases = ("AvgPool1D",)


class AveragePooling2D(_Pooling2D):
    """The mean of each window over two axes, padding left out."""

    aliases = ("AvgPool2D",)


class AveragePooling3D(_Pooling3D):
    """The mean of each window over three axes, padding left out."""

    aliases = ("AvgPool3D",)


class _GlobalPooling(UnaryOp, abstract=True):
    """Abstract: one value a channel; with `keepdims` the spatial axes stay, of size 1."""

    rank: ClassVar[int]

    data_format: DataFormat = None
    keepdims: Bool = False

    def infer(self, x: Shape) -> Shape:
        require_rank(x, self.rank + 1)
        _, channels = split(x, self.data_format)
        return joined((1,) * self.rank if self.keepdims else (), channels, self.data_format)

    def flops(self, x: Shape, y: Shape) -> int:
        return elements(x)


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of each channel over one axis."""

    aliases = ("GlobalMaxPool1D",)
    rank: ClassVar[int] = 1


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel over two axes."""

    aliases = ("GlobalMaxPool2D",)
    rank: ClassVar[int] = 2


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest value of each channel over three axes."""

    aliases = ("GlobalMaxPool3D",)
    rank: ClassVar[int] = 3


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over one axis, masked steps left out. Lin et al. 2013, arXiv 1312.4400."""

    aliases = ("GlobalAvgPool1D",)
    rank: ClassVar[int] = 1


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over two axes. Lin et al. 2013, arXiv 1312.4400."""

    aliases = ("GlobalAvgPool2D",)
    rank: ClassVar[int] = 2


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel over three axes."""

    aliases = ("GlobalAvgPool3D",)
    rank: ClassVar[int] = 3


class _AdaptivePooling(UnaryOp, abstract=True):
    """Abstract: windows as wide as it takes to give `output_size` values along each spatial axis."""

    rank: ClassVar[int]

    output_size: Size
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        require_rank(x, self.rank + 1)
        spatial, channels = split(x, self.data_format)
        wanted = each(self.output_size, self.rank)
        # On TensorFlow Keras pools with windows of ceil(n / size) and of one more, both without padding.
        widest = tuple(None if n is None else -(-n // size) + 1 for n, size in zip(spatial, wanted, strict=True))
        if any(n is not None and window is not None and window > n for n, window in zip(spatial, widest, strict=True)):
            message = (
                f"pools windows of {by_x(widest)} to give {by_x(wanted)} (output_size) of an input of {by_x(spatial)}"
            )
            hint = f"Global...Pooling{self.rank}D with keepdims: true gives 1 along each axis"
            raise Mismatch("E404", message, hint=hint if 1 in wanted else None, argument="output_size")
        return joined(wanted, channels, self.data_format)

    def flops(self, x: Shape, y: Shape) -> int:
        spatial, _ = split(x, self.data_format)
        sizes = each(self.output_size, self.rank)
        window = math.prod(-(-n // size) for n, size in zip(spatial, sizes, strict=True) if n is not None)
        return window * elements(y)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest value in each of `output_size` windows over one axis."""

    rank: ClassVar[int] = 1

    output_size: Size1


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest value in each of `output_size` windows over two axes."""

    rank: ClassVar[int] = 2

    output_size: Size2


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest value in each of `output_size` windows over three axes."""

    rank: ClassVar[int] = 3

    output_size: Size3


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The mean of each of `output_size` windows over one axis."""

    rank: ClassVar[int] = 1

    output_size: Size1


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The mean of each of `output_size` windows over two axes."""

    rank: ClassVar[int] = 2

    output_size: Size2


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The mean of each of `output_size` windows over three axes."""

    rank: ClassVar[int] = 3

    output_size: Size3
