"""docs/fine-tuning.md: its commands run one after another in one folder; checks print what the page says."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tests.pages import ROOT, Example, as_shown, by_commands, consoles

pytestmark = pytest.mark.tf

PAGE = consoles(ROOT / "docs/fine-tuning.md")


def say(words: list[str]) -> str:
    """What a check prints; a training is done here, with few rows, and its run is left where the command wants it."""
    if words[0] != "train.py":
        return by_commands(words)
    from compiler.runtime.job import run
    from compiler.runtime.plan import plan
    from compiler.spec.compose import compose
    from compiler.spec.overrides import for_hydra

    (folder,) = (word.removeprefix("hydra.run.dir=") for word in words if word.startswith("hydra.run.dir="))
    overrides = [word for word in words[1:] if not word.startswith("hydra.")]
    job = plan(compose(for_hydra([*overrides, "data.limit=300"])))
    assert job.warnings == ()
    run(job, Path(folder), Console(file=io.StringIO()), overrides)
    return ""


def test_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_shows: Callable[[Example, str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    for example in PAGE:
        page_shows(example, as_shown(example, say).replace(str(ROOT), "/data/lamina"))
