"""Draws of functions of `keras.ops`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ops.registry import FAMILIES
from tests.ops.draw_merging import broadcastable, equal_shapes
from tests.ops.drawing import Draw, shapes

DTYPES = st.sampled_from(
    ["float32", "float32", "float16", "bfloat16", "float64", "int32", "int64", "int8", "uint8", "bool"]
)
CONSTANT = st.sampled_from([2, -1, 0, 0.5, 3.0, True])


def family(name: str) -> list[str]:
    """The functions of one file."""
    return FAMILIES[f"functions.{name}"].split()


@st.composite
def pair(draw: st.DrawFn) -> Draw:
    """Two tensors that mostly broadcast, or one and a number."""
    names = ["x1", "x2"]
    if draw(st.booleans()):
        tensor = draw(st.sampled_from(names))
        number = draw(CONSTANT)
        return Draw(
            {name: number for name in names if name != tensor}, {tensor: draw(shapes(0, 3))}, {tensor: draw(DTYPES)}
        )
    two = st.just(2)
    entering = draw(
        st.one_of(equal_shapes(two), equal_shapes(two), broadcastable(two), st.tuples(shapes(0, 3), shapes(0, 3)))
    )
    first = draw(DTYPES)
    second = draw(st.one_of(st.just(first), DTYPES))
    return Draw({}, dict(zip(names, entering, strict=True)), {"x1": first, "x2": second})


DRAWS: dict[str, SearchStrategy[Draw]] = {
    **{name: pair() for name in family("pairs")},
}

_BATCH = "the symbolic call takes the batch for an axis of any size, and the run fails"

STRICTER = {
    **{name: {"E401": _BATCH, "E412": "the run fails on such numbers"} for name in family("pairs")},
}
