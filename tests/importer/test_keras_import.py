"""The way back, with Keras as the judge: models that Keras builds and writes down, imported and compiled again."""

from __future__ import annotations

import json
import random
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings

from compiler.errors import Place, Source
from compiler.importer.keras_config import input_names, read_model, renamed
from compiler.importer.model_file import ModelFile, model_file
from compiler.ir import CheckedGraph, Node, canonical_text
from compiler.ops import OPS, NamedOp
from compiler.settings import InvalidSettings
from compiler.targets.keras import build
from tests.ops.drawing import Draw
from tests.ops.test_against_keras import DRAWS, Refusal, built, infer
from tests.targets import checked, node
from tests.targets.python_models import Structured, tangled

PLACE = Place(Source("model.json", ""), 1, 1)


def config(model: keras.Model) -> dict[str, Any]:
    return json.loads(model.to_json())


def imported(model: keras.Model) -> ModelFile:
    return model_file(config(model), PLACE)


def same(model: keras.Model) -> ModelFile:
    """Import a model, and see that the file builds one with the same weights in order and the same outputs."""
    found = imported(model)
    ours = build(found.graph)
    assert [tuple(weight.shape) for weight in ours.weights] == [tuple(weight.shape) for weight in model.weights]
    draw = np.random.default_rng(0)
    ours.set_weights([draw.normal(0.5, 0.1, weight.shape) for weight in ours.weights])
    model.set_weights(ours.get_weights())
    given = [array(draw, tensor) for tensor in model.inputs]
    flat = given[0] if len(given) == 1 else given
    theirs, mine = keras.tree.flatten(model(flat)), keras.tree.flatten(ours(flat))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return found


def array(draw: np.random.Generator, tensor: Any) -> np.ndarray:
    shape = [2, *(5 if dim is None else dim for dim in tensor.shape[1:])]
    return draw.integers(0, 9, shape) if "int" in tensor.dtype else draw.normal(size=shape).astype("float32")


def operands(step: Node) -> Any:
    """A node's inputs, as `node` takes them."""
    if any(operand.argument for operand in step.inputs):
        return {str(operand.argument): operand.node for operand in step.inputs}
    return [operand.node for operand in step.inputs]


def comparable(value: Any) -> Any:
    """A config without what depends on where its model was built: names, and the modules of classes."""
    if isinstance(value, dict):
        left_out = ("name", "module", "keras_history", "input_layers", "output_layers")
        return {key: comparable(item) for key, item in value.items() if key not in left_out}
    return [comparable(item) for item in value] if isinstance(value, list) else value


# --- every layer, and drawn graphs ---------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(name for name in DRAWS if not OPS[name].keras.startswith("tests")))
def test_a_layer_comes_back_as_it_was(name: str) -> None:
    cls = OPS[name]

    @settings(max_examples=3, derandomize=True, database=None, phases=(Phase.generate,))
    @given(DRAWS[name])
    def comes_back(draw: Draw) -> None:
        lost = name.startswith("SpatialDropout") and "dtype" in draw.args  # Keras does not write it down
        if lost or isinstance(built(cls, draw), Exception) or isinstance(infer(cls, draw, "float32"), Refusal):
            reject()
        entering = [node(f"in_{key}", "Input", shape=shape, dtype=dtype) for key, (shape, dtype) in draw.inputs.items()]
        keys = {key: f"in_{key}" for key in draw.inputs}
        args: dict[str, Any] = draw.args
        layer = node("layer", name, keys if issubclass(cls, NamedOp) else list(keys.values()), **args)
        graph = checked(*entering, layer)
        model = config(build(graph))
        try:
            keras.models.model_from_json(json.dumps(model))
        except ValueError:
            reject()  # Keras cannot read it back itself
        found = read_model(model, PLACE).graph
        again = checked(*(node(step.name, step.op, operands(step), **step.args) for step in found))
        assert comparable(config(build(again, "again"))) == comparable(model)

    comes_back()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["structured", "tangled"])
def test_a_drawn_graph_comes_back_as_it_was(kind: str, seed: int) -> None:
    graph = drawn(kind, seed)
    found = model_file(config(build(graph)), PLACE)
    meant = renamed(graph.graph, input_names(graph.graph))
    assert canonical_text(found.graph.graph) == canonical_text(meant)
    assert found.graph.hash == graph.hash or "other" in {step.name for step in graph.inputs}


def drawn(kind: str, seed: int) -> CheckedGraph:
    """A graph under the policy float32, which is the one that no layer names."""
    while True:
        draw = random.Random(seed)
        try:
            graph = Structured(draw).graph() if kind == "structured" else tangled(draw, draw.randint(2, 25))
        except InvalidSettings:  # a rate of 1
            graph = None
        if graph is not None and graph.precision == "float32":
            return graph
        seed += 1000
