"""docs/language.md: every model on the page compiles without a fault, and every command prints what the page says.

The page is the golden: `--update-goldens` writes what the commands print now into its console blocks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compiler.errors import render
from compiler.ops import OPS
from tests.language.models import compile_file
from tests.pages import ROOT, Example, as_shown, consoles, examples

PAGE = ROOT / "docs/language.md"
MODELS = [block for block in examples(PAGE) if block.language == "yaml" and "mine.yaml" not in block.path]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules can be imported from the folder, as `python -m` does; what they register is forgotten behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before, modules = dict(OPS), set(sys.modules)
    yield
    for name in set(OPS) - set(before):
        del OPS[name]
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


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
