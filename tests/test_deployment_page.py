"""docs/deployment.md: the commands that need no TensorFlow print what it says, and its table is that of the passes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from compiler.passes import PASSES
from tests.pages import ROOT, Example, as_shown, consoles

PAGE = ROOT / "docs/deployment.md"
LOOKS = [example for example in consoles(PAGE) if "train.py" not in example.body]


@pytest.mark.parametrize("example", LOOKS, ids=str)
def test_a_command_prints_what_the_page_says(example: Example, page_shows: Callable[[Example, str], None]) -> None:
    page_shows(example, as_shown(example))


def test_the_table_has_every_pass_in_order() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE) == list(PASSES)
