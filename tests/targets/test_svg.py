"""The SVG: words in their boxes, boxes apart, edges down and round; `test_text_targets.py` has its goldens."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import CheckedGraph
from compiler.targets.diagram import Group, grouped
from compiler.targets.svg import to_svg
from compiler.targets.svg_layout import Box, Layout, layout
from tests.targets.graphs import GRAPHS, Builder, mixed, residual

SVG = "{http://www.w3.org/2000/svg}"


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
