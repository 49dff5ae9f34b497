"""The Python target's text: as a person would write it, as `ruff format` leaves it, and building what the graph says.

What a module builds is written down by a stand-in for Keras; `test_keras_python.py` has Keras itself.
"""

from __future__ import annotations

import ast
import itertools
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.commands import main
from compiler.errors import Diagnostics
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.spec.source import model_loader, model_tree
from compiler.targets.python import to_python
from compiler.targets.python_holes import LONGEST
from compiler.targets.python_layout import WIDTH, source
from tests.language.models import graph_of
from tests.networks import SHIPPED
from tests.targets.graphs import Builder
from tests.targets.python_models import Structured, same, tangled

Golden = Callable[[str, str], None]
ROOT = Path(__file__).parents[2]

U_NET = """
input: [64, 64, 3]
vars: {width: 16}
blocks:
  double:
    params: {filters: int}
    layers:
      - {op: Conv2D, filters: $filters, kernel_size: 3, padding: same, activation: relu}
      - {op: Conv2D, filters: $filters, kernel_size: 3, padding: same, activation: relu}
  down:
    params: {filters: int}
    layers: [{op: double, filters: $filters, name: skip}, MaxPooling2D]
  up:
    inputs: [x, skip]
    params: {filters: int}
    layers:
      - {op: Conv2DTranspose, filters: $filters, kernel_size: 2, strides: 2, from: x}
      - {op: Concatenate, from: [prev, skip]}
      - {op: double, filters: $filters}
layers:
  - {op: down, each: {f: [1, 2, 4]}, filters: $f*width}
  - {op: double, filters: $8*width, name: bottom}
  - op: up
    each: {f: [4, 2, 1], skip: [down.2.skip, down.1.skip, down.0.skip]}
    filters: $f*width
    from: [prev, $skip]
  - {op: Conv2D, filters: 2, kernel_size: 1, activation: softmax, name: mask}
"""
SIAMESE = """
inputs: {left: [28, 28, 1], right: [28, 28, 1]}
blocks:
  embed:
    layers:
      - {op: Conv2D, filters: 16, kernel_size: [3, 5], strides: 2, activation: relu}
      - GlobalAveragePooling2D
      - {op: Dense, units: 8, kernel_initializer: {op: RandomNormal, stddev: 0.1}, bias_regularizer: {op: L2, l2: 1e-5}}
layers:
  - {op: embed, from: left, name: a}
  - {share: a, from: right, name: b}
  - {op: Dot, axes: 1, from: [a, b], name: similarity}
  - {op: Dense, units: 1, activation: sigmoid, name: alike}
outputs: {same: alike, how: similarity}
"""
DECODER = """
inputs: {words: {shape: [20], dtype: int32}, image: [5, 5, 8]}
vars: {width: 16, heads: 4}
blocks:
  decoder:
    inputs: [x, memory]
    layers:
      - op: residual
        name: look
        from: x
        layers:
          - {op: LayerNormalization, epsilon: 1e-6}
          - op: MultiHeadAttention
            num_heads: $heads
            key_dim: 4
            use_causal_mask: true
            from: {query: prev, value: prev}
      - {op: MultiHeadAttention, num_heads: $heads, key_dim: 4, from: {query: look, value: memory}, name: read}
      - {op: Add, from: [look, read]}
      - {op: residual, name: feed, layers: [{op: Dense, units: $4*width, activation: gelu}, {op: Dense, units: $width}]}
layers:
  - {op: Reshape, target_shape: [25, 8], from: image}
  - {op: Dense, units: $width, name: memory}
  - {op: Embedding, input_dim: 100, output_dim: $width, from: words}
  - {op: Bidirectional, layer: {op: LSTM, units: 8, return_sequences: true}}
  - {op: decoder, repeat: 3, from: [prev, memory]}
  - {op: Dense, units: 100, name: next}
"""
PYRAMID = """
input: [32, 32, 3]
layers:
  - {op: Conv2D, filters: $f, kernel_size: 3, strides: 2, padding: same, each: {f: [8, 16, 32]}, name: level}
  - {op: GlobalAveragePooling2D, each: {x: [level.0, level.1, level.2]}, from: $x, name: pooled}
  - {op: Concatenate, from: pooled.*}
  - {op: Dense, units: 10, name: class}
"""
WRITTEN = {"unet": U_NET, "siamese": SIAMESE, "decoder": DECODER, "pyramid": PYRAMID}


def shipped(name: str) -> CheckedGraph:
    diagnostics = Diagnostics()
    composed = compose(for_hydra([f"model={name}"]))
    tree = model_tree(composed, diagnostics)
    assert tree is not None
    graph = compile_model(ModelSource(tree, model_loader(composed, diagnostics)), diagnostics)
    diagnostics.raise_errors()
    return graph


def written(name: str) -> CheckedGraph:
    return graph_of(WRITTEN[name]) if name in WRITTEN else shipped(name)


@pytest.mark.parametrize("name", [*SHIPPED, *WRITTEN])
def test_goldens(name: str, golden: Golden) -> None:
    graph = written(name)
    text = to_python(graph, name)
    golden(f"python/{name}.py.txt", text)
    same(text, graph)


def test_ruff_leaves_the_texts_as_they_are(tmp_path: Path) -> None:
    texts = {name: to_python(written(name), name) for name in (*SHIPPED, *WRITTEN)}
    draws = [random.Random(seed) for seed in range(60)]
    graphs = [Structured(draw).graph() if i % 2 else tangled(draw, 12) for i, draw in enumerate(draws)]
    texts |= {f"drawn_{i}": to_python(graph) for i, graph in enumerate(graphs)}
    hold_against_ruff(tmp_path, texts)


def test_ruff_breaks_lines_where_we_do(tmp_path: Path) -> None:
    """The same calls with names of all lengths, so that each bracket is the first that does not fit."""
    forms = [
        "{} = layers.Conv2D(8, 3, padding='same', name=f'{{name}}.Conv2D')(x)",
        "{} = layers.Concatenate(axis=1, name='both')([branch_0, branch_1, branch_2])",
        "x = layers.Add(name='{}')([x, shortcut])",
        "skip, {} = encode(x, 64, kernel_size=(3, 3), name=f'{{name}}.encode')",
        "skips.append(layers.LSTM(8, name='{}', kernel_regularizer=keras.regularizers.L2(1e-5))({}))",
        "x = layers.Bidirectional(layers.LSTM(16, return_sequences=True, name='layer'), name='{}')(x)",
        "x = layers.MultiHeadAttention(num_heads=4, key_dim=8, name='{}')(query=x, value={}, use_causal_mask=True)",
        "{} = [(64, 1, 2), (128, 2, 3), (256, 2, 5), (512, 2, 2)]",
        "x = layers.Dense(8, name='{}')({})",
    ]
    loop = "for i, ({}, strides) in enumerate([(64, 1), (128, 2)], start=1):\n    x = conv(x, {}, name='x')"
    define = "def {}(x, filters, kernel_size, strides=1, padding='valid', *, name):\n    return layers.Add()([x, x])"
    back = "def build(x):\n    return {}(x, 64, strides=2, name=f'{{name}}.x')"
    model = "def build(x):\n    return keras.Model([left, right], {{'{}': x, 'other': y}}, name='model')"
    texts: dict[str, str] = {}
    for length, (number, form) in itertools.product(range(1, 80), enumerate([*forms, loop, define, back, model])):
        if length <= LONGEST or form[0] == "x":  # others are names of Python's, which are never longer
            word = "n" * length
            tree = ast.parse(form.replace("{}", word).replace("{{", "{").replace("}}", "}"))
            texts[f"form_{number}_{length}"] = source(tree.body)
    assert len({len(line) > WIDTH - 8 for text in texts.values() for line in text.splitlines()}) == 2
    hold_against_ruff(tmp_path, texts, lint=False)


def hold_against_ruff(folder: Path, texts: dict[str, str], lint: bool = True) -> None:
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    done = subprocess.run([*ruff, "format", "--isolated", "--diff", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[:3000] + done.stderr
    if lint:
        check = [*ruff, "check", "--isolated", "--select", "E4,E7,E9,F,I,UP,B,SIM", "--ignore", "B905", str(folder)]
        done = subprocess.run(check, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[:3000]


# --- what it builds ----------------------------------------------------------------------------


@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_any_graph_is_built_again(draw: random.Random, size: int) -> None:
    graph = tangled(draw, size)
    same(to_python(graph), graph)


@given(st.randoms(use_true_random=False))
def test_any_structure_is_built_again(draw: random.Random) -> None:
    graph = Structured(draw).graph()
    same(to_python(graph), graph)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_text_is_a_function_of_the_graph(draw: random.Random) -> None:
    graph = Structured(draw).graph()
    assert to_python(graph) == to_python(graph)


def test_repeats_are_loops_however_long() -> None:
    lines = []
    for depth in (5, 500):
        add = Builder()
        x = add("input", "Input", shape=[8])
        for i in range(depth):
            y = add(f"block.{i}.Dense", "Dense", x, units=8)
            y = add(f"block.{i}.Activation", "Activation", y, activation="relu")
            x = add(f"block.{i}.merge", "Add", [y, x])
        graph = add.graph(x)
        text = to_python(graph)
        same(text, graph)
        lines.append(len(text.splitlines()))
    assert lines[0] == lines[1] < 25


@pytest.mark.parametrize("title", ['"""\nimport os\n"""', "a\\", '\\"""', "two\nlines", "é"])
def test_a_title_is_words_whatever_it_is(title: str) -> None:
    add = Builder()
    text = to_python(add.graph(add("input", "Input", shape=[2])), title)
    assert imports(text) == {"keras"}
    assert ast.get_docstring(ast.parse(text))


def test_a_model_of_layers_alone_imports_no_more_than_it_needs() -> None:
    add = Builder()
    text = to_python(add.graph(add("input", "Input", shape=[2])))
    assert "layers" not in text.split('"""', 2)[2]
    assert imports(text) == {"keras"}


@pytest.mark.parametrize("name", [*SHIPPED, *WRITTEN])
def test_it_imports_only_keras(name: str) -> None:
    assert imports(to_python(written(name), name)) == {"keras"}


@pytest.mark.parametrize(
    ("op", "args"), [("BatchRenormalization", {}), ("LayerScale", {}), ("StochasticDepth", {"rate": 0.5})]
)
def test_a_layer_of_our_own_has_its_class_in_the_text(op: str, args: dict[str, Any]) -> None:
    add = Builder()
    text = to_python(add.graph(add("layer", op, add("input", "Input", shape=[2]), **args)))
    assert f"class {op}(keras.layers.Layer):" in text
    assert imports(text) == {"keras"}


def imports(text: str) -> set[str]:
    found = list(ast.walk(ast.parse(text)))
    names: Iterable[str] = (alias.name for node in found if isinstance(node, ast.Import) for alias in node.names)
    return {*names, *(str(node.module) for node in found if isinstance(node, ast.ImportFrom))}


# --- the command -------------------------------------------------------------------------------


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["emit", "python", "model=mlp", "-o", str(tmp_path / "mlp.py")])
    main(["emit", "python", "model=mlp"])
    text = (tmp_path / "mlp.py").read_text("utf-8")
    assert text == capsys.readouterr().out
    assert text.startswith('"""mlp: ')


def test_neither_keras_nor_a_plugin_is_imported() -> None:
    code = "import sys; from compiler.commands import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    fitted = ["model.input=${data.input_shape}", "model.vars.classes=${data.classes}"]
    command = [sys.executable, "-c", code, "emit", "python", "model=convnext_tiny", "data=cifar10", *fitted]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"keras", "tensorflow", "numpy"} & {name.split(".")[0] for name in done.stderr.split()}
    assert "class LayerScale(keras.layers.Layer):" in done.stdout
