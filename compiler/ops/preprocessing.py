"""Layers that prepare images: scale, size and crop, and pipelines. Random ones stand in `augmentation`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from compiler.errors import shown
from compiler.ir import Shape, TensorType
from compiler.ops.base import Arity, Mismatch, Op, Signature, UnaryOp, dims, elements, require_numbers, require_rank
from compiler.ops.fields import DataFormat, joined, split
from compiler.ops.nesting import about, at_index, inside, nested
from compiler.settings import (
    Annotation,
    Bool,
    Number,
    PositiveInt,
    choice,
    field_error,
    is_list_of,
    is_number,
    rule,
)

Numbers = Annotated[
    float | tuple[float, ...],
    rule(
        "a number or a list of numbers",
        lambda value: is_number(value) or is_list_of(is_number)(value),
        lambda value: value != [],
        {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}]},
        convert=lambda value: value if is_number(value) else tuple(value),
    ),
]


class Rescaling(UnaryOp):
    """x * scale + offset; a list has one number for each entry of the last axis."""

    scale: Numbers
    offset: Numbers = 0.0

    def infer(self, x: Shape) -> Shape:
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(value, tuple) and len(value) > 1 and (not x or x[-1] not in (None, len(value))):
                message = f"has {len(value)} numbers in {name!r}, which do not fit the last axis of {dims(x)}"
                raise Mismatch("E410", message, argument=name)
        return x

    def flops(self, x: Shape, y: Shape) -> int:
        return 2 * elements(y)


class Resized(UnaryOp, abstract=True):
    """Abstract: images in, images of `height` and `width` out."""

    height: PositiveInt
    width: PositiveInt
    data_format: DataFormat = None

    def infer(self, x: Shape) -> Shape:
        require_rank(x, 3)
        _, channels = split(x, self.data_format)
        return joined((self.height, self.width), channels, self.data_format)


class CenterCrop(Resized):
    """The middle of the image; an image that is smaller is cropped to the aspect ratio and enlarged."""

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


_TAPS = {"nearest": 0, "bilinear": 4, "bicubic": 16, "lanczos3": 36, "lanczos5": 100}


class Resizing(Resized):
    """The image at another size."""

    interpolation: Annotated[str, choice("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")] = "bilinear"
    crop_to_aspect_ratio: Bool = False
    pad_to_aspect_ratio: Bool = False
    fill_mode: Annotated[str, choice("constant")] = "constant"
    fill_value: Number = 0.0
    antialias: Bool = False

    def check(self) -> Iterable[Mismatch]:
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            message = "keeps the aspect ratio by 'crop_to_aspect_ratio' or by 'pad_to_aspect_ratio', not by both"
            yield Mismatch("E107", message, argument="pad_to_aspect_ratio")

    def flops(self, x: Shape, y: Shape) -> int:
        """A multiply-add for each pixel that an output is made of."""
        if self.interpolation == "area":
            return 2 * elements(x)
        return 2 * _TAPS[self.interpolation] * elements(y)


def _check_layers(value: object, name: str) -> object:
    if not isinstance(value, (list, tuple)) or not value:
        raise field_error("E106", f"{name!r} must be a list of layers (got {shown(value)})")  # pyright: ignore[reportUnknownArgumentType]  # any value
    items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # any list
    return tuple(at_index(i, lambda item=item: nested.check(item, name)) for i, item in enumerate(items))


class Pipeline(Op):
    """Layers one after another, as one layer."""

    arity: ClassVar[Arity] = "one"
    trainable: ClassVar[bool] = True  # pyright: ignore[reportIncompatibleVariableOverride]  # Keras has no such argument
    dtype: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one
    activity_regularizer: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride]  # nor this one
    takes_strings: ClassVar[bool] = True

    layers: Annotated[
        tuple[Op, ...],
        Annotation(
            _check_layers,
            lambda: {"type": "array", "items": {"$ref": "#/$defs/layer"}, "minItems": 1},
            "a list of layers",
        ),
    ]

    def check(self) -> Iterable[Mismatch]:
        for layer in self.layers:
            if layer.arity != "one" or type(layer).__name__ == "Input":
                message = f"needs layers with one input (got {type(layer).__name__!r})"
                yield Mismatch("E107", message, argument="layers")
            for fault in layer.check():
                yield about(layer, fault, "layers")

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        (x,) = inputs.values()
        parts: list[Signature] = []
        for layer in self.layers:
            require_numbers(layer, [x])
            parts.append(inside(layer, x, precision, "layers"))
            output = parts[-1].output
            if output is None:
                return replace(parts[-1], flops=None)
            x = output
        flops = [part.flops for part in parts]
        return Signature(
            output=x,
            weights=tuple(weight for part in parts for weight in part.weights),
            flops=None if None in flops else sum(count or 0 for count in flops),
            warnings=tuple(warning for part in parts for warning in part.warnings),
        )
