"""The examples of docs/errors.md that get as far as a training."""

from __future__ import annotations

import sys
from collections.abc import Callable

import keras  # noqa: F401  # marks the file as one that needs TensorFlow, which brings absl
import pytest
from absl import logging
from hydra.core.global_hydra import GlobalHydra

import train
from tests.language.test_errors_page import TRAININGS
from tests.pages import Example, printed_by

Says = Callable[[Example, Callable[[list[str]], str]], None]


@pytest.mark.parametrize("example", TRAININGS, ids=str)
def test_an_example_prints_what_the_page_says(example: Example, says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    # Hydra shuts all logging down, and absl then closes the stream that it found at its import: pytest's
    monkeypatch.setattr(logging.get_absl_handler().python_handler, "stream", sys.__stderr__)

    def say(words: list[str]) -> str:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", words)
        printed = printed_by(train.main)
        return printed if "error[" in printed else ""  # the page leaves out what a training prints that goes well

    says(example, say)
