"""Image augmentation: layers that change images at random in training and pass them on afterwards.

They cost no FLOPs, because totals are those of inference. A factor is one number or the two ends of a range;
which numbers make sense differs from layer to layer, as in Keras.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from compiler.ir import Shape, TensorType
from compiler.ops.base import FLOATS, Mismatch, Signature, UnaryOp, dims, require_rank
from compiler.ops.fields import DataFormat, split
from compiler.ops.preprocessing import Resized
from compiler.settings import (
    Annotation,
    Fraction,
    MaybeInt,
    Number,
    choice,
    is_int,
    is_list_of,
    is_number,
    rule,
)


def _pair(value: float | list[float] | tuple[float, ...]) -> float | tuple[float, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _numbers(value: float | list[float] | tuple[float, ...]) -> list[float]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _factor(low: float, high: float, *, none: bool = False) -> Annotation:
    """Annotation for a number between `low` and `high`, or a list of two."""
    item: dict[str, object] = {"type": "number", "minimum": low, "maximum": high}

    def in_range(value: float | list[float]) -> bool:
        return all(low <= number <= high for number in _numbers(value))

    return rule(
        f"a number from {low} to {high} or a list of 2",
        lambda value: is_number(value) or is_list_of(is_number, 2)(value),
        in_range,
        {"anyOf": [item, {"type": "array", "items": item, "minItems": 2, "maxItems": 2}]},
        none=none,
        convert=_pair,
    )


Factor = float | tuple[float, ...]
Signed = Annotated[Factor, _factor(-1, 1)]
Share = Annotated[Factor, _factor(0, 1)]
MaybeSigned = Annotated[Factor | None, _factor(-1, 1, none=True)]
MaybeShare = Annotated[Factor | None, _factor(0, 1, none=True)]
Bits = Annotated[Factor, _factor(1, 8)]

_NUMBER: dict[str, object] = {"type": "number"}
ValueRange = Annotated[
    tuple[float, ...],
    rule(
        "two numbers, the smaller one first",
        is_list_of(is_number, 2),
        lambda value: value[0] < value[1],
        {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
        convert=_pair,
    ),
]
FillValue = Annotated[
    Factor | None,
    rule(
        "a number or a list of 3 numbers",
        lambda value: is_number(value) or is_list_of(is_number, 3)(value),
        schema={"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 3, "maxItems": 3}]},
        none=True,
        convert=_pair,
    ),
]
OddSizes = Annotated[
    int | tuple[int, ...],
    rule(
        "an odd integer or a list of 2 odd integers",
        lambda value: is_int(value) or is_list_of(is_int, 2)(value),
        lambda value: all(size > 0 and size % 2 for size in _numbers(value)),
        {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}]},
        convert=_pair,
    ),
]
FillMode = Annotated[str, choice("reflect", "wrap", "constant", "nearest")]
ElasticFillMode = Annotated[str, choice("reflect", "wrap", "constant", "nearest", "mirror")]
Interpolation = Annotated[str, choice("bilinear", "nearest")]


class Augmentation(UnaryOp, abstract=True):
    """Abstract: images in, images of the same shape out.

    Class attributes:
        channel_counts: how many channels the images may have; any number where it is empty.
    """

    channel_counts: ClassVar[tuple[int, ...]] = ()

    seed: MaybeInt = None

    def floats_only(self) -> bool:
        """Whether it fails on integers in training, which Keras finds out only then."""
        return False

    def channels_allowed(self) -> tuple[int, ...]:
        return self.channel_counts

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 3)
        _, channels = split(x, getattr(self, "data_format", None))
        allowed = self.channels_allowed()
        if allowed and channels is not None and channels not in allowed:
            message = f"works on images with {' or '.join(map(str, allowed))} channels (got {dims(x)})"
            raise Mismatch("E410", message)
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 0

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        if self.floats_only() and x.dtype not in FLOATS:
            raise Mismatch("E412", f"works on floats (got {x.dtype})", hint="put a Rescaling with scale: 1.0 before it")
        return super().signature(inputs, precision)


# --- colours and values ----------------------------------------------------------------------


class Ranged(Augmentation, abstract=True):
    """Abstract: pixels lie in `value_range` before and after."""

    value_range: ValueRange = (0, 255)


class Coloured(Ranged, abstract=True):
    """Abstract: tells channels from pixels."""

    data_format: DataFormat = None


class RandomBrightness(Ranged):
    """Adds a random share of the range to all pixels."""

    factor: Signed


class RandomContrast(Ranged):
    """Moves pixels away from their mean or towards it."""

    factor: Share

    def floats_only(self) -> bool:
        return True


class RandomColorDegeneration(Coloured):
    """Blends the image with its grey version."""

    channel_counts: ClassVar[tuple[int, ...]] = (3,)

    factor: Signed


class RandomColorJitter(Coloured):
    """Brightness, contrast, saturation and hue, in random order."""

    brightness_factor: MaybeSigned = None
    contrast_factor: MaybeShare = None
    saturation_factor: MaybeSigned = None
    hue_factor: MaybeShare = None

    def floats_only(self) -> bool:
        return self.contrast_factor is not None or self.saturation_factor is not None

    def channels_allowed(self) -> tuple[int, ...]:
        return () if self.saturation_factor is None and self.hue_factor is None else (3,)


class RandomHue(Coloured):
    """Turns the colours round the colour circle."""

    channel_counts: ClassVar[tuple[int, ...]] = (3,)

    factor: Share


class RandomSaturation(Coloured):
    """Makes colours stronger or paler."""

    channel_counts: ClassVar[tuple[int, ...]] = (3,)

    factor: Signed

    def floats_only(self) -> bool:
        return True


class RandomGrayscale(Augmentation):
    """Turns the share `factor` of the images grey."""

    channel_counts: ClassVar[tuple[int, ...]] = (1, 3)
    keeps_integers: ClassVar[bool] = True

    factor: Fraction = 0.5
    data_format: DataFormat = None


class RandomInvert(Coloured):
    """Mirrors pixels in the middle of the range, with probability `factor`."""

    factor: Share = 1.0


class RandomPosterization(Coloured):
    """Keeps only the highest bits of each pixel."""

    factor: Bits


class RandomSharpness(Coloured):
    """Sharpens the image or blurs it a little."""

    factor: Share


class RandomGaussianBlur(Coloured):
    """Blurs with a Gaussian kernel, with probability `factor`."""

    factor: Share = 1.0
    kernel_size: OddSizes = 3
    sigma: Share = 1.0


class RandomErasing(Coloured):
    """Covers a random rectangle. Zhong et al. 2017, arXiv 1708.04896."""

    factor: Share = 1.0
    scale: Share = (0.02, 0.33)
    fill_value: FillValue = None


# --- geometry --------------------------------------------------------------------------------


class RandomFlip(Augmentation):
    """Mirrors the image left to right, upside down, or both."""

    mode: Annotated[str, choice("horizontal", "vertical", "horizontal_and_vertical")] = "horizontal_and_vertical"
    data_format: DataFormat = None


class Moved(Augmentation, abstract=True):
    """Abstract: pixels move, and `fill_mode` says what stands where none came from."""

    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: Number = 0.0
    data_format: DataFormat = None


class RandomRotation(Moved):
    """Rotates by a random share of a full turn."""

    factor: Signed


class RandomTranslation(Moved):
    """Moves by a random share of height and width."""

    height_factor: Signed
    width_factor: Signed


class RandomZoom(Moved):
    """Zooms out (positive) or in (negative); without `width_factor` the aspect ratio stays."""

    height_factor: Signed
    width_factor: MaybeSigned = None

    def check(self) -> Iterable[Mismatch]:
        for name in ("height_factor", "width_factor"):
            factor: Factor | None = getattr(self, name)
            if factor is not None and -1 in _numbers(factor):
                yield Mismatch("E107", f"needs a {name!r} greater than -1: nothing would be left", argument=name)


class RandomShear(Moved):
    """Slants the image along its axes."""

    x_factor: Share = 0.0
    y_factor: Share = 0.0


class RandomPerspective(Augmentation):
    """Looks at the image from a random angle, with probability `factor`."""

    factor: Share = 1.0
    scale: Fraction = 1.0
    interpolation: Interpolation = "bilinear"
    fill_value: Number = 0.0
    data_format: DataFormat = None


class RandomElasticTransform(Coloured):
    """Bends the image smoothly. Simard et al. 2003."""

    factor: Share = 1.0
    scale: Share = 1.0
    interpolation: Interpolation = "bilinear"
    fill_mode: ElasticFillMode = "reflect"
    fill_value: Number = 0.0


class RandomCrop(Resized):
    """A random window of the image; an image that is smaller is cropped to the aspect ratio and enlarged."""

    seed: MaybeInt = None

    def warnings(self, x: Shape) -> Iterable[Mismatch]:
        if split(x, self.data_format)[0] != (self.height, self.width):
            message = f"crops in training only: afterwards Keras passes on the whole {dims(x)}"
            yield Mismatch("W607", message, hint="crop with CenterCrop, or make the rest fit both sizes")

    def flops(self, x: Shape, y: Shape) -> int:
        return 0
