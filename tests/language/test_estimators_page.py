"""docs/estimators.md: its commands print what it says, and its table has every estimator."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from compiler.estimators import KINDS
from tests.pages import ROOT, Example, by_commands, consoles

Says = Callable[[Example, Callable[[list[str]], str]], None]
PAGE = ROOT / "docs/estimators.md"


@pytest.mark.parametrize("example", consoles(PAGE), ids=str)
def test_a_command_prints_what_the_page_says(example: Example, says: Says) -> None:
    says(example, by_commands)


def test_the_table_has_every_estimator() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    classes = {name: (kind.classifier.__name__, kind.regressor.__name__) for name, kind in KINDS.items()}
    assert {name: (first, second) for name, first, second in rows} == classes
