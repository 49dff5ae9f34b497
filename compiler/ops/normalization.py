"""Normalisations. Axes count the batch as 0.

FLOPs for one element at inference: batch normalisation 2, as its statistics fold into one multiply-add; layer and
group normalisation 5 (mean, centring, square, its sum, division) and one each for `scale` and `center`; RMS
normalisation 4; unit normalisation 3; Normalization 2. Spectral normalisation works on weights, in training only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from compiler.ir import Shape, TensorType, Weight
from compiler.ops.axes import Axes, MaybeAxes, axis_index, axis_indices
from compiler.ops.base import Mismatch, Signature, UnaryOp, dims, elements, known
from compiler.ops.core import FloatOp, require_float
from compiler.ops.objects import Initializer, MaybeConstraint, MaybeRegularizer
from compiler.ops.statistics import Clips, MaybeNumbers, flat, numbers_shape
from compiler.ops.wrappers import Wrapper
from compiler.settings import Bool, Int, PositiveInt, PositiveNumber, Rate, is_int, rule


class Affine(UnaryOp, abstract=True):
    """Abstract: after normalising, a multiplication by gamma where `scale`, and an addition of beta where `center`."""

    center: Bool = True
    scale: Bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    beta_regularizer: MaybeRegularizer = None
    gamma_regularizer: MaybeRegularizer = None
    beta_constraint: MaybeConstraint = None
    gamma_constraint: MaybeConstraint = None

    def infer(self, x: Shape) -> Shape:
        return x

    def affine(self, shape: tuple[int, ...]) -> Iterable[Weight]:
        if self.scale:
            yield Weight("gamma", shape)
        if self.center:
            yield Weight("beta", shape)

    def flops(self, x: Shape, y: Shape) -> int:
        return (5 + self.scale + self.center) * elements(x)


def axis_sizes(axes: int | tuple[int, ...], x: Shape) -> tuple[int, ...]:
    """The sizes of `axes`, which weights have, in the order in which Keras has them."""
    indices = axis_indices(axes, x)
    return tuple(known(x[i], f"the size of axis {i + 1}") for i in indices)


def beside_channels(axis: int, x: Shape) -> Iterable[Mismatch]:
    """W409 where `axis` of an image or a sequence is not its last one."""
    if len(x) >= 2 and axis_index(axis, x) != len(x) - 1:
        message = f"'axis' is {axis}, but the channels of an input of shape {dims(x)} are its last axis"
        hint = "leave 'axis' out or write -1; it is 1 only where the layers around have data_format: channels_first"
        yield Mismatch("W409", message, hint=hint, argument="axis")


class BatchNormalization(Affine):
    """Each channel to mean 0 and variance 1 over the batch; at inference by moving averages.

    Ioffe & Szegedy 2015, arXiv 1502.03167; with `renorm` Ioffe 2017, arXiv 1702.03275.
    """

    axis: Int = -1
    momentum: Rate = 0.99
    epsilon: PositiveNumber = 1e-3
    moving_mean_initializer: Initializer = "zeros"
    moving_variance_initializer: Initializer = "ones"
    renorm: Bool = False
    renorm_clipping: Clips = None
    renorm_momentum: Rate = 0.99
    synchronized: Bool = False

    def weights(self, x: Shape) -> Iterable[Weight]:
        shape = axis_sizes(self.axis, x)
        yield from self.affine(shape)
        renorm = ("moving_stddev", "renorm_mean", "renorm_stddev") if self.renorm else ()
        for name in ("moving_mean", "moving_variance", *renorm):
            yield Weight(name, shape, trainable=False)

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x)

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        return beside_channels(self.axis, x)


class LayerNormalization(Affine):
    """Each sample to mean 0 and variance 1 over `axis`. Ba et al. 2016, arXiv 1607.06450."""

    axis: Axes = -1
    epsilon: PositiveNumber = 1e-3

    def infer(self, x: Shape) -> Shape:
        axis_indices(self.axis, x)
        return x

    def weights(self, x: Shape) -> Iterable[Weight]:
        return self.affine(axis_sizes(self.axis, x)) if self.scale or self.center else ()


_GROUPS = rule(
    "a positive integer, or -1 for as many as there are channels",
    is_int,
    lambda value: value > 0 or value == -1,
    {"anyOf": [{"type": "integer", "minimum": 1}, {"const": -1}]},
)


class GroupNormalization(Affine):
    """Each group of channels of each sample to mean 0 and variance 1. Wu & He 2018, arXiv 1803.08494.

    With `groups: -1` it is instance normalisation: Ulyanov et al. 2016, arXiv 1607.08022.
    """

    groups: Annotated[int, _GROUPS] = 32
    axis: Int = -1
    epsilon: PositiveNumber = 1e-3

    def infer(self, x: Shape) -> Shape:
        (channels,) = axis_sizes(self.axis, x)
        if self.groups != -1 and (channels < self.groups or channels % self.groups):
            fits = [groups for groups in range(min(channels, self.groups), 0, -1) if channels % groups == 0]
            raise Mismatch(
                "E407",
                f"'groups' must divide the {channels} channels of its input (got {self.groups})",
                hint=f"the largest number below that does is {fits[0]}" if fits else None,
                argument="groups",
            )
        return x

    def weights(self, x: Shape) -> Iterable[Weight]:
        return self.affine(axis_sizes(self.axis, x))

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        return beside_channels(self.axis, x)


class RMSNormalization(FloatOp):
    """Division by the root mean square over `axis`, times a learned scale. Zhang & Sennrich 2019, arXiv 1910.07467."""

    axis: Axes = -1
    epsilon: PositiveNumber = 1e-6

    def infer(self, x: Shape) -> Shape:
        return x

    def weights(self, x: Shape) -> Iterable[Weight]:
        yield Weight("scale", axis_sizes(self.axis, x))

    def flops(self, x: Shape, y: Shape) -> int:
        return 4 * elements(x)


class UnitNormalization(FloatOp):
    """Division by the Euclidean norm over `axis`."""

    axis: Axes = -1

    def infer(self, x: Shape) -> Shape:
        axis_indices(self.axis, x)
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 3 * elements(x)


class Normalization(UnaryOp):
    """(x - mean) / standard deviation, by `mean` and `variance` or by those that `adapt` takes from data.

    Both vary along `axis`, or are single numbers where it is null. With `invert` the way back.
    """

    axis: MaybeAxes = -1
    mean: MaybeNumbers = None
    variance: MaybeNumbers = None
    invert: Bool = False

    def check(self) -> Iterable[Mismatch]:
        if (self.mean is None) != (self.variance is None):
            given, missing = ("mean", "variance") if self.variance is None else ("variance", "mean")
            yield Mismatch("E105", f"needs the argument {missing!r} beside {given!r}", argument=given)
        elif numbers_shape(self.mean) != numbers_shape(self.variance):
            shapes = f"{numbers_shape(self.mean)} and {numbers_shape(self.variance)}"
            yield Mismatch("E410", f"'mean' and 'variance' must have one shape (got {shapes})", argument="variance")
        negative = [number for number in flat(self.variance) if number < 0] if self.variance is not None else []
        if negative:
            yield Mismatch("E107", f"'variance' must be >= 0 (got {negative[0]!r})", argument="variance")

    def infer(self, x: Shape) -> Shape:
        kept = sorted(() if self.axis is None else axis_indices(self.axis, x))
        sizes = [known(x[i], f"the size of axis {i + 1}") for i in kept]
        shape = numbers_shape(self.mean) or ()
        fits = len(shape) <= len(sizes) and all(
            given in (1, size) for given, size in zip(reversed(shape), reversed(sizes), strict=False)
        )
        if not fits:
            wanted = dims(tuple(sizes)) if sizes else "a single number"
            message = f"'mean' must fit the kept axes of its input, {wanted} (got {dims(shape)})"
            raise Mismatch("E410", message, argument="mean")
        return x

    def weights(self, x: Shape) -> Iterable[Weight]:
        if self.mean is None:
            kept = sorted(() if self.axis is None else axis_indices(self.axis, x))
            shape = tuple(known(x[i], f"the size of axis {i + 1}") for i in kept)
            yield Weight("mean", shape, trainable=False)
            yield Weight("variance", shape, trainable=False)
            yield Weight("count", (), trainable=False)

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(x)


class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value at each training step.

    Miyato et al. 2018, arXiv 1802.05957.
    """

    power_iterations: PositiveInt = 1

    def check(self) -> Iterable[Mismatch]:
        yield from super().check()
        fields = type(self.layer).model_fields
        if self.layer.arity != "one" or "layer" in fields or "recurrent_initializer" in fields:
            yield self._refused()
        elif getattr(self.layer, "lora_rank", None) is not None:
            yield Mismatch("E107", "'layer' cannot have a 'lora_rank' here, which fixes its kernel", argument="layer")

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        require_float(x)
        try:
            inner = self.layer.signature(inputs, precision)
        except Mismatch as fault:
            message = f"wraps {type(self.layer).__name__!r}, which {fault.message}"
            raise Mismatch(fault.code, message, hint=fault.hint, argument="layer") from None
        kernels = [weight for weight in inner.weights if weight.name in ("kernel", "embeddings")]
        if inner.output is None or not kernels:
            raise self._refused()
        kernel = kernels[0]
        rest = [weight for weight in inner.weights if weight is not kernel]
        vector = Weight("vector_u", (1, kernel.shape[-1]), trainable=False)
        output = TensorType(inner.output.shape, self.output_dtype([x.dtype], precision))
        return replace(inner, output=output, weights=(kernel, vector, *rest))

    def _refused(self) -> Mismatch:
        message = f"'layer' must be a layer with one kernel, such as Dense or Conv2D (got {type(self.layer).__name__})"
        return Mismatch("E107", message, argument="layer")
