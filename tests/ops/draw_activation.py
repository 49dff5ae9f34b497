"""Draws for activations and for layers that act in training only."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ops.objects import ACTIVATIONS
from tests.ops.draw_core import ANY_DTYPE, LAYER, one, weight, with_args
from tests.ops.draw_normalization import AXES
from tests.ops.drawing import DATA_FORMAT, DTYPE, FLOAT, Draw, dims, optional, shapes

INPUT = one(shapes(0, 4), st.one_of(FLOAT, FLOAT, ANY_DTYPE))
SLOPE = st.sampled_from([0, 0.3, 1.0, -0.5])


def prelu() -> SearchStrategy[Draw]:
    axis = st.one_of(*[st.integers(1, 3)] * 9, st.integers(-1, 5))
    shared = st.one_of(st.none(), axis, st.lists(axis, min_size=1, max_size=3))
    return with_args(optional(**LAYER, **weight("alpha"), shared_axes=shared), INPUT)


# --- in training only ------------------------------------------------------------------------

RATE = st.sampled_from([0, 0.0, 0.25, 0.999])
SEED = st.one_of(st.none(), st.integers(0, 9))


def rated(draws: SearchStrategy[Draw], **some: SearchStrategy[object]) -> SearchStrategy[Draw]:
    return with_args(st.fixed_dictionaries({"rate": RATE}, optional={"seed": SEED, **some}), draws)


def masked() -> SearchStrategy[Draw]:
    """Dropout with a mask of its own shape, which Keras looks at in training only."""
    noise = st.one_of(st.none(), st.lists(dims(1, 2), max_size=4))
    return rated(one(shapes(0, 3, size=2), st.one_of(FLOAT, FLOAT, ANY_DTYPE)), noise_shape=noise, **LAYER)


def spatial(rank: int) -> SearchStrategy[Draw]:
    more = {"data_format": DATA_FORMAT} if rank > 1 else {}
    x = st.one_of(*[shapes(rank + 1)] * 9, shapes(rank, rank + 2))
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
    "ELU": with_args(optional(**LAYER, alpha=SLOPE), INPUT),
    "Softmax": with_args(optional(**LAYER, axis=AXES), INPUT),
    "Dropout": masked(),
    "AlphaDropout": masked(),
    **{f"SpatialDropout{rank}D": spatial(rank) for rank in (1, 2, 3)},
    "GaussianDropout": rated(INPUT, **LAYER),
    "GaussianNoise": with_args(
        st.fixed_dictionaries({"stddev": st.sampled_from([0, 0.5, 1, 1.5])}, optional={"seed": SEED, **LAYER}), INPUT
    ),
    "ActivityRegularization": with_args(optional(l1=PENALTY, l2=PENALTY, dtype=DTYPE), INPUT),
}

_FAILS = {"E412": "Keras builds it on integers and booleans, but the run fails"}

STRICTER = {
    **{name: _FAILS for name in ("Activation", "ReLU", "ELU", "GaussianDropout", "GaussianNoise")},
    "PReLU": _FAILS | {"E408": "Keras takes axis - 1 as an index: 0 and below share another axis than they name"},
    "Softmax": _FAILS
    | {
        "E107": "the run fails without an axis",
        "E408": "the symbolic call never looks at the axis; along the batch samples would depend on each other",
    },
    **{
        name: _FAILS | {"E410": "the symbolic call never looks at the mask's shape; training fails"}
        for name in ("Dropout", "AlphaDropout")
    },
}
