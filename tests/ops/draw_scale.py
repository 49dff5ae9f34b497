"""Draws for the learned scales of our own."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_core import ANY_DTYPE, LAYER, one, with_args
from tests.ops.drawing import FLOAT, Draw, mostly, optional, shapes

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "LayerScale": with_args(
        optional(**LAYER, init_values=st.sampled_from([1e-6, 0.5, 1])),
        one(mostly(shapes(1, 4), st.just(())), mostly(FLOAT, ANY_DTYPE)),
    ),
}

STRICTER = {"LayerScale": {"E412": "Keras builds it, but the run fails on integers or rounds its results to them"}}
