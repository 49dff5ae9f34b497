"""docs/tables.md: the commands that only look print what it says, and its trainings can be planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.runtime.data.source import SOURCES
from compiler.runtime.data.tables.columns import TYPES
from compiler.runtime.plan import plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, Example, as_shown, consoles, examples

PAGE = ROOT / "docs/tables.md"
LOOKS = [example for example in consoles(PAGE) if "train.py" not in example.body]
TRAININGS = [example for example in consoles(PAGE) if "train.py" in example.body]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table that the page makes first, in the working directory."""
    first = next(example for example in examples(PAGE) if example.language == "python")
    monkeypatch.chdir(tmp_path)
    exec(first.body, {})
    return tmp_path


@pytest.mark.parametrize("example", LOOKS, ids=str)
def test_a_command_prints_what_the_page_says(
    example: Example, files: Path, page_shows: Callable[[Example, str], None]
) -> None:
    example.make_files(files)
    page_shows(example, as_shown(example))


@pytest.mark.parametrize("example", TRAININGS, ids=str)
def test_a_training_of_the_page_can_be_planned(example: Example, files: Path) -> None:
    for words in example.commands:
        overrides = [word.replace("0,1,2,3,4", "4") for word in words[1:] if word != "-m"]
        assert not plan(compose(for_hydra(overrides))).warnings


def test_the_page_names_every_type_and_key() -> None:
    text = PAGE.read_text("utf-8")
    own = set(SOURCES["csv"].model_fields) - {"source", "size", "divide_by", "limit", "memory", "val_path"}
    absent = [name for name in (*own, *TYPES) if name != "auto" and name not in text]
    assert not absent or set(absent) <= {"separator", "decimal", "encoding"}, absent
