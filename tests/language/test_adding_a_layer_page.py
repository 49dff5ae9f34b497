"""docs/adding-a-layer.md: its files make the layer, and its commands print what the page says.

The page is the golden: `--update-goldens` writes what the commands print now into its console blocks.
`test_adding_a_layer_page_keras.py` goes on with what needs Keras.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.errors import render
from tests.language.models import compile_file
from tests.pages import ROOT, Example, as_shown, consoles, examples

PAGE = ROOT / "docs/adding-a-layer.md"
(MODEL,) = (block for block in examples(PAGE) if block.path == "model.yaml")
CONSOLES = consoles(PAGE)
TRAININGS = [example for example in CONSOLES if "train.py" in example.body]


def test_its_model_has_no_fault(own_modules: Path) -> None:
    MODEL.make_files(own_modules)
    graph, diagnostics = compile_file(MODEL.path)
    assert render(diagnostics.faults) == ""
    assert [node.node.op for node in graph] == ["Input", "Flatten", "Dense", "Swish", "Dense"]


@pytest.mark.parametrize("example", [example for example in CONSOLES if example not in TRAININGS], ids=str)
def test_a_command_prints_what_the_page_says(
    example: Example, own_modules: Path, page_shows: Callable[[Example, str], None]
) -> None:
    example.make_files(own_modules)
    page_shows(example, as_shown(example))


def test_the_files_of_a_shipped_layer_are_where_the_page_says() -> None:
    table = re.findall(r"^\| `([\w./]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(table) == 6
    for path in table:
        assert re.search("StochasticDepth|stochastic_depth", (ROOT / path).read_text("utf-8")), path
