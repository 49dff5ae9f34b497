"""Draws for layers that move values."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_core import ANY_DTYPE, LAYER, one, with_args
from tests.ops.drawing import DATA_FORMAT, Draw, mostly, optional, shapes, sizes

Args = SearchStrategy[dict[str, object]]


def ranked(rank: int) -> SearchStrategy[Draw]:
    """One input, seldom of another rank."""
    return one(mostly(shapes(rank), shapes(max(0, rank - 1), rank + 1)), ANY_DTYPE)


def large(rank: int) -> SearchStrategy[Draw]:
    """One input, mostly too large to be cropped to nothing."""
    enough = shapes(rank).map(lambda x: tuple(None if dim is None else dim + 4 for dim in x))
    return st.one_of(one(enough, ANY_DTYPE), mostly(one(enough, ANY_DTYPE), ranked(rank), one_in=3))


@st.composite
def reshape(draw: st.DrawFn) -> Draw:
    """Half of the targets have the input's sizes in another order or joined; the others are any."""
    x = draw(shapes(0, 4, size=4))
    dims: list[int] = [1 if dim is None else dim for dim in draw(st.permutations(x))]
    if len(dims) > 1 and draw(st.booleans()):
        dims = [dims[0] * dims[1], *dims[2:]]
    if dims and draw(st.booleans()):
        dims[draw(st.integers(0, len(dims) - 1))] = -1
    target = draw(mostly(st.just(dims), st.one_of(st.lists(st.integers(-1, 6), max_size=4), st.just([-2])), one_in=3))
    return Draw({"target_shape": target, **draw(optional(**LAYER))}, (x,), {"0": draw(ANY_DTYPE)})


@st.composite
def permute(draw: st.DrawFn) -> Draw:
    x = draw(shapes(0, 4))
    right = st.permutations(range(1, len(x) + 1))
    dims = draw(mostly(right, st.lists(st.integers(0, 3), max_size=3), one_in=4))
    return Draw({"dims": dims, **draw(optional(**LAYER))}, (x,), {"0": draw(ANY_DTYPE)})


def margins(rank: int) -> SearchStrategy[object]:
    """One number, or for each axis one number or one for either end."""
    return st.one_of(st.integers(0, 2), st.lists(sizes(2, 0, 3), min_size=rank, max_size=rank))


def at_borders(argument: str, rank: int, *, data_format: bool) -> SearchStrategy[Draw]:
    border: SearchStrategy[object] = sizes(2, 0, 2) if rank == 1 else margins(rank)
    more = {"data_format": DATA_FORMAT} if data_format else {}
    return with_args(optional(**LAYER, **{argument: border}, **more), large(rank + 1))


UPSAMPLING: dict[str, SearchStrategy[object]] = {
    "data_format": DATA_FORMAT,
    "interpolation": st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]),
}

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "Flatten": with_args(optional(**LAYER, data_format=DATA_FORMAT), one(shapes(0, 4), ANY_DTYPE)),
    "Reshape": reshape(),
    "Permute": permute(),
    "RepeatVector": with_args(st.fixed_dictionaries({"n": st.integers(1, 5)}, optional=LAYER), ranked(1)),
    **{f"Cropping{rank}D": at_borders("cropping", rank, data_format=rank > 1) for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": at_borders("padding", rank, data_format=True) for rank in (1, 2, 3)},
    "UpSampling1D": with_args(optional(**LAYER, size=st.integers(1, 4)), ranked(2)),
    "UpSampling2D": with_args(optional(**LAYER, **UPSAMPLING, size=sizes(2)), ranked(3)),
    "UpSampling3D": with_args(optional(**LAYER, data_format=DATA_FORMAT, size=sizes(3)), ranked(4)),
}
