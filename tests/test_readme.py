"""The README's tour runs, command by command, and shows what the commands print."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.commands import main
from tests.pages import Example, examples, rewrite, run_in_process

ROOT = Path(__file__).parents[1]
TOUR = tuple(examples(ROOT / "README.md"))


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write where the user stands; `their_model.yaml` is a copy of a shipped model."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "conf" / "model" / "convnet.yaml", tmp_path / "their_model.yaml")


def test_commands_print_what_the_page_shows(request: pytest.FixtureRequest) -> None:
    commands = [example for example in TOUR if example.argv[2] == "compiler"]
    outputs = [(example, run_in_process(example)) for example in commands]
    if request.config.getoption("--update-goldens"):
        rewrite(ROOT / "README.md", outputs)
    else:
        assert commands
        for example, output in outputs:
            assert output.rstrip("\n") == example.output.rstrip("\n"), example.command


def test_the_picture_is_what_the_command_draws(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    picture = ROOT / "docs" / "xception_lite.svg"
    main(["emit", "svg", "model=xception_lite", "model.vars.middle=0", "-o", str(tmp_path / "now.svg")])
    if request.config.getoption("--update-goldens"):
        shutil.copy(tmp_path / "now.svg", picture)
    assert (tmp_path / "now.svg").read_text("utf-8") == picture.read_text("utf-8")


@pytest.mark.tf
@pytest.mark.parametrize(
    "example", [example for example in TOUR if example.argv[1] == "train.py"], ids=lambda e: e.command
)
def test_training_commands_leave_a_complete_run(example: Example, tmp_path: Path) -> None:
    from compiler.runtime.run import read_run

    done = subprocess.run(
        [sys.executable, ROOT / "train.py", *example.argv[2:]], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    run = read_run(tmp_path / done.stdout.splitlines()[-1])
    assert run.metrics["test"]["accuracy"] > 0.3  # chance is 0.1
