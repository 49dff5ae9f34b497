"""docs/adding-a-layer.md with Keras: its test passes, its model trains, and what is saved and emitted is the same."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from absl import logging
from hydra.core.global_hydra import GlobalHydra

import train
from compiler.targets.keras import build
from tests.language.models import compile_file
from tests.language.test_adding_a_layer_page import CONSOLES, MODEL, TRAININGS
from tests.pages import by_commands, printed_by


def numbers(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(model(x)))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype("float32")


def test_its_test_passes_and_can_fail(own_modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CONSOLES[-1].make_files(own_modules)
    tests = importlib.import_module("test_swish")
    (test,) = (value for name, value in vars(tests).items() if name.startswith("test_"))
    test()
    monkeypatch.setattr(tests.swish_op.Swish, "infer", lambda self, x: (*x, 1))
    with pytest.raises(AssertionError):
        test()


def test_the_emitted_file_builds_the_same_model(own_modules: Path, images: np.ndarray) -> None:
    MODEL.make_files(own_modules)
    graph, _ = compile_file(MODEL.path)
    ours = build(graph)
    (command,) = (words for example in CONSOLES for words in example.commands if words[3:4] == ["python"])
    space: dict[str, Any] = {"__name__": "emitted"}
    exec(by_commands(command), space)
    theirs = space["build_model"]()
    assert type(theirs.get_layer("Swish")) is space["Swish"]
    theirs.set_weights(ours.get_weights())
    np.testing.assert_array_equal(numbers(theirs, images), numbers(ours, images))


def test_it_trains_and_is_saved(own_modules: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = TRAININGS
    (words,) = example.commands
    example.make_files(own_modules)
    # Hydra shuts all logging down, and absl then closes the stream that it found at its import: pytest's
    monkeypatch.setattr(logging.get_absl_handler().python_handler, "stream", sys.__stderr__)
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys, "argv", words)
    printed = printed_by(train.main)
    assert "test.accuracy" in printed
    (saved,) = own_modules.glob("outputs/runs/*/*/model.keras")
    model: Any = keras.saving.load_model(saved)
    (beta,) = model.get_layer("Swish").get_weights()
    assert beta.shape == (32,)
    assert np.ptp(beta) > 0, "the slopes are learned"
    assert numbers(model, images).shape == (4, 10)
