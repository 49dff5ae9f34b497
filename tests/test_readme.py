"""The README's tour runs, command by command, and shows what the commands print."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.commands import main
from tests.pages import ROOT, Example, as_shown, consoles

TOUR = consoles(ROOT / "README.md")
OF_TRAIN = [words for example in TOUR for words in example.commands if words[0] == "train.py"]
ENSEMBLES = [example for example in TOUR if "ensemble.members=" in example.body]
TRAININGS = [words for words in OF_TRAIN if "-m" not in words and not any("ensemble" in word for word in words)]
SWEEPS = [words for words in OF_TRAIN if "-m" in words]


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write where the user stands; `their_model.yaml` is a copy of a shipped model."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "conf" / "model" / "convnet.yaml", tmp_path / "their_model.yaml")


def test_commands_print_what_the_page_shows(page_shows: Callable[[Example, str], None]) -> None:
    # those for a run are run in tests/runtime/test_serving.py, which has one
    runs = "train.py", "run=", "compiler runs"
    commands = [example for example in TOUR if not any(word in example.body for word in runs)]
    assert commands
    for example in commands:
        page_shows(example, as_shown(example))


def test_the_picture_is_what_the_command_draws(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    picture = ROOT / "docs" / "xception_lite.svg"
    main(["emit", "svg", "model=xception_lite", "model.vars.middle=0", "-o", str(tmp_path / "now.svg")])
    if request.config.getoption("--update-goldens"):
        shutil.copy(tmp_path / "now.svg", picture)
    assert (tmp_path / "now.svg").read_text("utf-8") == picture.read_text("utf-8")


@pytest.mark.tf
@pytest.mark.parametrize("words", TRAININGS, ids=" ".join)
def test_training_commands_leave_a_complete_run(words: list[str], tmp_path: Path) -> None:
    from compiler.runtime.run import read_run

    done = subprocess.run([sys.executable, ROOT / "train.py", *words[1:]], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = read_run(tmp_path / done.stdout.splitlines()[-1])
    assert run.metrics["test"]["accuracy"] > 0.3  # chance is 0.1


def test_runs_become_an_ensemble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def train(*words: str) -> str:
        command = [sys.executable, str(ROOT / "train.py"), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    for model in ("knn", "linear"):
        train(f"model={model}", "data=digits_8x8")
    (example,) = ENSEMBLES
    listed, pooled, experiment = example.commands
    main(listed[2:])
    assert {"knn", "linear"} <= set(capsys.readouterr().out.split())
    text = train(*pooled[1:])
    assert "certified" in text and (tmp_path / text.splitlines()[-1] / "report.html").exists()
    assert (
        ROOT / "conf/experiment" / f"{experiment[1].removeprefix('experiment=')}.yaml"
    ).exists()  # its own test runs it


@pytest.mark.tf
@pytest.mark.parametrize("words", SWEEPS, ids=" ".join)
def test_sweeps_end_with_a_command_that_trains_the_best_again(words: list[str], tmp_path: Path) -> None:
    few = ["search.n_trials=2", "train.epochs=1", "data.limit=300"]  # the tour's own take minutes
    smaller = few if any(word.startswith("search=") for word in words) else []
    command = [sys.executable, str(ROOT / "train.py"), *(w for w in words[1:] if "n_trials" not in w), *smaller]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 trials: " in done.stdout and "scored once\n  python train.py " in done.stdout
    assert len(list(tmp_path.glob("outputs/sweeps/*/*/report.html"))) == 1
