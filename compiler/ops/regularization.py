"""Layers that act in training only: dropout, noise, penalties. No FLOPs, which are counted at inference."""

from typing import Annotated, ClassVar

from compiler.ir import Shape
from compiler.ops.base import Mismatch, UnaryOp, dims, require_rank
from compiler.ops.core import FloatOp
from compiler.ops.fields import DataFormat
from compiler.settings import Fraction, MaybeInt, NonNegativeNumber, Rate, is_int, is_list_of, rule

_POSITIVE = {"type": "integer", "minimum": 1}

NoiseShape = Annotated[
    tuple[int | None, ...] | None,
    rule(
        "a list of positive integers or nulls",
        is_list_of(lambda value: value is None or is_int(value)),
        lambda value: all(dim is None or dim > 0 for dim in value),
        {"type": "array", "items": {"anyOf": [_POSITIVE, {"type": "null"}]}},
        none=True,
        convert=tuple,
    ),
]


class _TrainingOp(FloatOp, abstract=True):
    """Abstract: changes values in training, never shapes."""

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


class _MaskedDropout(_TrainingOp, abstract=True):
    """Abstract: dropout by a mask of `noise_shape`, which counts the batch; 1 is one draw for a whole axis."""

    rate: Rate
    noise_shape: NoiseShape = None
    seed: MaybeInt = None

    def infer(self, x: Shape) -> Shape:
        if self.noise_shape is not None:
            self._check_noise(self.noise_shape, x)
        return x

    def _check_noise(self, noise: Shape, x: Shape) -> None:
        whole: Shape = (None, *x)
        full = len(noise) == len(whole)
        aligned = zip(reversed(noise), reversed(whole), strict=False)
        fits = all((full if given is None else given == 1 or dim in (None, given)) for given, dim in aligned)
        if len(noise) > len(whole) or not fits:
            raise Mismatch(
                "E410",
                f"'noise_shape' must fit the batch and an input of shape {dims(x)} (got {dims(noise)})",
                hint="write one entry for each axis, the batch first: null for its size, 1 for one draw for all of it",
                argument="noise_shape",
            )


class Dropout(_MaskedDropout):
    """Sets a share `rate` of values to 0 and scales the rest by 1 / (1 - rate). Srivastava et al. 2014, JMLR 15."""


class AlphaDropout(_MaskedDropout):
    """Dropout that keeps mean and variance, for SELU. Klambauer et al. 2017, arXiv 1706.02515."""


class _SpatialDropout(_TrainingOp, abstract=True):
    """Abstract: dropout of whole feature maps. Tompson et al. 2015, arXiv 1411.4280."""

    rank: ClassVar[int]
    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras's constructor has no such argument
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one

    rate: Rate

    def infer(self, x: Shape) -> Shape:
        require_rank(x, self.rank)
        return x


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of a sequence."""

    rank: ClassVar[int] = 2
    seed: MaybeInt = None


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of an image."""

    rank: ClassVar[int] = 3
    data_format: DataFormat = None
    seed: MaybeInt = None


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of a volume."""

    rank: ClassVar[int] = 4
    data_format: DataFormat = None
    seed: MaybeInt = None


class GaussianDropout(_TrainingOp):
    """Multiplies by noise of mean 1 and variance rate / (1 - rate). Srivastava et al. 2014, JMLR 15."""

    rate: Rate
    seed: MaybeInt = None


class GaussianNoise(_TrainingOp):
    """Adds noise of mean 0 and standard deviation `stddev`."""

    stddev: Fraction
    seed: MaybeInt = None


class ActivityRegularization(UnaryOp):
    """Adds `l1` times the absolute values and `l2` times the squares of its input to the loss."""

    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras makes its own of l1 and l2

    l1: NonNegativeNumber = 0.0
    l2: NonNegativeNumber = 0.0

    def infer(self, x: Shape) -> Shape:
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0
