"""docs/language.md: every model on the page compiles without a fault, and every command prints what the page says.

The page is the golden: `--update-goldens` writes what the commands print now into its console blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.errors import render
from tests.language.models import compile_file
from tests.pages import ROOT, Example, as_shown, consoles, examples

PAGE = ROOT / "docs/language.md"
MODELS = [block for block in examples(PAGE) if block.language == "yaml"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("example", MODELS, ids=str)
def test_a_model_of_the_page_has_no_fault(example: Example, tmp_path: Path) -> None:
    example.make_files(tmp_path)
    graph, diagnostics = compile_file(example.path)
    assert render(diagnostics.faults) == ""
    assert graph.layers and graph.outputs


@pytest.mark.parametrize("example", consoles(PAGE), ids=str)
def test_a_command_prints_what_the_page_says(
    example: Example, tmp_path: Path, page_shows: Callable[[Example, str], None]
) -> None:
    example.make_files(tmp_path)
    printed = as_shown(example)
    assert "error[" not in printed and "warning[" not in printed
    page_shows(example, printed)
