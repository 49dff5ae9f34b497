"""`freeze`: which layers it means, and what becomes of them in the graph."""

from __future__ import annotations

import pytest

from compiler.errors import render
from compiler.ir import graph_text
from tests.language.models import codes, compiled, graph_of, names

MODEL = """
input: [8, 8, 1]
vars: {tuned: 1}
blocks:
  conv: {layers: [{op: Conv2D, filters: 2, kernel_size: 1}, BatchNormalization, ReLU]}
layers:
  - {op: conv, name: stem}
  - {op: conv, repeat: 2, name: stage}
  - {op: residual, name: r, layers: [conv]}
  - GlobalAveragePooling2D
  - {op: Dense, units: 3, name: head}
"""
WEIGHTED = [name for name in names(MODEL) if name.endswith(("Conv2D", "Normalization", "head"))]


def frozen(freeze: str, text: str = MODEL) -> list[str]:
    """The names of the layers that are frozen."""
    return [node.name for node in graph_of(f"{text}freeze: {freeze}\n").frozen]


@pytest.mark.parametrize(
    ("freeze", "wanted"),
    [
        ("['*']", WEIGHTED),
        ("['*', '!head']", WEIGHTED[:-1]),
        ("['*', '!stage.1', '!head']", [*WEIGHTED[:4], *WEIGHTED[6:8]]),
        (
            "['*', '!stage', stage.0.Conv2D, '!head', '!r']",
            ["stem.Conv2D", "stem.BatchNormalization", "stage.0.Conv2D"],
        ),
        ("[stem]", WEIGHTED[:2]),
        ("['*.Conv2D']", [name for name in WEIGHTED if name.endswith("Conv2D")]),
        ("[stage.?.Conv2D]", ["stage.0.Conv2D", "stage.1.Conv2D"]),
        ("[r]", ["r.conv.Conv2D", "r.conv.BatchNormalization"]),
        ("[]", []),
        ("null", []),
        ("\"$['stage.' + str(i) for i in range(2)] if false else ['stage']\"", None),
        ("\"$['head'] if tuned > 0 else []\"", ["head"]),
        ("['$\"stage.\" + str(tuned)']", ["stage.1.Conv2D", "stage.1.BatchNormalization"]),
    ],
)
def test_which_layers_are_frozen(freeze: str, wanted: list[str] | None) -> None:
    if wanted is None:  # the language has no comprehensions
        assert codes(f"{MODEL}freeze: {freeze}\n") == ["E201"]
    else:
        assert frozen(freeze) == wanted


def test_only_layers_with_weights_get_the_argument() -> None:
    graph = graph_of(f"{MODEL}freeze: ['*']\n")
    told = [node.name for node in graph if "trainable" in node.node.args]
    assert told == WEIGHTED
    assert graph.trainable_params == 0 < graph.params
    assert graph.hash != graph_of(MODEL).hash


def test_it_comes_after_the_patch() -> None:
    text = f"{MODEL}patch: {{head: {{replace: [{{op: Dense, units: 4, name: wide}}, {{op: Dense, units: 3}}]}}}}\n"
    assert frozen("['*', '!wide', '!head']", text) == WEIGHTED[:-1]


def test_shared_weights_are_frozen_through_any_of_their_calls() -> None:
    text = "input: [4]\nlayers: [{op: Dense, units: 4, name: a}, {share: a, name: b}, {op: Dense, units: 4, name: c}]\n"
    graph = graph_of(f"{text}freeze: [b]\n")
    assert [node.node.args.get("trainable") for node in graph] == [None, False, False, None]
    assert frozen("['*', '!b']", text) == ["c"]


def test_a_nested_model_can_have_its_own() -> None:
    nested = "input: [4]\nlayers: [{op: Dense, units: 4, name: a}, {op: Dense, units: 4, name: b}]\nfreeze: [a]\n"
    outer = "input: [4]\nlayers: [{op: model/nested, name: body}, {op: Dense, units: 2, name: a}]\n"
    models = {"nested": nested}
    assert [node.name for node in graph_of(outer, models).frozen] == ["body.a"]
    assert [node.name for node in graph_of(f"{outer}freeze: [body.b]", models).frozen] == ["body.a", "body.b"]
    assert [node.name for node in graph_of(f"{outer}freeze: ['*', '!body']", models).frozen] == ["a"]


def test_it_reaches_the_layers_inside_a_layer() -> None:
    text = """
        input: [6, 4]
        layers:
          - {op: Bidirectional, layer: {op: LSTM, units: 2, return_sequences: true}}
          - {op: TimeDistributed, layer: BatchNormalization}
          - {op: MultiHeadAttention, num_heads: 2, key_dim: 2, from: {query: prev, value: prev}}
          - {op: ConvLSTM1D, filters: 2, kernel_size: 1, from: input, name: opaque}
        outputs: [MultiHeadAttention, opaque]
        freeze: ['*']
    """
    text = text.replace("input: [6, 4]", "input: [6, 4, 4]").replace(
        "- {op: Bi", "- {op: Reshape, target_shape: [6, 16]}\n          - {op: Bi"
    )
    graph, diagnostics = compiled(text)
    assert render(diagnostics.faults) == ""
    assert graph.trainable_params == 0
    lines = {line.split(" = ")[0].strip(): line for line in graph_text(graph).splitlines()}
    assert 'layer={"op": "LSTM", "trainable": false' in lines["%Bidirectional"]
    assert 'layer={"op": "BatchNormalization", "trainable": false}' in lines["%TimeDistributed"]
    # Keras's constructor would leave what is inside these trainable: targets freeze them when they are built
    assert [node.name for node in graph if node.node.frozen] == ["MultiHeadAttention", "opaque"]
    assert "trainable" not in lines["%MultiHeadAttention"]


@pytest.mark.parametrize(
    ("freeze", "wanted"),
    [
        ("head", ["E114"]),
        ("[3]", ["E114"]),
        ("['!head']", ["E114"]),
        ("['!']", ["E114"]),
        ("{head: true}", ["E114"]),
        ("[hed]", ["E213"]),
        ("['*', '!hed', input]", ["E213", "E213"]),
        ("[$nothing]", ["E202"]),
    ],
)
def test_freezes_that_mean_nothing(freeze: str, wanted: list[str]) -> None:
    assert codes(f"{MODEL}freeze: {freeze}\n") == wanted


def test_a_faulty_layer_may_be_what_a_glob_means() -> None:
    assert codes("input: [4]\nlayers: [{op: Denze, units: 4}]\nfreeze: ['*.kernel']\n") == ["E102"]
