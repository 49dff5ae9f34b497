"""docs/data.md: every source is in its table, and its examples load what they say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.errors import ConfigError, render
from compiler.runtime.data import SOURCES
from compiler.runtime.data.load import load
from compiler.runtime.plan import plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, Example, as_shown, consoles

PAGE = ROOT / "docs/data.md"
CHECKS = [example for example in consoles(PAGE) if "train.py" not in example.body]
TRAININGS = [example for example in consoles(PAGE) if "train.py" in example.body and "tfrecord" not in example.body]


def test_the_table_has_every_source() -> None:
    cells = re.findall(r"^\| (`.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} - {"data"}
    shipped = {path.stem for path in (ROOT / "conf/data").glob("*.yaml")} - {"none"}
    assert named == shipped and set(SOURCES) <= named


@pytest.mark.parametrize("example", TRAININGS, ids=str)
def test_the_data_of_a_training_load(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example.make_files(tmp_path)
    for words in example.commands:
        job = plan(compose(for_hydra(words[1:])))
        assert job.data is not None
        try:
            data = load(job.data, job.data_section)
        except ConfigError as error:
            pytest.fail(render(error.faults))
        assert len(data.train) > len(data.val) > 0 and not [fault for fault in data.warnings if fault.is_error]


@pytest.mark.parametrize("example", CHECKS, ids=str)
def test_a_check_prints_what_the_page_says(
    example: Example, page_shows: Callable[[Example, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example.make_files(tmp_path)
    page_shows(example, as_shown(example))
