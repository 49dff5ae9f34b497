"""Targets that print a graph: the table, JSON, Mermaid, and the goldens of all."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from compiler.ir import CheckedGraph
from compiler.targets.diagram import Group, grouped
from compiler.targets.json import to_json
from compiler.targets.mermaid import to_mermaid
from compiler.targets.svg import to_svg
from compiler.targets.table import bytes_text, count_text, elided, show, totals_line
from tests.targets.graphs import GRAPHS, Builder, mixed, residual

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


# --- what is imported --------------------------------------------------------------------------


def test_neither_keras_nor_rich_is_imported() -> None:
    """Printing a graph never imports Keras or TensorFlow, and the line of totals not even rich."""
    names = ", ".join(["json", "mermaid", "svg", "table"])
    code = f"import sys; from compiler.targets import {names}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"keras", "tensorflow", "rich", "numpy"} & {name.split(".")[0] for name in done.stdout.split()}
