"""Draws for activations and for layers that act in training only."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ops.objects import ACTIVATIONS
from tests.ops.draw_core import ANY_DTYPE, LAYER, one, weight, with_args
from tests.ops.draw_normalization import AXES, FLOATS
from tests.ops.drawing import DATA_FORMAT, DTYPE, FLOAT, Draw, dims, mostly, optional, shapes

INPUT = one(shapes(0, 4), mostly(FLOAT, ANY_DTYPE))
SLOPE = mostly(st.sampled_from([0, 0.3, 1.0]), st.just(-0.5))


def prelu() -> SearchStrategy[Draw]:
    axis = mostly(st.integers(1, 2), st.integers(-1, 5))
    shared = st.one_of(st.none(), axis, st.lists(axis, min_size=1, max_size=3))
    x = one(shapes(0, 4, unknown=False), mostly(FLOAT, ANY_DTYPE))
    return with_args(optional(**LAYER, **weight("alpha"), shared_axes=shared), x)


# --- in training only ------------------------------------------------------------------------

RATE = st.sampled_from([0, 0.0, 0.25, 0.999])
SEED = st.one_of(st.none(), st.integers(0, 9))


def rated(draws: SearchStrategy[Draw], **some: SearchStrategy[object]) -> SearchStrategy[Draw]:
    return with_args(st.fixed_dictionaries({"rate": RATE}, optional={"seed": SEED, **some}), draws)


def masked() -> SearchStrategy[Draw]:
    """Dropout with a mask of its own shape, which Keras looks at in training only."""
    noise = mostly(st.sampled_from([None, [None, 1], [None, 1, None], [1]]), st.lists(dims(1, 2), max_size=4))
    return rated(one(shapes(1, 2, size=2), mostly(FLOAT, ANY_DTYPE)), noise_shape=noise, **LAYER)


def spatial(rank: int) -> SearchStrategy[Draw]:
    more = {"data_format": DATA_FORMAT} if rank > 1 else {}
    x = mostly(shapes(rank + 1), shapes(rank, rank + 2))
    return rated(one(x), dtype=DTYPE, **more)


PENALTY = st.sampled_from([0.0, 0.5, 2])

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "Activation": with_args(
        st.fixed_dictionaries({"activation": st.sampled_from([None, *ACTIVATIONS])}, optional=LAYER), INPUT
    ),
    "ReLU": with_args(
        optional(**LAYER, max_value=st.one_of(st.none(), SLOPE), negative_slope=SLOPE, threshold=SLOPE), INPUT
    ),
    "LeakyReLU": with_args(optional(**LAYER, negative_slope=SLOPE), INPUT),
    "PReLU": prelu(),
    "ELU": with_args(optional(dtype=DTYPE, alpha=SLOPE), INPUT),
    "Softmax": with_args(optional(**LAYER, axis=AXES), FLOATS),
    "Dropout": masked(),
    "AlphaDropout": masked(),
    **{f"SpatialDropout{rank}D": spatial(rank) for rank in (1, 2, 3)},
    "GaussianDropout": rated(INPUT, **LAYER),
    "GaussianNoise": with_args(
        st.fixed_dictionaries(
            {"stddev": mostly(st.sampled_from([0, 0.5, 1]), st.just(1.5))}, optional={"seed": SEED, **LAYER}
        ),
        INPUT,
    ),
    "ActivityRegularization": with_args(optional(l1=PENALTY, l2=PENALTY, dtype=DTYPE), INPUT),
}

_FAILS = {"E412": "Keras builds it on integers and booleans, but the run fails"}

STRICTER = {
    **dict.fromkeys(("Activation", "ELU", "GaussianDropout", "GaussianNoise"), _FAILS),
    "PReLU": _FAILS | {"E408": "Keras takes axis - 1 as an index: 0 and below share another axis than they name"},
    "Softmax": _FAILS
    | {
        "E107": "the run fails without an axis",
        "E408": "the symbolic call never looks at the axis; along the batch samples would depend on each other",
    },
    **dict.fromkeys(
        ("Dropout", "AlphaDropout"),
        _FAILS | {"E410": "the symbolic call never looks at the mask's shape; training fails"},
    ),
    **{f"SpatialDropout{rank}D": _FAILS for rank in (1, 2, 3)},
}
