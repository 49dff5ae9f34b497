"""What the tests of the pages share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compiler.ops import OPS
from tests.pages import ROOT, Example, as_shown


@pytest.fixture
def says(
    page_shows: Callable[[Example, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Example, Callable[[list[str]], str]], None]]:
    """`says(example, say)`: what `say` gives for commands, in the example's folder, must be what the page shows."""
    before = dict(sys.modules)

    def compare(example: Example, say: Callable[[list[str]], str]) -> None:
        example.make_files(tmp_path)
        # without files of its own an example is run in the checkout, so that shipped files have short names
        monkeypatch.chdir(tmp_path if example.files or "train.py" in example.body else ROOT)
        page_shows(example, as_shown(example, say).replace(str(tmp_path), "/data/lamina"))

    yield compare
    for name in [name for name in sys.modules if sys.modules[name] is None and before.get(name, name) is not None]:
        del sys.modules[name]  # an example had it as if it were not installed
        if name in before:
            sys.modules[name] = before[name]


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, from which modules can be imported; what they register is forgotten behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before, modules = dict(OPS), set(sys.modules)
    yield tmp_path
    for name in set(OPS) - set(before):
        del OPS[name]
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
