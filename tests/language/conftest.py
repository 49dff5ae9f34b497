"""What the tests of docs/errors.md share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages import ROOT, Example, as_shown


@pytest.fixture
def says(
    page_shows: Callable[[Example, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Example, Callable[[list[str]], str]], None]:
    """`says(example, say)`: what `say` gives for commands, in the example's folder, must be what the page shows."""

    def compare(example: Example, say: Callable[[list[str]], str]) -> None:
        example.make_files(tmp_path)
        # without files of its own an example is run in the checkout, so that shipped files have short names
        monkeypatch.chdir(tmp_path if example.files or "train.py" in example.body else ROOT)
        page_shows(example, as_shown(example, say).replace(str(tmp_path), "/data/lamina"))

    return compare
