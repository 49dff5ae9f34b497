"""Draws of attention layers."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import CONSTRAINT, DTYPE, INITIALIZER, REGULARIZER, Draw, dims, mostly, optional, shapes

SELDOM = mostly(st.just(False), st.just(True))


@st.composite
def operands(draw: st.DrawFn, ranks: tuple[int, ...], *, one_size: bool, own_key: bool) -> dict[str, Shape]:
    """Query, value and at times key; most fit together.

    Args:
        ranks: how many dimensions they may have.
        one_size: the last axes of query and value are equal.
        own_key: the last axis of the key is free, else it is the query's.
    """
    rank = draw(st.sampled_from(ranks))
    features = draw(dims(unknown=draw(SELDOM)))
    outer = draw(shapes(rank - 2))
    query = (*outer, draw(dims()), features)
    steps = draw(dims())
    value = (*outer, steps, features if one_size else draw(dims(unknown=False)))
    found: dict[str, Shape] = {"query": query, "value": value}
    if not one_size and not own_key:
        found["key"] = (*outer, steps, features)
    elif draw(st.booleans()):
        found["key"] = (*outer, steps, draw(dims(unknown=False)) if own_key else features)
    if draw(SELDOM):
        found[draw(st.sampled_from([*found]))] = draw(shapes(1, 4))
    return found


SHARED: dict[str, SearchStrategy[object]] = {
    "dropout": st.sampled_from([0.0, 0.5]),
    "use_bias": st.booleans(),
    "kernel_initializer": INITIALIZER,
    "bias_regularizer": REGULARIZER,
    "kernel_constraint": CONSTRAINT,
    "flash_attention": st.sampled_from([None, False]),
    "use_gate": st.booleans(),
    "seed": st.sampled_from([None, 3]),
    "dtype": DTYPE,
    "trainable": st.booleans(),
}
MASKS: dict[str, SearchStrategy[object]] = {
    "use_causal_mask": st.booleans(),
    "sliding_window": st.sampled_from([None, 2]),
}


@st.composite
def multi_head(draw: st.DrawFn) -> Draw:
    shapes = draw(operands((2, 3, 4), one_size=False, own_key=True) | operands((2,), one_size=True, own_key=False))
    rank = len(shapes["query"])
    axis = st.integers(-rank - 1, rank)
    fields: dict[str, SearchStrategy[object]] = {
        "value_dim": st.one_of(st.none(), st.integers(1, 5)),
        "output_shape": st.one_of(st.none(), st.integers(1, 5), st.lists(st.integers(1, 4), min_size=1, max_size=2)),
        "attention_axes": st.one_of(st.none(), axis, st.lists(axis, min_size=1, max_size=2)),
    }
    fields |= SHARED | (MASKS if rank == 2 or draw(SELDOM) else {})
    needed = {"num_heads": st.integers(1, 3), "key_dim": st.integers(1, 4)}
    return Draw(draw(st.fixed_dictionaries(needed, optional=fields)), shapes)


@st.composite
def group_query(draw: st.DrawFn) -> Draw:
    groups = draw(st.integers(1, 3))
    heads = groups * draw(st.integers(1, 3)) + draw(SELDOM)
    args: dict[str, object] = {"num_query_heads": heads, "num_key_value_heads": groups}
    args |= draw(st.fixed_dictionaries({"head_dim": st.integers(1, 4)}, optional=SHARED | MASKS))
    return Draw(args, draw(operands((2,), one_size=True, own_key=True)))


def scored(**fields: SearchStrategy[object]) -> SearchStrategy[Draw]:
    dropout = st.sampled_from([0, 0.5])
    args = optional(use_scale=st.booleans(), dropout=dropout, use_causal_mask=st.booleans(), dtype=DTYPE, **fields)
    inputs = st.one_of(operands((2, 3), one_size=True, own_key=False), operands((2, 3), one_size=False, own_key=False))
    return st.builds(Draw, args, inputs)


DRAWS: dict[str, SearchStrategy[Draw]] = {
    "MultiHeadAttention": multi_head(),
    "GroupQueryAttention": group_query(),
    "Attention": scored(score_mode=st.sampled_from(["dot", "concat", "sum"]), seed=st.sampled_from([None, 3])),
    "AdditiveAttention": scored(),
}

_RANK = "the symbolic call never looks at the rank of each"
_SIZES = "the symbolic call never compares these axes; the call fails"

STRICTER = {
    "MultiHeadAttention": {
        "E107": "the mask has the steps of axis 1 and is laid over other axes",
        "E403": _RANK,
        "E408": "the symbolic call attends over the batch, the features, or an axis twice",
        "E410": _SIZES,
    },
    "GroupQueryAttention": {"E403": _RANK, "E410": _SIZES},
    "Attention": {"E403": _RANK, "E410": _SIZES},
    "AdditiveAttention": {"E403": _RANK, "E410": _SIZES},
}
