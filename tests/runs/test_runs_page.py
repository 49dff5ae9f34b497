"""docs/runs.md: what its commands print is what the page says, but for the times."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages import ROOT, Example, as_shown, by_commands, consoles


def at_noon(words: list[str]) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-27 12:00:00", by_commands(words))


@pytest.mark.parametrize("example", consoles(ROOT / "docs/runs.md"), ids=str)
def test_the_page_shows_what_is_printed(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_shows: Callable[[Example, str], None]
) -> None:
    example.make_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    page_shows(example, as_shown(example, at_noon))
