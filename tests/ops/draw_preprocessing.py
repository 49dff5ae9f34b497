"""Draws of layers that prepare images and of augmentation."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import DATA_FORMAT, DTYPE, FLOAT, INTEGER, Draw, dims, mostly, shapes

SELDOM = mostly(st.just(False), st.just(True))

DTYPES = st.fixed_dictionaries({}, optional={"0": st.one_of(FLOAT, INTEGER)})

Fields = dict[str, SearchStrategy[object]]


@st.composite
def image(draw: st.DrawFn, data_format: object) -> tuple[Shape, ...]:
    """An image, most often of three channels; at times no image at all."""
    if draw(SELDOM):
        return (draw(shapes(1, 4)),)
    channels = draw(st.sampled_from([3, 3, 3, 3, 1, 4, None]))
    sides = draw(st.tuples(dims(), dims()))
    return ((channels, *sides),) if data_format == "channels_first" else ((*sides, channels),)


@st.composite
def layer(draw: st.DrawFn, needed: Fields, fields: Fields) -> Draw:
    args: dict[str, object] = draw(st.fixed_dictionaries(needed, optional={**fields, "dtype": DTYPE}))
    return Draw(args, draw(image(args.get("data_format"))), draw(DTYPES))


def within(low: float, high: float) -> SearchStrategy[object]:
    """A factor in its range, as one number or two, or one that lies outside."""
    number = st.floats(low, high, width=16)
    integer = st.sampled_from([low, high])
    pair = st.lists(st.one_of(number, integer), min_size=2, max_size=2)
    outside = st.sampled_from([low - 1, high + 1, [low - 1, high + 1], "half"])
    return mostly(st.one_of(number, integer, pair), outside, 16)


SIGNED, SHARE, BITS = within(-1, 1), within(0, 1), within(1, 8)
SEED: SearchStrategy[object] = st.sampled_from([None, 3])
FILL: SearchStrategy[object] = st.sampled_from([0, 0.5, -1.0])
RANGE: SearchStrategy[object] = st.sampled_from([[0, 255], [0, 1], [-1.0, 1.0], [1, 0]])
INTERPOLATION: SearchStrategy[object] = st.sampled_from(["nearest", "bilinear", "bicubic"])
FILL_MODE: SearchStrategy[object] = st.sampled_from(["reflect", "wrap", "constant", "nearest", "mirror"])

SEEDED: Fields = {"seed": SEED}
RANGED: Fields = SEEDED | {"value_range": RANGE}
COLOURED: Fields = RANGED | {"data_format": DATA_FORMAT}
MOVED: Fields = SEEDED | {
    "data_format": DATA_FORMAT,
    "interpolation": INTERPOLATION,
    "fill_mode": FILL_MODE,
    "fill_value": FILL,
}
SIZES: Fields = {"height": st.integers(1, 9), "width": st.integers(1, 9)}


@st.composite
def rescaling(draw: st.DrawFn) -> Draw:
    shape = draw(shapes(0, 4))
    size = next((size for size in shape[-1:] if size is not None), 2)
    number = st.sampled_from([2, 0.5, 1 / 255])
    fitting = st.one_of(number, st.lists(number, min_size=size, max_size=size))
    numbers = mostly(fitting, st.lists(number, min_size=1, max_size=3))
    optional: Fields = {"offset": numbers, "dtype": DTYPE}
    args: dict[str, object] = draw(st.fixed_dictionaries({"scale": numbers}, optional=optional))
    return Draw(args, (shape,), draw(DTYPES))


ODD: SearchStrategy[object] = st.sampled_from([1, 3, [3, 5], [3, 3], 2])
JITTER: Fields = {
    "brightness_factor": SIGNED,
    "contrast_factor": SHARE,
    "saturation_factor": SIGNED,
    "hue_factor": SHARE,
}
RESIZING: Fields = {
    "interpolation": st.sampled_from(["bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5"]),
    "crop_to_aspect_ratio": st.booleans(),
    "pad_to_aspect_ratio": st.booleans(),
    "fill_mode": st.just("constant"),
    "fill_value": FILL,
    "antialias": st.booleans(),
    "data_format": DATA_FORMAT,
}

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "Rescaling": rescaling(),
    "Resizing": layer(SIZES, RESIZING),
    "CenterCrop": layer(SIZES, {"data_format": DATA_FORMAT}),
    # Without a seed of its own RandomCrop draws one, so that two layers of the same arguments differ.
    "RandomCrop": layer(SIZES | {"seed": st.integers(0, 5)}, {"data_format": DATA_FORMAT}),
    "RandomBrightness": layer({"factor": SIGNED}, RANGED),
    "RandomContrast": layer({"factor": SHARE}, RANGED),
    "RandomColorDegeneration": layer({"factor": SIGNED}, COLOURED),
    "RandomColorJitter": layer({}, COLOURED | JITTER),
    "RandomHue": layer({"factor": SHARE}, COLOURED),
    "RandomSaturation": layer({"factor": SIGNED}, COLOURED),
    "RandomGrayscale": layer({}, SEEDED | {"factor": st.sampled_from([0, 0.3, 1, 2]), "data_format": DATA_FORMAT}),
    "RandomInvert": layer({}, COLOURED | {"factor": SHARE}),
    "RandomPosterization": layer({"factor": BITS}, COLOURED),
    "RandomSharpness": layer({"factor": SHARE}, COLOURED),
    "RandomGaussianBlur": layer({}, COLOURED | {"factor": SHARE, "kernel_size": ODD, "sigma": SHARE}),
    "RandomErasing": layer(
        {}, COLOURED | {"factor": SHARE, "scale": SHARE, "fill_value": st.sampled_from([None, 1, [0, 0.5, 1]])}
    ),
    "RandomFlip": layer(
        {},
        SEEDED
        | {
            "mode": st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"]),
            "data_format": DATA_FORMAT,
        },
    ),
    "RandomRotation": layer({"factor": SIGNED}, MOVED),
    "RandomTranslation": layer({"height_factor": SIGNED, "width_factor": SIGNED}, MOVED),
    "RandomZoom": layer({"height_factor": SIGNED}, MOVED | {"width_factor": SIGNED}),
    "RandomShear": layer({}, MOVED | {"x_factor": SHARE, "y_factor": SHARE}),
    "RandomPerspective": layer(
        {},
        {key: value for key, value in MOVED.items() if key != "fill_mode"}
        | {"factor": SHARE, "scale": st.sampled_from([0, 0.5, 1.0, 2])},
    ),
    "RandomElasticTransform": layer({}, COLOURED | MOVED | {"factor": SHARE, "scale": SHARE}),
}

_RANK = {"E403": "Keras looks at the rank when images come, not before"}
_RANGES = {"E107": "Keras takes a range in any order, and one that reaches out of the bounds"}
_CHANNELS = {"E410": "Keras counts the channels when images come, not before"}
_FLOATS = {"E412": "Keras fails on integers in the first step of training"}

STRICTER = {
    **dict.fromkeys(DRAWS, _RANK | _RANGES),
    "Rescaling": {"E410": "the symbolic call gives the input's shape, the call fails or broadcasts"},
    "Resizing": _RANK | {"E107": "the symbolic call takes cropping together with padding"},
    "CenterCrop": _RANK,
    "RandomCrop": _RANK,
    "RandomContrast": _RANK | _RANGES | _FLOATS,
    "RandomColorJitter": _RANK | _RANGES | _FLOATS | _CHANNELS,
    "RandomHue": _RANK | _RANGES | _CHANNELS,
    "RandomSaturation": _RANK | _RANGES | _FLOATS | _CHANNELS,
    "RandomGrayscale": _RANK | _CHANNELS,
    "RandomFlip": _RANK,
}
