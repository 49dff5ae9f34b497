"""docs/sweeps.md, coming from Hyperas: the files that it shows are a sweep whose points are all sound."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from compiler.errors import Diagnostics
from compiler.runtime.plan import plan
from compiler.runtime.sweep.parameters import read_space
from compiler.runtime.sweep.settings import read_search
from compiler.spec.compose import compose
from tests.pages import ROOT, Example, examples

PAGE = ROOT / "docs/sweeps.md"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    """The command of the section, with its files in the working directory."""
    (command,) = (each for each in examples(PAGE) if each.title == "Coming from Hyperas" and each.language == "console")
    for name, text in command.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return command


def test_its_sweep_has_the_parameters_of_the_script_and_no_faulty_point(shown: Example) -> None:
    (words,) = shown.commands
    overrides = [word for word in words if "=" in word]
    folder = Path(words[words.index("--config-dir") + 1])
    section = compose(overrides, folder).section("search")
    diagnostics = Diagnostics()
    search = read_search(section, diagnostics)
    fixed, space = read_space(overrides, section, diagnostics)
    assert not diagnostics.faults and search is not None and search.n_trials == 30
    script = shown.files["tuned.py"]
    assert len(space) == script.count("{{"), "each mark of the script is a parameter here"
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    deep = set[bool]()
    for _ in range(12):
        values = space.draw(study.ask())
        job = plan(compose([*fixed, *space.overrides(values)], folder))
        has = "model.vars.width" in values
        assert has == (values["model.vars.deep"] == "True") and job.graph.layers == (5 if has else 4)
        assert job.train.batch_size in (64, 128)
        deep.add(has)
    assert deep == {True, False}
