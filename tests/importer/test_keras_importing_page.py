"""docs/importing.md: what the command writes is what the page says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from tests.pages import ROOT, Example, as_shown, consoles


@pytest.mark.parametrize("example", consoles(ROOT / "docs/importing.md"), ids=str)
def test_a_command_prints_what_the_page_says(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_shows: Callable[[Example, str], None]
) -> None:
    keras.utils.clear_session()  # the page's model has the names that Keras gives first
    monkeypatch.chdir(tmp_path)
    example.make_files(tmp_path)
    page_shows(example, as_shown(example))
