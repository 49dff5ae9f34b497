"""The examples of docs/errors.md that get as far as a training."""

from __future__ import annotations

import sys
from collections.abc import Callable

import keras  # noqa: F401  # marks the file as one that needs TensorFlow, which brings absl
import pytest
from absl import logging
from hydra.core.global_hydra import GlobalHydra

import train
from tests.language.page import EXAMPLES, Example, printed_by

Says = Callable[[Example, Callable[[Example], str]], None]


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.trains], ids=str)
def test_an_example_prints_what_the_page_says(example: Example, says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    # Hydra shuts all logging down, and absl then closes the stream that it found at its import: pytest's
    monkeypatch.setattr(logging.get_absl_handler().python_handler, "stream", sys.__stderr__)

    def run(example: Example) -> str:
        printed = ""
        for words in example.commands:
            GlobalHydra.instance().clear()
            monkeypatch.setattr(sys, "argv", words)
            printed = printed_by(train.main)
        return printed

    says(example, run)
