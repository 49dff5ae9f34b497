"""Draws for the scales of our own."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_core import ANY_DTYPE, LAYER, one, with_args
from tests.ops.draw_merging import broadcastable, equal_shapes
from tests.ops.drawing import DTYPE, FLOAT, INTEGER, Draw, mostly, optional, shapes


@st.composite
def scaled_add(draw: st.DrawFn) -> Draw:
    args = {"scale": draw(st.sampled_from([0.17, 2, -1.5])), **draw(optional(dtype=DTYPE))}
    count = st.sampled_from([2, 2, 2, 2, 3])
    shapes_in = draw(st.one_of(equal_shapes(count), equal_shapes(count), broadcastable(count)))
    entering = mostly(FLOAT, INTEGER)
    return Draw(args, shapes_in, {str(i): draw(entering) for i in range(len(shapes_in))})


DRAWS: dict[str, SearchStrategy[Draw]] = {
    "LayerScale": with_args(
        optional(**LAYER, init_values=st.sampled_from([1e-6, 0.5, 1])),
        one(mostly(shapes(1, 4), st.just(())), mostly(FLOAT, ANY_DTYPE)),
    ),
    "ScaledAdd": scaled_add(),
}

STRICTER = {
    "ScaledAdd": {
        "E306": "it looks at the first two of its inputs alone",
        "E401": "it broadcasts without being asked",
        "E412": "Keras builds it, but the run fails on integers",
    },
    "LayerScale": {"E412": "Keras builds it, but the run fails on integers or rounds its results to them"},
}
