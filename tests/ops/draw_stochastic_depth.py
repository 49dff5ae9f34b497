"""Draws for stochastic depth."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_core import ANY_DTYPE, LAYER, one, with_args
from tests.ops.drawing import FLOAT, Draw, mostly, shapes

RATE = mostly(st.sampled_from([0, 0.2, 0.9]), st.sampled_from([1, -0.1]))

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "StochasticDepth": with_args(
        st.fixed_dictionaries({"rate": RATE}, optional={**LAYER, "seed": st.integers(0, 9)}),
        one(mostly(shapes(1, 4), st.just(())), mostly(FLOAT, ANY_DTYPE)),
    ),
}

STRICTER = {"StochasticDepth": {"E412": "Keras builds it, but the run fails on integers or rounds its results to them"}}
