"""Every model of docs/language.md and of conf/model, built by Keras: what was inferred is what Keras makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compiler.errors import Diagnostics, render
from compiler.ir import CheckedGraph, TensorType
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.spec.source import model_loader, model_tree
from compiler.targets.keras import build
from compiler.targets.keras_order import layer_order
from tests.language.models import compile_file, graph_of
from tests.language.test_language_page import MODELS
from tests.networks import SHIPPED
from tests.pages import Example

SMALL = 3_000_000  # parameters up to which a forward pass is run


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras.backend.clear_session()
    monkeypatch.chdir(tmp_path)


def drawn(kind: TensorType, rows: int) -> np.ndarray:
    """Random rows of one input; unknown sizes are 5, integers below 9, and strings words of one letter."""
    shape = (rows, *(5 if size is None else size for size in kind.shape))
    random = np.random.default_rng(0)
    if kind.dtype == "string":
        return random.choice(list("abc"), shape)
    return (
        random.integers(0, 9, shape).astype(kind.dtype)
        if "int" in kind.dtype
        else random.normal(size=shape).astype(kind.dtype)
    )


def agrees(graph: CheckedGraph) -> None:
    """Hold a graph against the Keras model that is built from it."""
    model = build(graph)
    assert model.count_params() == graph.params
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == graph.trainable_params
    names = [layer.name for layer in model.layers]
    assert [node.name for node in layer_order(graph) if node.name in names] == names
    types = {node.name: node.type for node in graph}
    for node in graph:
        if node.node.op == "Input" or node.node.shares:
            continue
        layer: Any = next(operation for operation in model.operations if operation.name == node.name)
        if node.node.op.startswith("ops."):
            assert node.type is not None
            assert (tuple(layer.output.shape[1:]), layer.output.dtype) == (node.type.shape, node.type.dtype), node.name
            continue
        assert [tuple(weight.shape) for weight in layer.weights] == [weight.shape for weight in node.weights], node.name
        found = types[node.name]
        if found is not None and not any(other.node.shares == node.name for other in graph):
            assert (tuple(layer.output.shape[1:]), layer.output.dtype) == (found.shape, found.dtype), node.name
    if graph.params > SMALL:
        return
    rows = {node.name: drawn(node.type, 2) for node in graph.inputs if node.type is not None}
    results = model(rows if len(rows) > 1 else next(iter(rows.values())))
    if not isinstance(results, dict):
        results = dict(enumerate(results if isinstance(results, (list, tuple)) else [results]))
    for given, output in zip(results.values(), graph.outputs, strict=True):
        found = types[output.node]
        assert found is not None and len(given.shape) == len(found.shape) + 1
        assert all(ours in (None, theirs) for ours, theirs in zip(found.shape, given.shape[1:], strict=True))
        assert np.isfinite(np.asarray(given)).all()


@pytest.mark.parametrize("example", MODELS, ids=str)
def test_a_model_of_the_page_is_what_keras_builds(example: Example, tmp_path: Path) -> None:
    example.make_files(tmp_path)
    graph, diagnostics = compile_file(example.path)
    assert render(diagnostics.faults) == ""
    agrees(graph)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_what_keras_builds(name: str) -> None:
    composed = compose(for_hydra([f"model={name}"]))
    diagnostics = Diagnostics()
    tree = model_tree(composed, diagnostics)
    assert tree is not None
    graph = compile_model(ModelSource(tree, model_loader(composed, diagnostics)), diagnostics)
    assert render(diagnostics.faults) == ""
    agrees(graph)


@pytest.mark.parametrize(
    "text",
    [
        "input: [4]\nlayers: [{op: Dense, units: 4, name: a}]\noutputs: {y: a, x: input}",
        "input: [4]\nlayers: [{op: Dense, units: 4, name: a}]\noutputs: {y: a}",
        "input: [4]\nlayers: [{op: Dense, units: 4, name: a}, {share: a, repeat: 2}, {op: Add, from: [prev, a]}]",
        "inputs: {input: [4], b: [4]}\nlayers: [{op: Add, from: [input, b]}]",
        "input: {shape: [null], dtype: int32}\nlayers: [{op: Embedding, input_dim: 9, output_dim: 3}]",
        "input: [4]\nblocks: {b: {layers: [{op: Dense, units: 4}, {op: residual, layers: [BatchNormalization]}]}}\n"
        "layers: [{op: b, name: x}, {share: x}, {share: x, name: z}]",
        "input: [8, 8, 6]\nlayers:\n  - op: branches\n    merge: {op: Multiply, broadcast: true}\n"
        "    paths: [[], [{op: GlobalAveragePooling2D, keepdims: true}, {op: Dense, units: 6}]]",
        "input: [6, 4]\nlayers: [{op: MultiHeadAttention, num_heads: 2, key_dim: 3, use_causal_mask: true, "
        "from: {query: prev, value: prev}}]",
        "input: [4]\nlayers: [{op: residual, name: r, layers: [{op: Dense, units: 4, name: a}, "
        "{op: Add, from: [a, input]}]}, {op: Concatenate, from: [r.a, r]}]",
    ],
)
def test_corners_of_the_language_are_what_keras_builds(text: str) -> None:
    agrees(graph_of(text))


def test_shared_weights_are_one() -> None:
    graph = graph_of("input: [3]\nlayers: [{op: Dense, units: 3, name: a}, {share: a, repeat: 2}]")
    model = build(graph)
    (dense,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    dense.set_weights([2 * np.eye(3), np.ones(3)])
    # 2x + 1, three times over
    np.testing.assert_allclose(np.asarray(model(np.array([[0.0, 1.0, 2.0]]))), [[7.0, 15.0, 23.0]])
