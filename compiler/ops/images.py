"""Layers over whole images: contrast, mixtures of several images, and policies that draw from many augmentations.

What changes images in training alone costs no FLOPs, because totals are those of inference.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from compiler.ir import Shape
from compiler.ops.augmentation import Augmentation, Interpolation, Share, ValueRange
from compiler.ops.base import Mismatch, UnaryOp, dims, elements, known, require_rank
from compiler.ops.fields import DataFormat, split
from compiler.settings import Bool, Int, PositiveInt, PositiveNumber, is_int, is_list_of, rule

# --- contrast --------------------------------------------------------------------------------


class _Contrast(Augmentation, abstract=True):
    """Abstract: nothing about it is random."""

    seed: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras has no such argument

    value_range: ValueRange = (0, 255)


class AutoContrast(_Contrast):
    """Stretches each image's values over the whole range, in training and afterwards."""

    def flops(self, x: Shape, y: Shape) -> int:
        """Two for the smallest and the largest value, and four for scaling and clipping."""
        return 6 * elements(x)


TileGrid = Annotated[
    tuple[int, ...],
    rule(
        "a list of 2 positive integers",
        is_list_of(is_int, 2),
        lambda value: min(value) > 0,
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
        convert=tuple,
    ),
]


class ContrastLimitedAdaptiveHistogramEqualization(_Contrast):
    """Equalises histograms of tiles, cut off at `clip_limit`, and blends them. Zuiderveld 1994.

    In training and afterwards.
    """

    clip_limit: PositiveNumber = 4.0
    tile_grid_size: TileGrid = (8, 8)
    data_format: DataFormat = None

    def floats_only(self) -> bool:
        return True

    def flops(self, x: Shape, y: Shape) -> int:
        """One for the histogram, and eight for blending four tiles."""
        return 9 * elements(x)


class Equalization(_Contrast):
    """Makes all values equally frequent in each channel, in training only."""

    keras: ClassVar[str] = "compiler.targets.layers.equalization.Equalization"

    bins: PositiveInt = 256
    data_format: DataFormat = None

    def floats_only(self) -> bool:
        return True

    def infer(self, x: Shape) -> Shape:
        x = super().infer(x)
        known(split(x, self.data_format)[1], "the number of channels", "give the input's channels in its shape")
        return x


class Solarization(Augmentation):
    """Inverts what is brighter than a random threshold, after adding a random number."""

    addition_factor: Share = 0.0
    threshold_factor: Share = 0.0
    value_range: ValueRange = (0, 255)


# --- policies --------------------------------------------------------------------------------


class AugMix(Augmentation):
    """Mixes the image with chains of random augmentations of itself. Hendrycks et al. 2019, arXiv 1912.02781."""

    value_range: ValueRange = (0, 255)
    num_chains: PositiveInt = 3
    chain_depth: PositiveInt = 3
    factor: Share = 0.3
    alpha: PositiveNumber = 1.0
    all_ops: Bool = True
    interpolation: Interpolation = "bilinear"
    data_format: DataFormat = None

    def channels_allowed(self) -> tuple[int, ...]:
        return (3,) if self.all_ops else ()


class RandAugment(Augmentation):
    """Applies `num_ops` random augmentations of the strength `factor`. Cubuk et al. 2019, arXiv 1909.13719."""

    channel_counts: ClassVar[tuple[int, ...]] = (3,)

    value_range: ValueRange = (0, 255)
    num_ops: PositiveInt = 2
    factor: Share = 0.5
    interpolation: Interpolation = "bilinear"
    data_format: DataFormat = None


# --- several images --------------------------------------------------------------------------


class _Mixing(Augmentation, abstract=True):
    """Abstract: mixes images of a batch in training."""

    data_format: DataFormat = None

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        message = "mixes images and leaves their labels as they are, since labels do not pass through a model"
        yield Mismatch("W607", message, hint="mix both where the data are made, or train without labels")


class MixUp(_Mixing):
    """Blends each image with another one of its batch. Zhang et al. 2017, arXiv 1710.09412."""

    alpha: PositiveNumber = 0.2


class CutMix(_Mixing):
    """Pastes a rectangle of another image of the batch into each. Yun et al. 2019, arXiv 1905.04899."""

    factor: Share = 1.0

    def infer(self, x: Shape) -> Shape:
        x = super().infer(x)
        known(split(x, self.data_format)[1], "the number of channels", "give the input's channels in its shape")
        return x


class MaxNumBoundingBoxes(UnaryOp):
    """Pads or cuts lists of bounding boxes. They do not pass through a model: images stay as they are."""

    max_number: PositiveInt
    fill_value: Int = -1

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 3)
        return x

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        message = (
            f"does nothing here: bounding boxes do not pass through a model, and images {dims(x)} stay as they are"
        )
        yield Mismatch("W607", message, hint="leave it out")

    def flops(self, x: Shape, y: Shape) -> int:
        return 0
