"""Targets that print a graph: the table, JSON, Mermaid and SVG."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from compiler.errors import Place, Source
from compiler.ir import CheckedGraph, CheckedNode, Node, Operand, Output
from compiler.ops import OPS
from compiler.settings import non_defaults, validate
from compiler.targets.diagram import Group, grouped
from compiler.targets.json import to_json
from compiler.targets.mermaid import to_mermaid
from compiler.targets.svg import to_svg
from compiler.targets.svg_layout import Box, Layout, layout
from compiler.targets.table import bytes_text, count_text, elided, show, totals_line

SVG = "{http://www.w3.org/2000/svg}"


class Builder:
    """Checked graphs by hand: each layer's type, weights and cost come from its op."""

    def __init__(self, precision: str = "float32") -> None:
        self.precision = precision
        self.nodes: dict[str, CheckedNode] = {}

    def __call__(
        self,
        name: str,
        op: str,
        inputs: str | list[str] | dict[str, str] | None = None,
        shares: str | None = None,
        place: Place | None = None,
        **args: object,
    ) -> str:
        names = (
            inputs
            if isinstance(inputs, dict)
            else dict(enumerate([inputs] if isinstance(inputs, str) else inputs or []))
        )
        operands = tuple(
            Operand(node, argument if isinstance(argument, str) else None) for argument, node in names.items()
        )
        types = {str(argument): self.nodes[node].type for argument, node in names.items()}
        if op not in OPS or None in types.values():
            self.nodes[name] = CheckedNode(Node(name, op, args, operands, shares, place), None, (), None)
            return name
        layer = validate(OPS[op], args)
        signature = layer.signature({key: kind for key, kind in types.items() if kind}, self.precision)
        node = Node(name, op, non_defaults(layer), operands, shares, place)
        weights = () if shares else signature.weights
        self.nodes[name] = CheckedNode(node, signature.output, weights, signature.flops)
        return name

    def graph(self, *outputs: str | Output) -> CheckedGraph:
        ends = tuple(output if isinstance(output, Output) else Output(output) for output in outputs)
        return CheckedGraph(tuple(self.nodes.values()), ends, self.precision)


def residual() -> CheckedGraph:
    """A convnet of two residual blocks, in groups."""
    source = Source("conf/model/residual.yaml", "")
    add = Builder()
    x = add("image", "Input", shape=[32, 32, 3])
    x = add("stem", "Conv2D", x, filters=16, kernel_size=3, padding="same", place=Place(source, 4, 5))
    for i, strides in enumerate((1, 2)):
        path = f"block.{i}"
        y = add(f"{path}.Conv2D", "Conv2D", x, filters=16 * strides, kernel_size=3, strides=strides, padding="same")
        y = add(f"{path}.BatchNormalization", "BatchNormalization", y)
        y = add(f"{path}.Activation", "Activation", y, activation="relu")
        if strides > 1:
            x = add(f"{path}.shortcut.Conv2D", "Conv2D", x, filters=32, kernel_size=1, strides=2)
            x = add(f"{path}.shortcut.BatchNormalization", "BatchNormalization", x)
        x = add(f"{path}.merge", "Add", [y, x])
    x = add("GlobalAveragePooling2D", "GlobalAveragePooling2D", x)
    return add.graph(add("head", "Dense", x, units=10, activation="softmax"))


def mixed() -> CheckedGraph:
    """Two inputs, shared weights, named operands and outputs, a layer that only Keras knows, half precision."""
    add = Builder("mixed_float16")
    question = add("question", "Input", shape=[None], dtype="int32")
    answer = add("answer", "Input", shape=[12], dtype="int32")
    words = add("words", "Embedding", question, input_dim=1000, output_dim=32)
    others = add("words-again", "Embedding", answer, shares="words", input_dim=1000, output_dim=32)
    operands = {"query": others, "value": words}
    mixed_in = add("match.MultiHeadAttention", "MultiHeadAttention", operands, num_heads=4, key_dim=8)
    pooled = add("match.GlobalAveragePooling1D", "GlobalAveragePooling1D", mixed_in)
    label = add("label", "Dense", pooled, units=2, activation="softmax", dtype="float32")
    override = Place(Source("model.layers.5.op=Whatever", "", "override"), 1, 16)
    odd = add("odd", "Whatever", mixed_in, place=override, factor=float("inf"), layer={"op": "Dense", "units": 3})
    return add.graph(Output(label, "label"), Output(add("aside", "Dense", odd, units=3), "aside"))


GRAPHS: dict[str, Callable[[], CheckedGraph]] = {"residual": residual, "mixed": mixed}
Golden = Callable[[str, str], None]


def table(graph: CheckedGraph, columns: int | None = None) -> str:
    """The table on a terminal of so many columns, or in a file."""
    file = StringIO()
    terminal = {"width": columns, "force_terminal": True} if columns else {}
    show(graph, Console(file=file, color_system=None, **terminal))
    return file.getvalue()


@pytest.mark.parametrize("name", GRAPHS)
def test_goldens(name: str, golden: Golden) -> None:
    graph = GRAPHS[name]()
    golden(f"targets/{name}.txt", table(graph))
    golden(f"targets/{name}.80.txt", table(graph, 80))
    golden(f"targets/{name}.json", json.dumps(to_json(graph), indent=1) + "\n")
    golden(f"targets/{name}.mmd", to_mermaid(graph))
    golden(f"targets/{name}.svg", to_svg(graph))


# --- table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 100, 200])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_table_fits_the_terminal(name: str, columns: int) -> None:
    assert max(len(line) for line in table(GRAPHS[name](), columns).splitlines()) <= columns


def test_a_file_gets_whole_names_however_long() -> None:
    add = Builder()
    x = add("input", "Input", shape=[4])
    name = "a_block_with_a_name." * 8 + "Dense"
    text = table(add.graph(add(name, "Dense", x, units=3)))
    assert name in text and "…" not in text


def test_ascii_terminals_get_ascii() -> None:
    class Ascii(StringIO):
        encoding = "ascii"

    file = Ascii()
    show(residual(), Console(file=file, width=60, force_terminal=True, color_system=None))
    assert file.getvalue().isascii()


def test_the_line_of_totals_says_what_it_leaves_out() -> None:
    graph = residual()
    assert totals_line(graph, "residual") == (
        f"residual: 13 layers, {graph.params:,} parameters, {count_text(graph.flops or 0)}FLOPs and "
        f"{bytes_text(graph.activation_bytes or 0)} of activations a sample"
    )
    line = totals_line(mixed(), "mixed")
    assert line.endswith("(2 layers known at build and 2 layers of undefined size are not counted)")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 "),
        (999, "999 "),
        (1000, "1 k"),
        (1_234_567, "1.23 M"),
        (999_999, "1 M"),
        (12_345, "12.3 k"),
        (3 * 10**12, "3 T"),
    ],
)
def test_counts(count: int, text: str) -> None:
    assert count_text(count) == text


@given(st.text("ab.…-_0", max_size=40), st.integers(1, 40))
def test_elided_fits(text: str, width: int) -> None:
    short = elided(text, width)
    assert len(short) <= width
    assert short == text or len(text) > width


# --- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAPHS)
def test_json_is_strict_and_complete(name: str) -> None:
    graph = GRAPHS[name]()
    data = to_json(graph)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    nodes = data["nodes"]
    assert isinstance(nodes, list) and [node["name"] for node in nodes] == [node.name for node in graph]
    totals = data["totals"]
    assert isinstance(totals, dict)
    assert totals["params"] == sum(node["params"] for node in nodes) == graph.params
    assert totals["opaque"] == [node["name"] for node in nodes if node["type"] is None]
    assert data["hash"] == graph.hash


def test_json_says_where_a_layer_was_written() -> None:
    places = {node["name"]: node["place"] for node in to_json(residual())["nodes"]}  # pyright: ignore[reportGeneralTypeIssues]  # a list, by its own docs
    assert places["stem"] == "conf/model/residual.yaml:4:5"
    assert places["head"] is None
    (odd,) = (node for node in to_json(mixed())["nodes"] if node["name"] == "odd")  # pyright: ignore[reportGeneralTypeIssues]  # the same
    assert odd["place"] == "override 'model.layers.5.op=Whatever'"


# --- Mermaid -----------------------------------------------------------------------------------


def chart(text: str) -> tuple[list[str], Counter[tuple[str, str]]]:
    """The ids that a flowchart declares, and its edges."""
    ids = re.findall(r"^ *(\w+)\(?\[", text, re.MULTILINE) + re.findall(r"^ *subgraph (\w+)", text, re.MULTILINE)
    chains = [line.split(" --> ") for line in re.findall(r"^ *(\w+(?: --> \w+)+)$", text, re.MULTILINE)]
    return ids, Counter(pair for chain in chains for pair in itertools.pairwise(chain))


@pytest.mark.parametrize("name", GRAPHS)
def test_mermaid_declares_each_node_once_and_has_every_edge(name: str) -> None:
    graph = GRAPHS[name]()
    text = to_mermaid(graph)
    ids, edges = chart(text)
    assert len(set(ids)) == len(ids)
    assert {end for edge in edges for end in edge} <= set(ids)
    assert len(edges) == len({(x.node, node.name) for node in graph for x in node.node.inputs})
    assert set(edges.values()) == {1}
    assert text.count("subgraph ") == len(re.findall(r"^ *end$", text, re.MULTILINE))


def test_mermaid_ids_stay_apart() -> None:
    add = Builder()
    x = add("a.b", "Input", shape=[4])
    for name in ("a_b", "a-b", "a_b__2", "end", "a.b.c"):
        x = add(name, "Dense", x, units=3)
    ids, edges = chart(to_mermaid(add.graph(x)))
    assert len(ids) == len(set(ids)) == 7  # six nodes, one group
    assert len(edges) == 5


# --- groups ------------------------------------------------------------------------------------


def test_groups_hold_more_than_one_thing_and_copies_stand_alone() -> None:
    add = Builder()
    x = add("image", "Input", shape=[4])
    for name in ("net.a.0.x", "net.a.0.y", "net.a.1.x", "net.a.1.y", "net.b.Dense", "net.c"):
        x = add(name, "Dense", x, units=3)
    copies = (Group("net.a.0", ("net.a.0.x", "net.a.0.y")), Group("net.a.1", ("net.a.1.x", "net.a.1.y")))
    assert grouped(add.graph(x)) == Group("", ("image", Group("net", (*copies, "net.b.Dense", "net.c"))))


# --- SVG ---------------------------------------------------------------------------------------


def rooms(svg: str) -> list[tuple[ET.Element, list[ET.Element]]]:
    """Each node's box with its texts."""
    nodes = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if "role" in group.attrib]
    return [(rect, group.findall(f"{SVG}text")) for group in nodes if (rect := group.find(f"{SVG}rect")) is not None]


def measures(element: ET.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def long_words() -> CheckedGraph:
    add = Builder()
    x = add("an_input_whose_name_goes_on_for_longer_than_any_box_is_wide", "Input", shape=[1000, 1000, 1000])
    x = add(
        "W" * 60, "Conv2DTranspose", x, filters=1024, kernel_size=[11, 13], strides=[5, 7], activation="hard_sigmoid"
    )
    return add.graph(add("i" * 200, "GlobalAveragePooling2D", x, keepdims=True))


@pytest.mark.parametrize("make", [*GRAPHS.values(), long_words])
def test_words_stay_in_their_boxes_and_apart(make: Callable[[], CheckedGraph]) -> None:
    graph = make()
    boxes = rooms(to_svg(graph))
    assert len(boxes) == len(graph.nodes)
    for rect, texts in boxes:
        x, y, width, height = measures(rect, "x", "y", "width", "height")
        lines: dict[float, list[tuple[float, float]]] = {}
        for words in texts:
            start, baseline, length, size = measures(words, "x", "y", "textLength", "font-size")
            start -= length if words.get("text-anchor") == "end" else 0
            assert x < start and start + length < x + width
            assert y < baseline - 0.75 * size and baseline + 0.25 * size < y + height
            lines.setdefault(baseline, []).append((start, start + length))
        for spans in lines.values():
            assert all(a[1] < b[0] for a, b in itertools.pairwise(sorted(spans)))


def test_svg_is_whole_and_its_titles_have_the_arguments() -> None:
    svg = to_svg(mixed())
    root = ET.fromstring(svg)
    titles = {(title.text or "").split(":")[0]: title.text or "" for title in root.iter(f"{SVG}title")}
    assert 'layer: {"op": "Dense", "units": 3}' in titles["odd"]
    assert "from query=words-again, value=words" in titles["match.MultiHeadAttention"]
    assert "weights of words" in titles["words-again"]
    assert "(prefers-color-scheme:dark)" in svg
    assert not re.search(r"(href|src|url\(|@import)", svg), "it would need another file"


def test_names_are_escaped() -> None:
    add = Builder()
    x = add("image", "Input", shape=[4])
    svg = to_svg(add.graph(add("dense", "Whatever", x, text="<script>&\"'</script>")))
    assert ET.fromstring(svg) is not None and "<script" not in svg


EPSILON = 1e-6
PATHS = ("", "a.", "a.b.", "a.c.", "b.", "b.0.", "b.1.")


@st.composite
def drawings(draw: st.DrawFn) -> tuple[Group, dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """A random acyclic graph of boxes in random groups, whether or not paths leave these and come back."""
    count = draw(st.integers(1, 14))
    names = [draw(st.sampled_from(PATHS)) + f"n{i}" for i in range(count)]
    pairs = list(itertools.combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=2 * count)) if pairs else []
    sizes = {name: (draw(st.sampled_from([40.0, 90.0, 200.0])), draw(st.sampled_from([20.0, 40.0]))) for name in names}
    add = Builder()
    for name in names:
        add(name, "Input", shape=[1])
    return grouped(add.graph(names[-1])), sizes, edges


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def inside(group: Group) -> set[str]:
    return {name for member in group.members for name in ([member] if isinstance(member, str) else inside(member))}


def check_nodes(plan: Layout, sizes: Mapping[str, tuple[float, float]]) -> None:
    assert {name: (box.width, box.height) for name, box in plan.nodes.items()} == sizes
    for (a, one), (b, other) in itertools.combinations(plan.nodes.items(), 2):
        assert not overlap(one, other), (a, b)
    for box in (*plan.nodes.values(), *(frame.box for frame in plan.frames)):
        assert box.x >= -EPSILON and box.right <= plan.width + EPSILON
        assert box.y >= -EPSILON and box.bottom <= plan.height + EPSILON


def check_frames(plan: Layout) -> None:
    for frame in plan.frames:
        members = inside(frame.group)
        for name, box in plan.nodes.items():
            if name in members:
                assert frame.box.x < box.x and box.right < frame.box.right
                assert frame.box.y < box.y and box.bottom < frame.box.bottom
            else:
                assert not overlap(frame.box, box), (frame.group.name, name)
    for one, other in itertools.combinations(plan.frames, 2):
        apart = inside(one.group).isdisjoint(inside(other.group))
        assert not (apart and overlap(one.box, other.box)), (one.group.name, other.group.name)


def check_edges(plan: Layout, edges: list[tuple[str, str]]) -> None:
    assert set(plan.edges) == set(edges)
    for (source, target), points in plan.edges.items():
        start, end = plan.nodes[source], plan.nodes[target]
        assert points[0] == (start.middle, start.bottom)
        assert points[-1] == (pytest.approx(end.middle, abs=0.05), end.y)
        for (x, y), (x_next, y_next) in itertools.pairwise(points):
            assert y <= y_next + EPSILON, "downwards"
            for name, box in plan.nodes.items():
                beside = x == x_next and not box.x < x < box.right
                above_or_below = box.bottom <= y + EPSILON or y_next <= box.y + EPSILON
                assert beside or above_or_below, f"{source} -> {target} runs through {name}"


@given(drawings())
def test_no_box_overlaps_and_edges_go_down_and_round(
    drawing: tuple[Group, dict[str, tuple[float, float]], list[tuple[str, str]]],
) -> None:
    root, sizes, edges = drawing
    plan = layout(root, sizes, edges)
    check_nodes(plan, sizes)
    check_frames(plan)
    check_edges(plan, edges)


def test_a_chain_is_one_straight_line() -> None:
    names = [f"n{i}" for i in range(30)]
    plan = layout(Group("", tuple(names)), dict.fromkeys(names, (80.0, 20.0)), list(itertools.pairwise(names)))
    assert all(len(points) == 2 for points in plan.edges.values())


def test_the_trunk_of_a_residual_net_is_straight() -> None:
    root = ET.fromstring(to_svg(residual()))
    middles: dict[str, float] = {}
    for group in root.iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None and rect is not None:
            x, width = measures(rect, "x", "width")
            middles[(title.text or "").split(":")[0]] = x + width / 2
    trunk = [middle for name, middle in middles.items() if "shortcut" not in name]
    assert max(trunk) - min(trunk) < 0.2


# --- what is imported --------------------------------------------------------------------------


def test_neither_keras_nor_rich_is_imported() -> None:
    """Printing a graph never imports Keras or TensorFlow, and the line of totals not even rich."""
    names = ", ".join(["json", "mermaid", "svg", "table"])
    code = f"import sys; from compiler.targets import {names}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"keras", "tensorflow", "rich", "numpy"} & {name.split(".")[0] for name in done.stdout.split()}
