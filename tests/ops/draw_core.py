"""Draws for Dense and its like."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import (
    ACTIVATION,
    CONSTRAINT,
    DTYPE,
    FLOAT,
    INITIALIZER,
    INTEGER,
    REGULARIZER,
    Draw,
    mostly,
    optional,
    shapes,
)

LAYER: dict[str, SearchStrategy[object]] = {"dtype": DTYPE, "activity_regularizer": REGULARIZER}
LORA: dict[str, SearchStrategy[object]] = {"lora_rank": st.integers(1, 3), "lora_alpha": st.integers(1, 3)}
ANY_DTYPE = st.one_of(FLOAT, INTEGER, st.just("bool"))


def one(x: SearchStrategy[Shape], dtype: SearchStrategy[str] = FLOAT) -> SearchStrategy[Draw]:
    """A draw without arguments of one input."""
    return st.builds(lambda shape, name: Draw({}, (shape,), {"0": name}), x, dtype)


def with_args(args: SearchStrategy[dict[str, object]], draws: SearchStrategy[Draw]) -> SearchStrategy[Draw]:
    """`draws` with arguments."""
    return st.builds(lambda some, draw: Draw({**draw.args, **some}, draw.shapes, draw.dtypes), args, draws)


def weight(*names: str) -> dict[str, SearchStrategy[object]]:
    """The initializer, regularizer and constraint of each weight."""
    parts = {"initializer": INITIALIZER, "regularizer": REGULARIZER, "constraint": CONSTRAINT}
    return {f"{name}_{part}": strategy for name in names for part, strategy in parts.items()}


# Keras refuses LoRA beside a kernel constraint, so that most draws have but one of them.
def dense() -> SearchStrategy[Draw]:
    rest = {**LAYER, "activation": ACTIVATION, "use_bias": st.booleans(), **weight("bias")}
    needed = {"units": st.integers(1, 9)}
    args = st.one_of(
        st.fixed_dictionaries(needed, optional=rest | weight("kernel")),
        st.fixed_dictionaries(needed, optional=rest | LORA),
        st.fixed_dictionaries(needed | LORA, optional=rest | {"kernel_constraint": CONSTRAINT}),
    )
    return with_args(args, one(mostly(shapes(1, 4), st.just(())), ANY_DTYPE))


# --- EinsumDense -----------------------------------------------------------------------------

RIGHT = (
    "ab,bc->ac", "abc,cd->abd", "abc,bd->adc", "abc,bcd->ad", "abcd,cde->abe", "abc,cde->abde", "abc,bcd->abd",
    "aBd,dNH->aBNH", "aTNH,NHD->aTD", "ab,b->a", "ab,->ab",
    "...x,xy->...y", "...xy,yz->...xz", "...ab,abc->...c", "...x,xyz->...yz",
    "ab...,bc->ac...", "abc...,cd->abd...", "abc...,bd->adc...",
)  # fmt: skip
WRONG = (
    "", "ab", "ab,bc", "ab, bc -> ac", "ab,bc->ac...", "...ab,bc->ac", "...ab,bc->ac...", "a...,ab->b...", "ab,cd->ad",
    "ab,bcd->ac", "ab,bc->aa", "ab,bc->acc", "ab,bc->ca", "ab,ab->ab", "ba,bc->ac", "ab,bc->axc", "a1,1c->ac",
)  # fmt: skip


@st.composite
def einsum_dense(draw: st.DrawFn) -> Draw:
    """Equations that mostly hold, with sizes that mostly fit."""
    equation = draw(mostly(st.sampled_from(RIGHT), st.sampled_from(WRONG)))
    entering, _, leaving = equation.replace(".", "").replace("->", ",").replace(" ", "").partition(",")
    leaving = leaving.rpartition(",")[2]
    hidden = draw(st.integers(0, 3)) if "..." in equation else draw(mostly(st.just(0), st.just(1)))
    before = equation.startswith("...") and hidden
    rank = max(0, len(entering) + hidden - 1)
    x = draw(mostly(shapes(rank, rank, size=4, unknown=False), shapes(rank, rank, size=4), one_in=3))
    sizes = dict(zip(entering if before else entering[1:], x[max(0, hidden - 1) :] if before else x, strict=False))
    named = leaving if before else leaving[1:]
    free = st.integers(1, 4)
    fitting = [st.sampled_from([None, sizes[letter]]) if letter in sizes else free for letter in named]
    output = [draw(mostly(fits, free, one_in=20)) for fits in fitting] + draw(
        mostly(st.just([]), st.just([3]), one_in=20)
    )
    short = len(output) == 1 and output[0] is not None and draw(st.booleans())
    fixed = "".join(letter for letter, size in zip(named, output, strict=False) if size is not None)
    bias = draw(
        st.one_of(st.none(), mostly(st.just(fixed[-1:] or None), st.sampled_from(["z", "", leaving[-2:], fixed])))
    )
    args: dict[str, object] = {"equation": equation, "output_shape": output[0] if short else output}
    args |= {"bias_axes": bias} if bias is not None and draw(st.booleans()) else {}
    args |= draw(optional(**LAYER, activation=ACTIVATION, **weight("bias")))
    args |= draw(optional(**draw(st.sampled_from([weight("kernel"), LORA]))))
    return Draw(args, (x,), {"0": draw(FLOAT)})


def embedding() -> SearchStrategy[Draw]:
    needed = {"input_dim": st.sampled_from([1, 2, 9, 256, 257, 258, 3000]), "output_dim": st.integers(1, 4)}
    rest = {**LAYER, "mask_zero": st.booleans()}
    args = st.one_of(
        st.fixed_dictionaries(needed, optional=rest | weight("embeddings")),
        st.fixed_dictionaries(needed, optional=rest | LORA),
    )
    return with_args(args, one(shapes(0, 3), ANY_DTYPE))


@st.composite
def reversible(draw: st.DrawFn) -> Draw:
    """Look-ups, and the way back from vectors that mostly fit."""
    size = draw(st.integers(1, 4))
    needed: dict[str, SearchStrategy[object]] = {
        "input_dim": st.sampled_from([1, 2, 9, 258]),
        "output_dim": st.just(size),
    }
    rest: dict[str, SearchStrategy[object]] = {
        **LAYER,
        **weight("embeddings"),
        "mask_zero": st.booleans(),
        "tie_weights": st.booleans(),
        "reverse_dtype": st.sampled_from([None, "float32"]),
        "logit_soft_cap": st.sampled_from([None, 30]),
        "reverse": st.booleans(),
    }
    args: dict[str, object] = draw(st.fixed_dictionaries(needed, optional=rest))
    if not args.get("reverse"):
        return Draw(args, (draw(shapes(0, 3)),), {"0": draw(ANY_DTYPE)})
    vectors: SearchStrategy[Shape] = shapes(0, 2).map(lambda shape: (*shape, size))
    x = draw(mostly(vectors, shapes(0, 2)))
    return Draw(args, (x,), {"0": draw(mostly(FLOAT, INTEGER))})


SIZE = st.one_of(st.none(), st.integers(0, 9))

DRAWS: dict[str, SearchStrategy[Draw]] = {
    "Input": st.builds(
        lambda args: Draw(args, ()),
        st.fixed_dictionaries(
            {"shape": st.lists(mostly(SIZE, st.just(-1), one_in=20), max_size=4)},
            optional={"dtype": st.one_of(st.none(), ANY_DTYPE, st.just("string")), "batch_size": st.integers(1, 4)},
        ),
    ),
    "Dense": dense(),
    "EinsumDense": einsum_dense(),
    "Embedding": embedding(),
    "ReversibleEmbedding": reversible(),
    "Identity": with_args(optional(dtype=DTYPE), one(shapes(0, 4), ANY_DTYPE)),
    "Masking": with_args(optional(**LAYER, mask_value=st.sampled_from([0.0, -1, 2.5])), one(shapes(0, 4), ANY_DTYPE)),
}

_QUANTIZATION = "weights are quantised after training, not declared"
DIFFERS = {
    "Dense": {"quantization_config": _QUANTIZATION},
    "EinsumDense": {
        "quantization_config": _QUANTIZATION,
        "gptq_unpacked_column_size": "Keras's own, for loading quantised weights",
    },
    "Embedding": {
        "quantization_config": _QUANTIZATION,
        "weights": "values do not stand in a model file; an initializer does it",
    },
    "Input": {
        "shape": "Keras needs it too, but for batch_shape in its place",
        "batch_shape": "shape and batch_size say it",
        "sparse": "TensorFlow's sparse tensors pass few layers",
        "ragged": "TensorFlow's ragged tensors pass few layers",
        "tensor": "a tensor is no plain value",
        "optional": "every input of a model is given",
    },
}

STRICTER = {
    "EinsumDense": {
        "E107": "Keras reads as much of the equation as it understands; TensorFlow refuses to run the rest",
        "E403": "the symbolic call never looks at the rank, and reverses the axes of '...'; the run fails or differs",
        "E410": "Keras takes sizes too many, and its symbolic shape is then not that of the run",
    },
    "Embedding": {"E412": "floating-point numbers that mix up indices"},
    "ReversibleEmbedding": {
        "E412": "floating-point numbers that mix up indices, and integers on the way back",
        "E410": "Keras finds out in the run that vectors do not fit",
    },
    "Masking": {"E403": "Keras would mask along the batch"},
}
