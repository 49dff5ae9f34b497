"""The examples of docs/errors.md that get as far as a training."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras  # noqa: F401  # marks the file as one that needs TensorFlow, which brings absl
import pytest
from absl import logging
from hydra.core.global_hydra import GlobalHydra

import train
from compiler.runtime.cli import STATUSES, USER_ERROR
from tests.language.test_errors_page import SHELLS, TRAININGS
from tests.pages import ROOT, Example, by_commands, printed_by

Says = Callable[[Example, Callable[[list[str]], str]], None]


@pytest.mark.parametrize("example", TRAININGS, ids=str)
def test_an_example_prints_what_the_page_says(example: Example, says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    # Hydra shuts all logging down, and absl then closes the stream that it found at its import: pytest's
    monkeypatch.setattr(logging.get_absl_handler().python_handler, "stream", sys.__stderr__)

    def say(words: list[str]) -> str:
        if words[0] == "-m":
            return by_commands(words)
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", words)
        printed = printed_by(train.main)
        if "error[" in printed:
            return printed
        found = re.search(r"^[^\n]*warning\[.*?^1 warning$", printed, re.MULTILINE | re.DOTALL)
        return found[0] if found else ""  # the page leaves out what a training prints that goes well

    says(example, say)


@pytest.mark.parametrize(
    "example", [example for example in SHELLS if example.title[:4] not in ("E807", "W811", "W825")], ids=str
)
def test_a_shell_prints_what_the_page_says_and_has_the_status(example: Example, tmp_path: Path) -> None:
    (tmp_path / "train.py").symlink_to(ROOT / "train.py")
    script = "\n".join(line.removeprefix("$ ") for line in example.typed)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert ran.stderr.strip() == example.body.partition("error[")[1] + example.body.partition("error[")[2].strip()
    assert ran.returncode == STATUSES.get(example.title[:4], USER_ERROR)
