"""Draws of layers over whole images, and of pipelines."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_preprocessing import COLOURED, RANGE, RANGED, SEEDED, SHARE, Fields, layer
from tests.ops.drawing import DATA_FORMAT, FLOAT, Draw, dims, mostly, shapes

SEED = {"seed": st.integers(0, 3)}
FORMATTED: Fields = {"data_format": DATA_FORMAT}
POLICY: Fields = COLOURED | {"factor": SHARE, "interpolation": st.sampled_from(["nearest", "bilinear"])}
ALPHA: Fields = {"alpha": st.sampled_from([0.2, 1])}

SCALED: list[object] = [
    {"op": "Rescaling", "scale": 0.5, "offset": 1},
    {"op": "RandomFlip"},
    {"op": "RandomRotation", "factor": 0.1, "seed": 3},
    {"op": "Conv2D", "filters": 3, "kernel_size": 2, "trainable": False},
    {"op": "BatchNormalization"},
    {"op": "Dropout", "rate": 0.5, "seed": 1},
    {"op": "Flatten"},
    {"op": "Dense", "units": 3, "activation": "relu"},
    {"op": "CategoryEncoding", "num_tokens": 4},
    {"op": "Discretization", "bin_boundaries": [0, 1]},
]
WRONG: list[object] = ["Add", "Nonsense", {"op": "LSTMCell", "units": 3}, {"op": "Dense"}, 3]


def pipeline() -> SearchStrategy[Draw]:
    some = st.lists(st.sampled_from(SCALED), min_size=1, max_size=3)
    wrong = st.lists(st.sampled_from([*SCALED, *WRONG]), max_size=3)
    args = mostly(some, wrong).map(lambda layers: {"layers": layers})
    entering = mostly(st.tuples(dims(4), dims(4), st.just(3)), shapes(1, 3))
    return st.builds(lambda a, x, dtype: Draw(a, (x,), {"0": dtype}), args, entering, FLOAT)


DRAWS: dict[str, SearchStrategy[Draw]] = {
    "AutoContrast": layer({}, {"value_range": RANGE}),
    "ContrastLimitedAdaptiveHistogramEqualization": layer(
        {},
        {"value_range": RANGE, "clip_limit": st.sampled_from([1, 2.5, 0]), "tile_grid_size": st.just([2, 3])}
        | FORMATTED,
    ),
    "Equalization": layer({}, {"value_range": RANGE, "bins": st.sampled_from([256, 8, 0])} | FORMATTED),
    "Solarization": layer({}, RANGED | {"addition_factor": SHARE, "threshold_factor": SHARE}),
    "AugMix": layer(
        {},
        POLICY | ALPHA | {"num_chains": st.integers(1, 2), "chain_depth": st.integers(1, 2), "all_ops": st.booleans()},
    ),
    "RandAugment": layer({}, POLICY | {"num_ops": st.integers(0, 2)}),
    "MixUp": layer({}, SEEDED | FORMATTED | ALPHA),
    "CutMix": layer({}, SEEDED | FORMATTED | {"factor": SHARE}),
    "MaxNumBoundingBoxes": layer({"max_number": st.integers(1, 3)}, {"fill_value": st.sampled_from([-1, 0])}),
    "Pipeline": pipeline(),
}

_RANK = {"E403": "Keras looks at the rank when images come, not before"}
_LATER = {"E410": "Keras counts the channels when images come, not before", "E411": "nor does it ask for their number"}
_VALUES = {"E107": "Keras takes any order, and numbers that leave nothing"}
_FLOATS = {"E412": "Keras gives integers, where it promises floats"}

STRICTER = {
    **dict.fromkeys(DRAWS, _RANK | _LATER | _VALUES | _FLOATS),
    "Pipeline": {"E403": "as its layers", "E410": "as its layers", "E412": "as its layers"},
}
