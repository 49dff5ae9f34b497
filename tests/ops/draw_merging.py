"""Draws of merges."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import DTYPE, FLOAT, INTEGER, Draw, dims, mostly, optional, shapes

SELDOM = mostly(st.just(False), st.just(True))


def equal_shapes(number: SearchStrategy[int]) -> SearchStrategy[tuple[Shape, ...]]:
    return st.builds(lambda shape, count: (shape,) * count, shapes(0, 4), number)


def broadcastable(number: SearchStrategy[int]) -> SearchStrategy[tuple[Shape, ...]]:
    """One shape, each time with some of its axes at 1 or unknown and some of the first ones cut off."""

    @st.composite
    def draw_shapes(draw: st.DrawFn) -> tuple[Shape, ...]:
        whole = draw(shapes(0, 4, unknown=False))
        count = draw(number)
        return tuple(
            tuple(draw(st.sampled_from([size, size, 1, None])) for size in whole[draw(st.integers(0, len(whole))) :])
            for _ in range(count)
        )

    return draw_shapes()


@st.composite
def dtypes(draw: st.DrawFn) -> dict[str, str]:
    """For the first inputs; the others are float32."""
    return {str(i): name for i, name in enumerate(draw(st.lists(st.one_of(FLOAT, INTEGER), max_size=3)))}


def elementwise(number: SearchStrategy[int]) -> SearchStrategy[Draw]:
    args = optional(broadcast=st.booleans(), dtype=DTYPE)
    wild = st.one_of(
        equal_shapes(number), broadcastable(number), st.lists(shapes(0, 3), min_size=2, max_size=3).map(tuple)
    )
    return st.one_of(
        st.builds(Draw, optional(dtype=DTYPE), equal_shapes(number), dtypes()),
        st.builds(Draw, st.fixed_dictionaries({"broadcast": st.just(True)}), broadcastable(number), dtypes()),
        st.builds(Draw, args, wild),
    )


@st.composite
def concatenate(draw: st.DrawFn) -> Draw:
    whole = draw(shapes(1, 4))
    count = draw(st.integers(2, 4))
    right = st.sampled_from([*range(1, len(whole) + 1), *range(-len(whole), 0)])
    axis = draw(mostly(right, st.sampled_from([0, -len(whole) - 1, -len(whole) - 2, len(whole) + 1])))
    joined = axis + len(whole) if axis < 0 else axis - 1
    inputs = [
        tuple(
            draw(dims()) if at == joined else draw(st.sampled_from([size] * 15 + [None, 1]))
            for at, size in enumerate(whole)
        )
        for _ in range(count)
    ]
    if draw(SELDOM):
        inputs[-1] = draw(shapes(0, 4))
    args = draw(optional(dtype=DTYPE)) | ({} if axis == -1 and draw(st.booleans()) else {"axis": axis})
    return Draw(args, tuple(inputs), draw(dtypes()))


@st.composite
def dot(draw: st.DrawFn) -> Draw:
    x, y = list(draw(shapes(1, 3))), list(draw(shapes(1, 3)))
    i, j = draw(st.integers(1, len(x))), draw(st.integers(1, len(y)))
    if not draw(SELDOM):
        y[j - 1] = x[i - 1]
    pairs = [[i, j], [i, j], [i - len(x) - 1, j], [i, j - len(y) - 1], [draw(st.integers(-5, 5)), j]]
    single = [i, i - len(x) - 1] if i == j and len(x) == len(y) else [draw(st.integers(-5, 5))]
    axes = draw(st.sampled_from([*pairs, *single]))
    args = {"axes": axes, **draw(optional(normalize=st.booleans(), dtype=DTYPE))}
    count = draw(st.sampled_from([2, 2, 2, 2, 2, 3]))
    return Draw(args, (tuple(x), tuple(y), tuple(y))[:count], draw(dtypes()))


SEVERAL = st.integers(2, 4)

DRAWS: dict[str, SearchStrategy[Draw]] = {
    **{name: elementwise(SEVERAL) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Subtract": elementwise(st.sampled_from([2, 2, 2, 3])),
    "Concatenate": concatenate(),
    "Dot": dot(),
}

_BROADCAST = "ours: Keras broadcasts without being asked"
_ELEMENTWISE = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")

DIFFERS = {name: {"broadcast": _BROADCAST} for name in _ELEMENTWISE}

STRICTER = {
    **{name: {"E401": _BROADCAST} for name in _ELEMENTWISE},
    "Concatenate": {
        "E401": "Keras drops axes of size 1 before it compares, and the call fails",
        "E408": "the symbolic call joins along the batch and then the batch's size is wrong",
    },
    "Dot": {
        "E408": "the symbolic call takes the batch for any axis; the call fails",
        "E403": "the symbolic call never looks at the rank",
    },
}
