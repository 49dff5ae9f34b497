"""Draws of convolutional LSTMs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.ops.draw_conv import RANKS, sliding
from tests.ops.drawing import ACTIVATION, DTYPE, Draw, dims, mostly

SELDOM = mostly(st.just(False), st.just(True), 16)


def over_time(rank: int) -> SearchStrategy[Draw]:
    """The draws of a convolution, with time before what enters."""
    # The default is orthogonal, which TensorFlow cannot draw in bfloat16.
    initializer = st.sampled_from(["glorot_normal", "glorot_normal", "orthogonal"])
    some: dict[str, SearchStrategy[object]] = {
        "recurrent_activation": ACTIVATION,
        "unit_forget_bias": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.5]),
        "recurrent_dropout": st.sampled_from([0, 0.25]),
        "seed": st.sampled_from([None, 3]),
        "return_sequences": st.booleans(),
        "return_state": SELDOM,
        "go_backwards": st.booleans(),
        "stateful": SELDOM,
        "trainable": st.booleans(),
        "dtype": DTYPE,
    }

    def timed(draw: Draw, steps: int | None, begin: object) -> Draw:
        (x,) = draw.inputs.values()
        return replace(draw, args={"recurrent_initializer": begin, **draw.args}, shapes=((steps, *x[0]),))

    return st.builds(timed, sliding(rank, "kernel", "recurrent", filters=True, **some), dims(high=4), initializer)


DRAWS: dict[str, SearchStrategy[Draw]] = {f"ConvLSTM{rank}D": over_time(rank) for rank in RANKS}

STRICTER = {
    name: {"E107": "a layer has one output and no state here", "E404": "Keras promises no output, and fails on it"}
    for name in DRAWS
}
