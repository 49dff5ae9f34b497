"""The examples of docs/errors.md that get as far as a training."""

from __future__ import annotations

import sys
from collections.abc import Callable

import keras  # noqa: F401  # marks the file as one that needs TensorFlow, and imports it before any stream is redirected
import pytest
from hydra.core.global_hydra import GlobalHydra

import train
from tests.language.page import EXAMPLES, Example, printed_by

Says = Callable[[Example, Callable[[Example], str]], None]


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.trains], ids=str)
def test_an_example_prints_what_the_page_says(
    example: Example, says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(example: Example) -> str:
        printed = ""
        for words in example.commands:
            GlobalHydra.instance().clear()
            monkeypatch.setattr(sys, "argv", words)
            printed = printed_by(train.main)
        return printed

    says(example, run)
