"""Folding: a graph as a model file with repeats written once compiles to that same graph. Nothing here asks Keras."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from compiler.check import Limits
from compiler.errors import Diagnostics, Place, Source
from compiler.importer.document import document
from compiler.importer.fold import folded
from compiler.importer.keras_config import input_names, renamed
from compiler.importer.model_file import compiled_text
from compiler.importer.regions import items_of
from compiler.importer.titles import automatic
from compiler.importer.tree import Folded
from compiler.importer.yaml_text import yaml_text
from compiler.ir import CheckedGraph, Graph, Output, canonical_text
from compiler.settings import InvalidSettings
from tests.targets.graphs import Builder
from tests.targets.python_models import Structured, tangled

PLACE = Place(Source("model.yaml", ""), 1, 1)


def texts(graph: Graph) -> tuple[str, str]:
    """The model file for a graph, folded and as a list; each compiles to the graph."""
    graph = renamed(graph, input_names(graph))
    said = {node.name: node.name for node in graph if not automatic(node.name.rpartition(".")[2], node.op)}
    items = items_of(graph, said)
    made: list[str] = []
    for tree in (folded(items, tuple(output.node for output in graph.outputs)), Folded(items)):
        text = yaml_text(document(graph, tree))
        diagnostics = Diagnostics()
        again = compiled_text(text, PLACE, diagnostics, Limits())
        assert diagnostics.faults == [], text
        assert again is not None and canonical_text(again.graph) == canonical_text(graph), text
        made.append(text)
    return made[0], made[1]


def text_of(graph: CheckedGraph) -> str:
    return texts(graph.graph)[0]


@pytest.mark.parametrize("first", range(0, 160, 20))
@pytest.mark.parametrize("kind", ["structured", "tangled"])
def test_drawn_graphs(kind: str, first: int) -> None:
    lines: list[tuple[int, int]] = []
    for seed in range(first, first + 20):
        draw = random.Random(seed)
        try:
            graph = Structured(draw).graph() if kind == "structured" else tangled(draw, draw.randint(2, 25))
        except InvalidSettings:  # a rate of 1
            continue
        short, long = texts(graph.graph)
        lines.append((short.count("\n"), long.count("\n")))
    assert sum(short for short, _ in lines) < sum(long for _, long in lines)


def stage(add: Builder, x: str, name: str, units: int, count: int, rates: list[float]) -> str:
    """A layer and `count` residuals, as a person would name them."""
    x = add(f"{name}_down", "Dense", x, units=units)
    for i in range(count):
        y = add(f"{name}_block{i + 1}_norm", "LayerNormalization", x, epsilon=1e-6)
        y = add(f"{name}_block{i + 1}_wide", "Dense", y, units=4 * units, activation="gelu")
        y = add(f"{name}_block{i + 1}_narrow", "Dense", y, units=units)
        y = add(f"{name}_block{i + 1}_drop", "Dropout", y, rate=rates[i])
        x = add(f"{name}_block{i + 1}_add", "Add", [y, x])
    return x


def test_stages_of_residuals(golden: Callable[[str, str], None]) -> None:
    add = Builder()
    x = add("input", "Input", shape=[16])
    for at, (units, count) in enumerate([(8, 2), (16, 4), (32, 3)], start=1):
        x = stage(add, x, f"stage{at}", units, count, [0.1 * at] * count)
    add("head", "Dense", x, units=10, activation="softmax")
    golden("import/stages.yaml", text_of(add.graph("head")))


def test_rates_that_grow(golden: Callable[[str, str], None]) -> None:
    add = Builder()
    x = stage(add, add("input", "Input", shape=[16]), "only", 16, 4, [0.0, 0.1, 0.2, 0.3])
    golden("import/rates.yaml", text_of(add.graph(x)))


def test_blocks_far_apart(golden: Callable[[str, str], None]) -> None:
    add = Builder()
    x = add("input", "Input", shape=[32, 32, 3])
    for at, (filters, kernel, pool) in enumerate([(8, 7, "MaxPooling2D"), (16, 3, "UpSampling2D"), (32, 3, "")]):
        x = add(f"conv{at}", "Conv2D", x, filters=filters, kernel_size=kernel, padding="same", use_bias=False)
        x = add(f"conv{at}_bn", "BatchNormalization", x)
        x = add(f"conv{at}_relu", "ReLU", x, max_value=6.0)
        x = add(f"shrink{at}", pool, x) if pool else x
    x = add("flat", "Flatten", x)
    golden("import/blocks.yaml", text_of(add.graph(x)))


def test_what_goes_by_name(golden: Callable[[str, str], None]) -> None:
    """Skips over several layers, a shared layer, two inputs, two outputs with keys."""
    add = Builder()
    left, right = add("left", "Input", shape=[8]), add("right", "Input", shape=[8])
    a = add("encoder", "Dense", left, units=8)
    b = add("again", "Dense", right, "encoder", units=8)
    joint = add("joint", "Concatenate", [a, b])
    deep = add("deep", "Dense", joint, units=8)
    skip = add("skip", "Add", [deep, a])
    add("label", "Dense", skip, units=2, activation="softmax")
    add("value", "Dense", joint, units=1)
    golden("import/names.yaml", text_of(add.graph(Output("label", "class"), Output("value", "number"))))


def test_initializers_become_variables(golden: Callable[[str, str], None]) -> None:
    add = Builder()
    x = add("input", "Input", shape=[8])
    fan_out = {"op": "VarianceScaling", "scale": 2.0, "mode": "fan_out"}
    for at, activation in enumerate(["relu", "tanh", "elu"]):
        x = add(f"{activation}_layer", "Dense", x, units=8 + at, activation=activation, kernel_initializer=fan_out)
    golden("import/variables.yaml", text_of(add.graph(x)))


def test_one_layer() -> None:
    add = Builder()
    x = add("input", "Input", shape=[8])
    assert text_of(add.graph(add("flat", "Flatten", x))) == "input: [8]\nlayers:\n  - {op: Flatten, name: flat}\n"


def test_the_hash_does_not_see_names_or_the_order_of_what_stands_apart() -> None:
    def graph(first: str, second: str, merged: list[str]) -> CheckedGraph:
        add = Builder()
        x = add("input", "Input", shape=[8])
        for name in (first, second):
            add(name, "Dense", x, units=8, use_bias=name.startswith("a"))
        return add.graph(add("sum", "Add", merged))

    assert graph("a", "b", ["a", "b"]).hash == graph("b", "a1", ["a1", "b"]).hash
    assert graph("a", "b", ["a", "b"]).hash != graph("a", "b", ["b", "a"]).hash
