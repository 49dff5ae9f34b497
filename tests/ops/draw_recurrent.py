"""Draws of recurrent layers and of the wrappers over time."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from compiler.ir import Shape
from tests.ops.drawing import (
    ACTIVATION,
    CONSTRAINT,
    DTYPE,
    FLOAT,
    INITIALIZER,
    PADDING,
    REGULARIZER,
    Draw,
    dims,
    mostly,
    optional,
    shapes,
)

SELDOM = mostly(st.just(False), st.just(True))

_SHARED: dict[str, SearchStrategy[object]] = {
    "activation": ACTIVATION,
    "use_bias": st.booleans(),
    "kernel_initializer": INITIALIZER,
    "recurrent_regularizer": REGULARIZER,
    "bias_constraint": CONSTRAINT,
    "dropout": st.sampled_from([0.0, 0.5]),
    "recurrent_dropout": st.sampled_from([0, 0.25]),
    "seed": st.sampled_from([None, 3]),
    "return_sequences": st.booleans(),
    "go_backwards": st.booleans(),
    "unroll": st.booleans(),
    "trainable": st.booleans(),
    "dtype": DTYPE,
}
_OWN: dict[str, dict[str, SearchStrategy[object]]] = {
    "SimpleRNN": {},
    "LSTM": {
        "recurrent_activation": ACTIVATION,
        "unit_forget_bias": st.booleans(),
        "use_cudnn": st.sampled_from(["auto", False]),
    },
    "GRU": {
        "recurrent_activation": ACTIVATION,
        "reset_after": st.booleans(),
        "use_cudnn": st.sampled_from(["auto", False]),
    },
}


def arguments(name: str) -> SearchStrategy[dict[str, object]]:
    # The default is orthogonal, which TensorFlow cannot draw in bfloat16.
    initializer = st.sampled_from(["glorot_normal", "glorot_normal", "orthogonal"])
    needed: dict[str, SearchStrategy[object]] = {"units": st.integers(1, 5), "recurrent_initializer": initializer}
    return st.fixed_dictionaries(needed, optional={**_SHARED, **_OWN[name]})


def nested(name: str, *without: str) -> SearchStrategy[dict[str, object]]:
    return arguments(name).map(lambda args: {"op": name, **{k: v for k, v in args.items() if k not in without}})


SEQUENCE: SearchStrategy[tuple[Shape, ...]] = mostly(shapes(2), shapes(1, 3)).map(lambda shape: (shape,))


def recurrent(name: str) -> SearchStrategy[Draw]:
    refused = st.sampled_from([{"return_state": True}, {"stateful": True}, {"units": 0}, {"unroll": 1}])
    args = mostly(arguments(name), st.builds(lambda a, b: {**a, **b}, arguments(name), refused))
    return st.builds(Draw, args, SEQUENCE, st.fixed_dictionaries({"0": FLOAT}))


CELLS = {"SimpleRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
_OF_LAYERS = ("return_sequences", "go_backwards", "unroll", "use_cudnn")


def cell_arguments(name: str) -> SearchStrategy[dict[str, object]]:
    return arguments(CELLS[name]).map(lambda args: {k: v for k, v in args.items() if k not in _OF_LAYERS})


def one_cell(*without: str) -> SearchStrategy[dict[str, object]]:
    def named(name: str) -> SearchStrategy[dict[str, object]]:
        return cell_arguments(name).map(lambda a: {"op": name, **{k: v for k, v in a.items() if k not in without}})

    return st.sampled_from([*CELLS]).flatmap(named)


CELL_LIST: SearchStrategy[object] = st.lists(one_cell(), min_size=1, max_size=3)
WRONG_CELLS: list[object] = [[], "LSTM", {"op": "Dense", "units": 3}, ["Nonsense"], [{"op": "GRUCell", "units": 0}], 3]
STEP: SearchStrategy[tuple[Shape, ...]] = mostly(shapes(1), shapes(0, 2)).map(lambda shape: (shape,))


def cell(name: str) -> SearchStrategy[Draw]:
    return st.builds(Draw, cell_arguments(name), STEP, st.fixed_dictionaries({"0": FLOAT}))


def stacked() -> SearchStrategy[Draw]:
    cells = mostly(CELL_LIST, st.sampled_from(WRONG_CELLS))
    args = st.fixed_dictionaries({"cells": cells}, optional={"dtype": DTYPE})
    return st.builds(Draw, args, STEP, st.fixed_dictionaries({"0": FLOAT}))


def rnn_arguments() -> SearchStrategy[dict[str, object]]:
    stack = st.builds(lambda cells: {"op": "StackedRNNCells", "cells": cells}, CELL_LIST)
    cells: SearchStrategy[object] = mostly(st.one_of(one_cell(), CELL_LIST, stack), st.sampled_from(WRONG_CELLS))
    names = ("return_sequences", "go_backwards", "unroll", "trainable", "dtype")
    fields = {name: _SHARED[name] for name in names} | {"zero_output_for_mask": st.booleans()}
    return st.fixed_dictionaries({"cell": cells}, optional=fields)


@st.composite
def bidirectional(draw: st.DrawFn) -> Draw:
    name = draw(st.sampled_from([*_OWN]))
    if draw(SELDOM):
        return Draw({"layer": draw(convolutional())}, ((draw(dims()), 5, 2),))
    if draw(st.booleans()):
        cell = {"op": "RNN", **draw(rnn_arguments().map(lambda a: {k: v for k, v in a.items() if k != "go_backwards"}))}
        merge = draw(optional(merge_mode=st.sampled_from(["concat", "sum"])))
        return Draw({"layer": cell, **merge}, draw(SEQUENCE))
    layer = draw(nested(name, "go_backwards"))
    args: dict[str, object] = {"layer": layer}
    args |= draw(optional(merge_mode=st.sampled_from(["concat", "sum", "mul", "ave"]), dtype=DTYPE))
    if draw(st.booleans()):
        other = draw(st.sampled_from([*_OWN]))
        kept = {key: layer[key] for key in ("units", "return_sequences") if key in layer}
        backward = draw(nested(other, "units", "return_sequences")) | kept
        args["backward_layer"] = backward | draw(st.sampled_from([{"go_backwards": True}] * 9 + [{}, {"units": 7}]))
    elif draw(SELDOM):
        args["layer"] = draw(st.sampled_from([{**layer, "go_backwards": True}, {"op": "Dense", "units": 2}]))
    return Draw(args, draw(SEQUENCE))


def convolutional() -> SearchStrategy[dict[str, object]]:
    """A ConvLSTM as the layer of a Bidirectional, and what enters it."""
    return st.builds(
        lambda filters, sequences: {
            "op": "ConvLSTM1D", "filters": filters, "kernel_size": 2, "return_sequences": sequences,
            "recurrent_initializer": "glorot_normal",
        },
        st.integers(1, 3),
        st.booleans(),
    )  # fmt: skip


def both_ways(layer: dict[str, object]) -> dict[str, object]:
    return {"op": "Bidirectional", "layer": {**layer, "go_backwards": False}}


WITHOUT_TIME: list[dict[str, object]] = [
    {"op": "Dense", "units": 3, "trainable": False},
    {"op": "BatchNormalization"},
    {"op": "Flatten"},
    {"op": "Dropout", "rate": 0.5},
    {"op": "MaxPooling1D"},
    {"op": "GlobalAveragePooling1D"},
]
INSIDE: SearchStrategy[Mapping[str, object]] = st.one_of(
    st.builds(lambda units: {"op": "Dense", "units": units}, st.integers(1, 5)),
    st.builds(lambda padding: {"op": "Conv1D", "filters": 3, "kernel_size": 2, "padding": padding}, PADDING),
    st.sampled_from(WITHOUT_TIME),
    nested("LSTM", "dtype"),
    nested("GRU", "dtype").map(both_ways),
)


@st.composite
def time_distributed(draw: st.DrawFn) -> Draw:
    steps = draw(st.one_of(st.integers(1, 5), st.none()))
    rest = draw(mostly(st.tuples(dims(4), dims(1, unknown=False)), shapes(0, 3)))
    args = {"layer": draw(INSIDE), **draw(optional(dtype=DTYPE, trainable=st.booleans()))}
    return Draw(args, ((steps, *rest),), draw(st.fixed_dictionaries({}, optional={"0": FLOAT})))


DRAWS: dict[str, SearchStrategy[Draw]] = {
    **{name: recurrent(name) for name in _OWN},
    **{name: cell(name) for name in CELLS},
    "StackedRNNCells": stacked(),
    "RNN": st.builds(Draw, rnn_arguments(), SEQUENCE, st.fixed_dictionaries({"0": FLOAT})),
    "Bidirectional": bidirectional(),
    "TimeDistributed": time_distributed(),
}

DIFFERS = {"Bidirectional": {"weights": "arrays of initial weights have no place in a model file"}}

_ALONE = {"E403": "a cell alone takes steps of any rank, but an RNN gives it (features,)"}
_UNROLLED = "Keras finds out in the run that it cannot unroll an unknown number of steps"
_ONE_OUTPUT = "a layer has one output and no state here"

STRICTER = {
    **{name: {"E107": _ONE_OUTPUT, "E106": "Keras takes 1 for true", "E411": _UNROLLED} for name in _OWN},
    "RNN": {"E411": _UNROLLED, "E106": "Keras takes a stack of no cells, and fails when it is called"},
    "StackedRNNCells": _ALONE | {"E106": "Keras takes a stack of no cells, and fails when it is called"},
    **dict.fromkeys(CELLS, _ALONE),
    "Bidirectional": {
        "E410": "units that differ pass the symbolic call with a wrong shape",
        "E411": _UNROLLED,
    },
    "TimeDistributed": {
        "E403": "Keras never looks at the rank of what enters the layer inside",
    },
}
