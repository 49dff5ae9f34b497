"""docs/architecture.md: what it says of its example is so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.language.models import compile_file
from tests.pages import ROOT, by_commands, examples

PAGE = ROOT / "docs/architecture.md"
TEXT = PAGE.read_text("utf-8")
(EXAMPLE,) = examples(PAGE)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_value_stands_in_line_12() -> None:
    assert "Take `filters: 32` on line 12" in TEXT
    assert EXAMPLE.body.splitlines()[11] == "    filters: 32"


def test_the_line_of_the_ir_is_what_emit_ir_prints(tmp_path: Path) -> None:
    EXAMPLE.make_files(tmp_path)
    (quoted,) = re.findall(r"^\| IR \| `ir\.py` \| `([^`]+)`", TEXT, re.MULTILINE)
    printed = by_commands(["-m", "compiler", "emit", "ir", f"model_file={EXAMPLE.path}"])
    assert f"  {quoted}" in printed.splitlines()


def test_a_negative_value_has_the_fault_that_the_page_says(tmp_path: Path) -> None:
    body = EXAMPLE.body.replace("filters: 32", "filters: -32")
    replace(EXAMPLE, files={EXAMPLE.path: body}).make_files(tmp_path)
    (fault,) = compile_file(EXAMPLE.path)[1].faults
    assert fault.place is not None
    blamed = body.splitlines()[fault.place.line - 1][fault.place.column - 1 :][: fault.place.width]
    (note,) = fault.notes
    said = (
        f"Had the line said `filters: -32`, `check.py` would have reported {fault.code} at `{blamed}` in line "
        f"{fault.place.line}, with a note that points at {note.place.line}:{note.place.column} "
        f"and the way there (`{' > '.join(fault.trail)}`)"
    )
    assert said in " ".join(TEXT.split())
    assert (fault.code, blamed, note.place.line, note.place.column) == ("E107", "$filters", 12, 14)
