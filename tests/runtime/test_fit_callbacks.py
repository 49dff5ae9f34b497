"""Callbacks: Keras's own `fit` is the oracle for what they are told."""

from __future__ import annotations

import importlib
import inspect
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from compiler.errors import ConfigError, Diagnostics, Source
from compiler.runtime.fitting.fit import fit
from compiler.runtime.run import Checkpoints
from compiler.runtime.signals import Interrupted, Signals
from compiler.runtime.training import Callback, TrainSettings, read_train
from compiler.runtime.training.callbacks import REFUSED
from compiler.settings import PositiveInt
from compiler.spec.located import Map
from compiler.spec.reader import read_tree
from tests.pages import ROOT, examples
from tests.runtime.test_fit import MLP, THREE, Folder, Recorded, graph, loaded, settings

TOLD: list[tuple[Any, ...]] = []


class Recorder(keras.callbacks.Callback):
    """Remembers what it is told, and stops after `stop_after` epochs."""

    def __init__(self, stop_after: int = 99) -> None:
        super().__init__()
        self.stop_after = stop_after

    def on_train_begin(self, logs: Any = None) -> None:
        params: Any = self.params
        TOLD.append(("train_begin", sorted(params), type(self.model).__name__))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        TOLD.append(("epoch_begin", epoch))

    def on_test_begin(self, logs: Any = None) -> None:
        TOLD.append(("test_begin",))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        TOLD.append(("epoch_end", epoch, sorted(set(logs) - {"learning_rate"})))
        if epoch + 1 >= self.stop_after:
            model: Any = self.model
            model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        TOLD.append(("train_end",))


class Batches(Recorder):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        TOLD.append(("batch", batch, sorted(logs)))


class Told(Callback):
    keras: ClassVar[str] = "mine_of_the_tests.Recorder"
    stop_after: PositiveInt = 99


class ToldOfBatches(Callback):
    keras: ClassVar[str] = "mine_of_the_tests.Batches"


class Absent(Callback):
    keras: ClassVar[str] = "mine_of_the_tests.Nothing"


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = ModuleType("mine_of_the_tests")
    made.Recorder, made.Batches = Recorder, Batches
    monkeypatch.setitem(sys.modules, "mine_of_the_tests", made)
    TOLD.clear()


def told_by_keras(callback: Recorder, epochs: int) -> list[tuple[Any, ...]]:
    TOLD.clear()
    inputs = keras.Input((6,))
    model: Any = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    validation = (THREE.val.x, THREE.val.y)
    model.fit(THREE.train.x, THREE.train.y, 16, epochs, validation_data=validation, callbacks=[callback], verbose=0)
    said = list(TOLD)
    TOLD.clear()
    return said


@pytest.mark.parametrize(
    ("name", "callback"),
    [({"op": "Told", "stop_after": 2}, Recorder(2)), ("ToldOfBatches", Batches(99))],
    ids=["epochs", "batches"],
)
def test_they_are_told_what_keras_tells_them(name: Any, callback: Recorder, tmp_path: Path) -> None:
    expected = told_by_keras(callback, 3)
    outcome = fit(graph(MLP), settings(callbacks=[name]), THREE, Folder(tmp_path))
    assert expected == TOLD
    assert (outcome.stopped, outcome.epochs_run) == (("callback", 2) if callback.stop_after == 2 else ("epochs", 3))


def test_steps_that_are_done_singly_give_the_same_bits(tmp_path: Path) -> None:
    for name, callbacks in (("alone", []), ("watched", ["told_of_batches"])):
        fit(graph(MLP), settings(callbacks=callbacks), THREE, Folder(tmp_path / name))
    a, b = (loaded(tmp_path / name / "model.keras").get_weights() for name in ("alone", "watched"))
    assert all((one == other).all() for one, other in zip(a, b, strict=True)) and np.isfinite(a[0]).all()


def test_every_callback_of_keras_is_declared_as_it_is_or_refused() -> None:
    names = {name for name, cls in vars(keras.callbacks).items() if inspect.isclass(cls)}
    declared = {cls.__name__: cls for cls in Callback.choices() if cls.keras.startswith("keras.")}
    assert names == set(REFUSED) | set(declared) and not set(REFUSED) & set(declared)
    for name, cls in declared.items():
        parameters = list(inspect.signature(getattr(keras.callbacks, name).__init__).parameters.values())[1:]
        assert {p.name: p.default for p in parameters} == {k: f.default for k, f in cls.model_fields.items()}


def read(text: str) -> tuple[TrainSettings | None, list[tuple[str, str, str | None]]]:
    diagnostics = Diagnostics()
    tree = read_tree(Source("train.yaml", text), diagnostics)
    assert isinstance(tree, Map)
    made = read_train(tree, diagnostics)
    return made, [(fault.code, fault.message, fault.hint) for fault in diagnostics.faults]


def test_what_clashes_is_refused_with_our_own_setting_as_the_hint() -> None:
    made, ((code, message, hint), (_, second, _)) = read(
        "callbacks: [{op: EarlyStopping, patience: 3}, {op: Told, stop_after: 0}]"
    )
    assert made is None and code == "E117" and "'EarlyStopping' is no callback here" in message
    assert hint == "train.early_stopping={patience: 8}" and "'stop_after' must be a positive integer" in second


def test_a_class_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"E006: cannot make the callback 'Absent' \(mine_of_the_tests.Nothing\)"):
        fit(graph(MLP), settings(callbacks=["Absent"]), THREE, Folder(tmp_path))


def test_a_run_that_goes_on_says_that_they_begin_anew(tmp_path: Path) -> None:
    signals, checkpoints = Signals(), Checkpoints(tmp_path)

    class Stopping(Recorded):
        def epoch(self, row: Mapping[str, float]) -> None:
            signals.received = signal.SIGTERM if row["epoch"] == 2 else None

    train = settings(callbacks=["Told"])
    with pytest.raises(Interrupted):
        fit(graph(MLP), train, THREE, Folder(tmp_path), Stopping(), None, checkpoints, None, signals)
    found, _ = checkpoints.newest()
    TOLD.clear()
    outcome = fit(graph(MLP), train, THREE, Folder(tmp_path), None, None, checkpoints, found)
    (warning,) = outcome.warnings
    assert warning["code"] == "W825" and "'Told'" in str(warning["message"]) and outcome.epochs_run == 3
    assert [one[:2] for one in TOLD if one[0] == "epoch_begin"] == [("epoch_begin", 2)]


def test_the_pages_own_callback_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs/watching.md"
    for example in examples(page):
        if example.language == "python":
            example.make_files(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("mine.callbacks")
    outcome = fit(graph(MLP), settings(callbacks=[{"op": "StopAt", "epoch": 2}]), THREE, Folder(tmp_path))
    assert (outcome.epochs_run, outcome.stopped) == (2, "callback")
