"""docs/sweeps.md on the space: its table, its file and its example, held by reading, drawing and checking them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from compiler.errors import ConfigError, Diagnostics, render
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.parameters import Space, read_space, without_sweeps
from compiler.runtime.sweep.probe import preflight
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, Example, as_shown, consoles, examples

PAGE = ROOT / "docs/sweeps.md"
TEXT = PAGE.read_text("utf-8").partition("\n## The space\n")[2].partition("\n### ")[0]
ROWS = [
    text for row in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE) for text in re.findall(r"`([^`]+=[^`]+)`", row)
]
(CHECK,) = (example for example in consoles(PAGE) if example.title == "What is checked first")
(FILE,) = (example for example in examples(PAGE) if example.path == "conf/search/wide.yaml")


def swept(arguments: list[str], config_dir: Path | None = None) -> tuple[Definition, Space, list[str]]:
    arguments, diagnostics = for_hydra(arguments), Diagnostics()
    composed = compose(without_sweeps(arguments), config_dir)
    section = composed.section("search")
    fixed, space = read_space(arguments, section, diagnostics, loader=composed.loader)
    diagnostics.raise_errors()
    warnings = preflight(Definition.make(fixed, space, section), composed.loader)
    return Definition.make(fixed, space, section), space, [render(warnings)] if warnings else []


@pytest.mark.parametrize("text", ROWS)
def test_a_row_of_the_table_is_read_and_drawn_from(text: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    loader = compose([]).loader
    section = compose([]).section("search")
    diagnostics = Diagnostics()
    _, space = read_space(for_hydra([text]), section, diagnostics, loader=loader)
    diagnostics.raise_errors()
    point = space.draw(optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask())
    assert [override.partition("=")[0] for override in space.overrides(point)] == [text.partition("=")[0]]


def test_the_table_is_not_empty() -> None:
    assert len(ROWS) >= 8


def test_the_file_of_the_page_is_a_sweep(tmp_path: Path) -> None:
    FILE.make_files(tmp_path)
    definition, space, said = swept(["search=wide"], tmp_path / "conf")
    assert list(space.by_key) == ["model", "model.vars.dropout", "train.batch_size", "train.optimizer.learning_rate"]
    assert space.by_key["train.batch_size"].texts == ("32", "64", "128") and not said
    assert space.parse(definition.search.enqueue[0]) == {"model": "mlp", "train.optimizer.learning_rate": 1e-3}
    _, fixed, _ = swept(["search=wide", "model=linear", "search.enqueue=[]"], tmp_path / "conf")
    assert list(fixed.by_key) == ["train.batch_size", "train.optimizer.learning_rate"]


def test_the_check_prints_what_the_page_says(page_shows: Callable[[Example, str], None]) -> None:
    def say(words: list[str]) -> str:
        try:
            return "".join(swept([word for word in words[1:] if word != "-m"])[2])
        except ConfigError as error:
            return render(error.faults)

    page_shows(CHECK, as_shown(CHECK, say))
