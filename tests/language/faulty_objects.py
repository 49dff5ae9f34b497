"""Model files with faults in cells, pipelines, activations and vocabularies, added to `CASES`."""

from __future__ import annotations

from tests.language.faulty_functions import CASES
from tests.language.faulty_models import case, layers

__all__ = ["CASES"]

_CONV_LSTM = "ConvLSTM1D, filters: 3, kernel_size: 3"

layers(
    "cells",
    "E102 E107 E102 E104 E107 E107",
    "{op: LSTMCell, units: 3}",
    "{op: RNN, cell: {op: LSTM, units: 3}}",
    "{op: RNN, cell: [{op: LSTMCell, units: 3}, {op: GRUCel, units: 3}]}",
    "{op: RNN, cell: {op: StackedRNNCells, cells: [{op: GRUCell, unit: 3}]}}",
    "{op: RNN, cell: {op: LSTMCell, units: 3}, return_state: true}",
    "{op: TimeDistributed, layer: {op: LSTMCell, units: 3}}",
)
layers("states", "E107 E107", *(f"{{op: {op}, return_state: true}}" for op in ("LSTM, units: 3", _CONV_LSTM)))
case("cell_by_an_expression", "E102", "vars: {cell: GRUCell}\nlayers: [{op: $cell, units: 3}]\n")
layers("left_out", "E102 E102 E102", "InputLayer", "Wrapper", "Layer")
layers("pipeline", "E105 E107", "{op: Pipeline, layers: [RandomFlip, RandomRotation]}", "{op: Pipeline, layers: [Add]}")
layers(
    "activation_layers",
    "E107 E108 E104",
    "{op: Dense, units: 3, activation: PReLU}",
    "{op: Dense, units: 3, activation: {op: LeekyReLU}}",
    "{op: Dense, units: 3, activation: {op: LeakyReLU, slope: 1}}",
)
case(
    "vocabularies",
    "E106 E105 E107 E412",
    """
input: {shape: [4], dtype: string}
layers:
  - {op: StringLookup, vocabulary: words.txt}
  - {op: StringLookup}
  - {op: StringLookup, vocabulary: [a, b, a]}
  - {op: Dense, units: 3, from: input}
outputs: [StringLookup, StringLookup_1, StringLookup_2, Dense]
""".lstrip(),
)
