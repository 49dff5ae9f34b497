"""Draws of functions of `keras.ops`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from compiler.ops.registry import FAMILIES
from tests.ops.draw_merging import broadcastable, equal_shapes
from tests.ops.drawing import FLOAT, Draw, mostly, optional, shapes

Args = SearchStrategy[dict[str, object]]

DTYPES = st.sampled_from(
    ["float32", "float32", "float16", "bfloat16", "float64", "int32", "int64", "int8", "uint8", "bool"]
)
CONSTANT = st.sampled_from([2, -1, 0, 0.5, 3.0, True])
BOOL = st.booleans()
SELDOM = mostly(st.just(False), st.just(True))
SIZED = shapes(1, 3, unknown=False)
"""For what has faults that depend on sizes."""


def family(name: str) -> list[str]:
    """The functions of one file."""
    return FAMILIES[f"functions.{name}"].split()


def one(args: Args, entering: SearchStrategy[Shape], dtypes: SearchStrategy[str] = DTYPES) -> SearchStrategy[Draw]:
    return st.builds(lambda args, x, dtype: Draw(args, (x,), {"0": dtype}), args, entering, dtypes)


# --- elementwise -----------------------------------------------------------------------------

NOTHING: Args = st.just({})
NUMBER = st.sampled_from([0, 1, 0.5, 2.0])
NAME = st.sampled_from(["float32", "float16", "int32", "bool", "int64"])
MAYBE_NAME = st.one_of(st.none(), NAME)

ARGUMENTS: dict[str, Args] = {
    "ops.cast": st.fixed_dictionaries({"dtype": NAME}),
    "ops.celu": optional(alpha=st.sampled_from([1.0, 0.5])),
    "ops.clip": st.fixed_dictionaries({"x_min": NUMBER, "x_max": st.sampled_from([3, 6.0])}),
    "ops.elu": optional(alpha=NUMBER),
    "ops.gelu": optional(approximate=BOOL),
    "ops.hard_shrink": optional(threshold=NUMBER),
    "ops.leaky_relu": optional(negative_slope=NUMBER),
    "ops.nan_to_num": optional(nan=NUMBER, posinf=st.one_of(st.none(), NUMBER), neginf=NUMBER),
    "ops.ones_like": optional(dtype=MAYBE_NAME),
    "ops.round": optional(decimals=st.integers(0, 2)),
    "ops.soft_shrink": optional(threshold=NUMBER),
    "ops.squareplus": optional(b=NUMBER),
    "ops.threshold": st.fixed_dictionaries({"threshold": NUMBER, "default_value": NUMBER}),
    "ops.tril": optional(k=st.integers(-2, 2)),
    "ops.triu": optional(k=st.integers(-2, 2)),
    "ops.zeros_like": optional(dtype=MAYBE_NAME),
}


def elementwise(name: str) -> SearchStrategy[Draw]:
    ranks = shapes(1, 3) if name in ("ops.tril", "ops.triu") else shapes(0, 3)
    return one(ARGUMENTS.get(name, NOTHING), ranks, mostly(FLOAT, DTYPES, one_in=2))


# --- two tensors -----------------------------------------------------------------------------


@st.composite
def pair(draw: st.DrawFn, numbers: bool = True) -> Draw:
    """Two tensors that mostly broadcast, or one and a number."""
    names = ["x1", "x2"]
    if numbers and draw(st.booleans()):
        tensor = draw(st.sampled_from(names))
        number = draw(CONSTANT)
        args: dict[str, object] = {name: number for name in names if name != tensor}
        return Draw(args, {tensor: draw(shapes(0, 3))}, {tensor: draw(DTYPES)})
    two = st.just(2)
    wild = st.tuples(shapes(0, 3), shapes(0, 3))
    entering = draw(st.one_of(equal_shapes(two), equal_shapes(two), broadcastable(two), wild))
    first = draw(DTYPES)
    second = draw(st.one_of(st.just(first), DTYPES))
    return Draw({}, dict(zip(names, entering, strict=True)), {"x1": first, "x2": second})


@st.composite
def where(draw: st.DrawFn) -> Draw:
    x, y, z = draw(st.one_of(equal_shapes(st.just(3)), broadcastable(st.just(3))))
    tensors: dict[str, Shape] = {"condition": x, "x1": y, "x2": z}
    args: dict[str, object] = {}
    for name in ("x1", "x2"):
        if draw(st.booleans()):
            args[name] = draw(CONSTANT)
            del tensors[name]
    dtypes = {name: draw(st.just("bool") if name == "condition" else DTYPES) for name in tensors}
    return Draw(args, tensors, dtypes)


# --- axes ------------------------------------------------------------------------------------


@st.composite
def axes_of(draw: st.DrawFn, x: Shape, *, several: bool = True) -> int | list[int]:
    """An axis of `x` or a list of them, counted with the batch; seldom the batch, or one that it has not."""
    rank = len(x) + 1
    right = st.sampled_from([*range(1, rank), *range(1 - rank, 0)] or [1])
    axis = draw(mostly(right, st.integers(-rank - 1, rank), one_in=6))
    if not several or draw(st.booleans()):
        return axis
    return [axis, *draw(st.lists(right, max_size=1))]


@st.composite
def along(draw: st.DrawFn, more: Args = NOTHING, *, several: bool = True, needed: bool = False) -> Draw:
    x = draw(shapes(1, 3))
    args = dict(draw(more))
    if needed or draw(st.booleans()):
        args["axis"] = draw(axes_of(x, several=several))
    return Draw(args, (x,), {"0": draw(mostly(FLOAT, DTYPES, one_in=2))})


KEPT = optional(keepdims=BOOL)
REDUCTIONS: dict[str, SearchStrategy[Draw]] = {
    **{name: along(KEPT, needed=True) for name in family("reductions")},
    "ops.argmax": along(KEPT, several=False, needed=True),
    "ops.argmin": along(KEPT, several=False, needed=True),
    "ops.count_nonzero": along(needed=True),
    "ops.logsumexp": along(KEPT, needed=True),
    "ops.max": along(optional(keepdims=BOOL, initial=NUMBER), needed=True),
    "ops.mean": along(KEPT),
    "ops.min": along(optional(keepdims=BOOL, initial=NUMBER), needed=True),
    "ops.norm": along(optional(keepdims=BOOL, ord=st.sampled_from([None, 1, 2, -1, 3, 0.5])), needed=True),
}


@st.composite
def roll(draw: st.DrawFn) -> Draw:
    x = draw(shapes(1, 3))
    axis = draw(axes_of(x))
    shift = st.integers(-3, 3)
    many = st.lists(shift, min_size=1, max_size=2)
    return Draw({"axis": axis, "shift": draw(many if isinstance(axis, list) else shift)}, (x,), {"0": draw(DTYPES)})


ALONG: dict[str, SearchStrategy[Draw]] = {
    **{name: along(several=False) for name in family("along")},
    "ops.cumprod": along(optional(dtype=MAYBE_NAME), several=False, needed=True),
    "ops.cumsum": along(optional(dtype=MAYBE_NAME), several=False, needed=True),
    "ops.diff": along(optional(n=st.integers(0, 3)), several=False),
    "ops.flip": along(needed=True),
    "ops.normalize": along(optional(order=st.integers(1, 3), epsilon=st.sampled_from([None, 1e-3])), several=False),
    "ops.roll": roll(),
}

# --- shapes ----------------------------------------------------------------------------------


@st.composite
def reshape(draw: st.DrawFn) -> Draw:
    x = draw(shapes(0, 3, size=4, unknown=False))
    sizes: list[int] = [dim or 1 for dim in draw(st.permutations(x))]
    if len(sizes) > 1 and draw(st.booleans()):
        sizes = [sizes[0] * sizes[1], *sizes[2:]]
    first = draw(mostly(st.just(-1), st.sampled_from([11, 2, -2])))
    wild = st.lists(st.integers(-1, 6), max_size=3)
    args: dict[str, object] = {"newshape": [first, *draw(mostly(st.just(sizes), wild))]}
    return Draw(args, (x,), {"0": draw(DTYPES)})


@st.composite
def transpose(draw: st.DrawFn) -> Draw:
    x = draw(shapes(1, 3))
    rank = len(x) + 1
    rest = [axis - rank * draw(SELDOM) for axis in draw(st.permutations(range(1, rank)))]
    axes = draw(mostly(st.just([0, *rest]), st.lists(st.integers(-1, 4), min_size=1, max_size=4)))
    args: dict[str, object] = {"axes": axes} if draw(mostly(st.just(True), st.just(False))) else {}
    return Draw(args, (x,), {"0": draw(DTYPES)})


@st.composite
def placed(draw: st.DrawFn) -> Draw:
    x = draw(shapes(0, 3))
    axis = draw(axes_of((*x, 1)))
    return Draw({"axis": axis}, (x,), {"0": draw(DTYPES)})


@st.composite
def squeeze(draw: st.DrawFn) -> Draw:
    x: list[int | None] = list(draw(shapes(1, 3)))
    axis = draw(axes_of(tuple(x)))
    for item in axis if isinstance(axis, list) else [axis]:
        if draw(mostly(st.just(True), st.just(False))) and 0 < abs(item) <= len(x):
            x[item if item < 0 else item - 1] = 1
    return Draw({"axis": axis}, (tuple(x),), {"0": draw(DTYPES)})


@st.composite
def swap(draw: st.DrawFn, first: str, second: str, several: bool) -> Draw:
    x = draw(shapes(1, 3))
    a = draw(axes_of(x, several=several))
    b = draw(axes_of(x, several=several))
    if isinstance(a, list) and not isinstance(b, list):
        b = [b] * draw(st.integers(1, 2))
    return Draw({first: a, second: b}, (x,), {"0": draw(DTYPES)})


@st.composite
def tile(draw: st.DrawFn) -> Draw:
    x = draw(shapes(0, 3))
    inner = draw(st.lists(st.integers(1, 3), min_size=0, max_size=len(x)))
    first = [draw(mostly(st.just(1), st.integers(0, 3)))] if len(inner) == len(x) else []
    return Draw({"repeats": [*first, *inner] or [1]}, (x,), {"0": draw(DTYPES)})


@st.composite
def pad(draw: st.DrawFn) -> Draw:
    x = draw(shapes(1, 3))
    end = st.integers(0, 3)
    width = [[0, 0], *([draw(end), draw(end)] for _ in x)]
    if draw(SELDOM):
        width = width[1:]
    args = optional(mode=st.sampled_from(["constant", "reflect", "symmetric"]), constant_values=NUMBER)
    return Draw({"pad_width": width, **draw(args)}, (x,), {"0": draw(FLOAT)})


@st.composite
def blocks(draw: st.DrawFn) -> Draw:
    factor = draw(st.integers(1, 3))
    x = draw(shapes(3))
    if draw(mostly(st.just(True), st.just(False))):
        x = tuple(None if dim is None else dim * factor * factor for dim in x)
    layout = optional(data_format=st.sampled_from(["channels_last", "channels_first"]))
    return Draw({"block_size": factor, **draw(layout)}, (x,), {"0": draw(DTYPES)})


SHAPES: dict[str, SearchStrategy[Draw]] = {
    "ops.depth_to_space": blocks(),
    "ops.expand_dims": placed(),
    "ops.moveaxis": swap("source", "destination", several=True),
    "ops.pad": pad(),
    "ops.repeat": along(st.fixed_dictionaries({"repeats": st.integers(1, 3)}), several=False, needed=True),
    "ops.reshape": reshape(),
    "ops.space_to_depth": blocks(),
    "ops.squeeze": squeeze(),
    "ops.swapaxes": swap("axis1", "axis2", several=False),
    "ops.tile": tile(),
    "ops.transpose": transpose(),
}

# --- parts -----------------------------------------------------------------------------------

ENTRY = st.sampled_from([0, -1, 2, ":", "1:", ":-1", "::2", "::-1", None, "...", "7:"])


@st.composite
def get_item(draw: st.DrawFn) -> Draw:
    x = draw(shapes(0, 3, size=5))
    first = draw(mostly(st.just(":"), st.sampled_from(["...", 0])))
    return Draw({"key": [first, *draw(st.lists(ENTRY, max_size=4))]}, (x,), {"0": draw(DTYPES)})


@st.composite
def one_hot(draw: st.DrawFn) -> Draw:
    args: Args = st.fixed_dictionaries(
        {"num_classes": st.integers(1, 5)}, optional={"axis": st.integers(-1, 3), "dtype": MAYBE_NAME}
    )
    integers = mostly(st.sampled_from(["int32", "int64", "uint8"]), DTYPES)
    return Draw(draw(args), (draw(shapes(0, 3)),), {"0": draw(integers)})


PLACES = st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=1, max_size=3))
PARTS: dict[str, SearchStrategy[Draw]] = {
    "ops.get_item": get_item(),
    "ops.one_hot": one_hot(),
    "ops.take": along(st.fixed_dictionaries({"indices": PLACES}), several=False, needed=True),
}

# --- joins -----------------------------------------------------------------------------------


@st.composite
def joined(draw: st.DrawFn, new: bool) -> Draw:
    x = draw(shapes(1, 3))
    count = draw(st.integers(2, 3))
    axis = draw(axes_of((*x, 1) if new else x, several=False))
    entering = [x] * count
    if draw(st.booleans()) and not new and isinstance(axis, int) and 0 < abs(axis) <= len(x):
        at = axis if axis < 0 else axis - 1
        entering[-1] = tuple(5 if place == at % len(x) else size for place, size in enumerate(x))
    if draw(SELDOM):
        entering[-1] = draw(shapes(1, 3))
    return Draw({"axis": axis}, tuple(entering), {str(i): draw(DTYPES) for i in range(count)})


@st.composite
def matmul(draw: st.DrawFn) -> Draw:
    x, y = list(draw(shapes(2, 3))), list(draw(shapes(2, 3)))
    if draw(mostly(st.just(True), st.just(False))):
        y = [*x[:-2], x[-1], y[-1]]
        if len(x) == 3 and draw(st.booleans()):
            y[0] = 1
    first = draw(DTYPES)
    return Draw({}, {"x1": tuple(x), "x2": tuple(y)}, {"x1": first, "x2": draw(st.one_of(st.just(first), DTYPES))})


RIGHT = ["bij,bjk->bik", "bij,bij->bi", "bij->bji", "bij->b", "bi,bj->bij", "bi,bij,bj->bj"]
WRONG = ["bii->bi", "bij,cjk->bik", "ij", "bij->bk", "bij,bjk->ik", "Bi->Bi"]


@st.composite
def einsum(draw: st.DrawFn) -> Draw:
    subscripts = draw(mostly(st.sampled_from(RIGHT), st.sampled_from(WRONG)))
    sizes = {letter: draw(st.sampled_from([2, 3, 4, None])) for letter in "ijk"}
    entering = [tuple(sizes.get(letter, 2) for letter in part[1:]) for part in subscripts.partition("->")[0].split(",")]
    if draw(SELDOM):
        entering[-1] = draw(shapes(1, 3))
    dtypes = {str(i): draw(mostly(FLOAT, DTYPES)) for i in range(len(entering))}
    return Draw({"subscripts": subscripts}, tuple(entering), dtypes)


JOINS: dict[str, SearchStrategy[Draw]] = {
    "ops.concatenate": joined(new=False),
    "ops.einsum": einsum(),
    "ops.matmul": matmul(),
    "ops.stack": joined(new=True),
}

ONLY_TENSORS = ("ops.arctan2", "ops.heaviside", "ops.hypot")

DRAWS: dict[str, SearchStrategy[Draw]] = {
    **{name: elementwise(name) for name in family("elementwise") if name not in ("ops.swish", "ops.hard_swish")},
    **{name: pair() for name in family("pairs")},
    **{name: pair(numbers=False) for name in ONLY_TENSORS},
    "ops.where": where(),
    **REDUCTIONS,
    **ALONG,
    **SHAPES,
    **PARTS,
    **JOINS,
}

_DTYPE = "the run fails on such numbers, or gives another dtype than the symbolic call"
_BATCH = "the symbolic call takes the batch for any axis; it is lost, or the run fails"
DIFFERS = {"ops.prod": {"dtype": "what Keras's layer promises by it is not what a run gives"}}

_SIZES = "the symbolic call does not look at these sizes, and the run fails"

STRICTER = {
    **{name: {"E412": _DTYPE} for name in DRAWS},
    **{name: {"E401": _BATCH, "E412": _DTYPE} for name in family("pairs")},
    **{name: {"E408": _BATCH, "E412": _DTYPE} for name in (*REDUCTIONS, *ALONG)},
    **{name: dict.fromkeys(("E107", "E408", "E410", "E412"), _SIZES) for name in (*SHAPES, *PARTS, "ops.roll")},
    **{name: {"E403": _BATCH, "E410": _SIZES} for name in ("ops.tril", "ops.triu")},
    **{name: dict.fromkeys(("E107", "E401", "E403", "E408", "E410", "E412"), _SIZES) for name in JOINS},
}
