"""Draws for the convolutions and the poolings."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import (
    ACTIVATION,
    CONSTRAINT,
    DATA_FORMAT,
    DTYPE,
    INITIALIZER,
    PADDING,
    REGULARIZER,
    Draw,
    dims,
    mostly,
    optional,
    shapes,
    sizes,
)

Args = SearchStrategy[dict[str, object]]

KERNEL = {"initializer": INITIALIZER, "regularizer": REGULARIZER, "constraint": CONSTRAINT}


def inputs(rank: int) -> SearchStrategy[tuple[Shape]]:
    """One input, seldom of the wrong rank or too small; even channels, so that groups have a chance."""
    channels = mostly(st.sampled_from([2, 4, 6]), st.none(), 16)
    spatial = st.tuples(*[mostly(dims(3, 10), dims(1, 3), 4)] * rank)
    last = st.builds(lambda axes, c: (*axes, c), spatial, channels)
    first = st.builds(lambda axes, c: (c, *axes), spatial, channels)
    return mostly(last | first, shapes(rank, rank + 2), 16).map(lambda x: (x,))


def with_prefix(prefix: str, parts: tuple[str, ...] = tuple(KERNEL)) -> dict[str, SearchStrategy[object]]:
    return {f"{prefix}_{part}": KERNEL[part] for part in parts}


def sliding(rank: int, *prefixes: str, filters: bool, **more: SearchStrategy[object]) -> SearchStrategy[Draw]:
    """Any sliding kernel; strides and dilation seldom come together, as most refuse that."""
    needed = {
        "kernel_size": sizes(rank, 1, 4 if rank < 3 else 3),
        **({"filters": mostly(st.sampled_from([2, 4, 8]), st.sampled_from([1, 3]))} if filters else {}),
    }
    rest: dict[str, SearchStrategy[object]] = {
        "padding": PADDING,
        "data_format": DATA_FORMAT,
        "activation": ACTIVATION,
        "use_bias": st.booleans(),
        "dtype": DTYPE,
        "activity_regularizer": REGULARIZER,
        **with_prefix("bias"),
        **more,
    }
    for prefix in prefixes:
        rest |= with_prefix(prefix)
    strides, dilation = optional(strides=sizes(rank, 1, 3)), optional(dilation_rate=sizes(rank, 1, 3))
    steps = mostly(strides | dilation, st.builds(lambda a, b: a | b, strides, dilation))
    args = st.builds(
        lambda *parts: {k: v for part in parts for k, v in part.items()},
        st.fixed_dictionaries(needed),
        optional(**rest),
        steps,
    )
    return st.builds(Draw, args, inputs(rank))


def plain(rank: int) -> SearchStrategy[Draw]:
    some = {
        "groups": mostly(st.sampled_from([1, 2]), st.just(3)),
        "lora_rank": st.integers(1, 3),
        "lora_alpha": st.integers(1, 3),
    }
    causal = {"padding": st.sampled_from(["valid", "same", "causal"])} if rank == 1 else {}
    return sliding(rank, "kernel", filters=True, **some, **causal)


def transposed(rank: int) -> SearchStrategy[Draw]:
    extra = st.one_of(st.none(), sizes(rank, low=0, high=2))
    return sliding(rank, "kernel", filters=True, output_padding=extra)


def depthwise(rank: int) -> SearchStrategy[Draw]:
    return sliding(rank, "depthwise", filters=False, depth_multiplier=st.integers(1, 3))


def separable(rank: int) -> SearchStrategy[Draw]:
    return sliding(rank, "depthwise", "pointwise", filters=True, depth_multiplier=st.integers(1, 3))


def pooling(rank: int, *, needed: bool) -> SearchStrategy[Draw]:
    size, rest = {"pool_size": sizes(rank)}, {"padding": PADDING, "data_format": DATA_FORMAT, "dtype": DTYPE}
    strides = {"strides": st.one_of(st.none(), sizes(rank))}
    args = st.fixed_dictionaries(size, optional=rest | strides) if needed else optional(**size, **strides, **rest)
    return st.builds(Draw, args, inputs(rank))


def global_pooling(rank: int) -> SearchStrategy[Draw]:
    return st.builds(Draw, optional(keepdims=st.booleans(), data_format=DATA_FORMAT, dtype=DTYPE), inputs(rank))


def adaptive_pooling(rank: int) -> SearchStrategy[Draw]:
    size = mostly(sizes(rank, 2, 4), sizes(rank, 1, 9))
    args = st.fixed_dictionaries({"output_size": size}, optional={"data_format": DATA_FORMAT, "dtype": DTYPE})
    return st.builds(Draw, args, inputs(rank))


RANKS = (1, 2, 3)

DRAWS: dict[str, SearchStrategy[Draw]] = {
    **{f"Conv{rank}D": plain(rank) for rank in RANKS},
    **{f"Conv{rank}DTranspose": transposed(rank) for rank in RANKS},
    **{f"DepthwiseConv{rank}D": depthwise(rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": separable(rank) for rank in (1, 2)},
    **{f"MaxPooling{rank}D": pooling(rank, needed=False) for rank in RANKS},
    **{f"AveragePooling{rank}D": pooling(rank, needed=True) for rank in RANKS},
    **{f"Global{kind}Pooling{rank}D": global_pooling(rank) for kind in ("Max", "Average") for rank in RANKS},
    **{f"Adaptive{kind}Pooling{rank}D": adaptive_pooling(rank) for kind in ("Max", "Average") for rank in RANKS},
}

_LORA = "Keras takes it through **kwargs of its base class"
DIFFERS = {f"Conv{rank}D": {"lora_rank": _LORA, "lora_alpha": _LORA} for rank in RANKS}

STRICTER = {
    **{
        f"Conv{rank}DTranspose": {
            "E107": "output_padding 0, padding same and an even kernel pass the symbolic call, but TensorFlow fails"
        }
        for rank in RANKS
    },
    **{
        f"Adaptive{kind}Pooling{rank}D": {
            "E403": "the symbolic call never looks at the rank; the run fails or pools another axis",
            "E404": "the symbolic call passes; TensorFlow refuses a window larger than the input",
        }
        for kind in ("Max", "Average")
        for rank in RANKS
    },
}
