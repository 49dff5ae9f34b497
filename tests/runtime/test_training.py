"""The `train` section: its faults as users see them, and what goes together with model and data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from compiler.errors import Diagnostics, Fault, Source, render
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.checks import check_training
from compiler.runtime.fitting.progress import progress_on
from compiler.runtime.training import Task, TrainSettings, read_train
from compiler.settings import plain, validate
from compiler.spec.located import Map
from compiler.spec.reader import read_tree

CONF = Path(__file__).parents[2] / "conf" / "train"


@dataclass(frozen=True)
class About:
    """What is known of the data before they are read."""

    task: Task = "multiclass"
    classes: int = 3
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: {"": (4,)})


def section(text: str, diagnostics: Diagnostics) -> Map:
    tree = read_tree(Source("conf/train/mine.yaml", text), diagnostics)
    assert isinstance(tree, Map)
    return tree


def faults(text: str) -> list[Fault]:
    """The faults of a `train` section that is refused."""
    diagnostics = Diagnostics()
    assert read_train(section(text, diagnostics), diagnostics) is None
    return diagnostics.faults


def checked(train: str = "{}", model: str = "", **data: Any) -> list[Fault]:
    """The faults of a sound section beside a model (`head(3, "softmax")`) and data (three classes, rows of 4)."""
    diagnostics = Diagnostics()
    tree = section(train, diagnostics)
    settings = read_train(tree, diagnostics)
    source = read_tree(Source("conf/model/m.yaml", model or head(3, "softmax")), diagnostics)
    assert isinstance(source, Map)
    graph = compile_model(ModelSource(source), diagnostics)
    assert settings is not None and not diagnostics.faults, render(diagnostics.faults)
    check_training(graph, settings, About(**data), tree, diagnostics)
    return diagnostics.faults


def head(units: int, activation: str = "linear") -> str:
    return f"input: [4]\nlayers:\n  - {{op: Dense, units: {units}, activation: {activation}, name: head}}\n"


# --- the section alone --------------------------------------------------------------------------


def test_what_ships_is_the_default() -> None:
    diagnostics = Diagnostics()
    tree = section((CONF / "default.yaml").read_text("utf-8"), diagnostics)
    assert read_train(tree, diagnostics) == TrainSettings() and not diagnostics.faults
    assert set(tree.entries) == set(TrainSettings.model_fields)


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_section_is_sound(path: Path) -> None:
    diagnostics = Diagnostics()
    assert read_train(section(path.read_text("utf-8"), diagnostics), diagnostics) and not diagnostics.faults


ALL_AT_ONCE = """\
epochs: 0
batch_size: 0
optimizer: {op: Adm, learning_rate: 1e-3}
schedule: {op: cosine, alpha: 2}
metrics: [accuracy, acuracy]
early_stopping: {patience: -1}
epoch: 3
"""
REFUSED = (
    ALL_AT_ONCE,
    "optimizer: {op: Adam, learning_rate: .nan}",
    "optimizer: {op: Adam, learning_rate: -0.1}",
    "optimizer: {op: Adam, learning_rate: 0}",
    "optimizer: {op: Adam, learning_rate: '1e-3'}",
    "optimizer: {op: Adam, learning_rate: fast}",
    "optimizer: {op: Adam, learning_rate: true}",
    "optimizer: {learning_rate: 0.1}",
    "optimizer: Frobnicate",
    "optimizer: {op: [1]}",
    "optimizer: {op: SGD, nesterov: 1, momentun: 0.9}",
    "optimizer: {op: SGD, momentum: .nan}",
    "optimizer: {op: Adam, clipnorm: 1.0, clipvalue: 1.0}",
    "schedule: cosin",
    "schedule: {op: constant, warmup_epochs: -1}",
    "schedule: {op: cosine_restarts, cycle_epochs: 3, warmup_epochs: 3}",
    "snapshots: lats",
    "snapshots: {op: last, keep: null}",
    "snapshots: {op: cycles, every: 2}",
    "loss: sparse_categorical_crosentropy",
    "loss: {op: auto, label_smoothing: 1.5}",
    "precision: float23",
    "seed: 4294967296",
    "batch_size: 64.0",
    "epochs: no",
    "metrics: accuracy",
    "metrics: [auc, AUC]",
    "metrics: [3]",
    "class_weight: {cat: 1.0, '1': -2, '2': x}",
    "class_weight: even",
    "best: null",
    "early_stopping: true",
    "early_stopping: {wait: 3}",
    "reduce_on_plateau: {factor: 1.0}",
)


def test_faults_of_the_section(golden: Callable[[str, str], None]) -> None:
    golden("train/section.txt", "\n".join(f"--- {text}\n{render(faults(text))}" for text in REFUSED))


@pytest.mark.parametrize(
    "text",
    [
        "optimizer: sgd",
        "optimizer: {op: Lamb, learning_rate: 1}",
        "schedule: {op: linear, end_learning_rate: 0}",
        "snapshots: {op: last, keep: 2}",
        "snapshots: cycles",
        "loss: {op: bce, from_logits: true}",
        "metrics: [acc, {op: TopKAccuracy, k: 3}, top_k_accuracy]",
        "class_weight: {'0': 1, '2': 0.5}",
        "early_stopping: {monitor: val.accuracy}",
        "metrics: []",
    ],
)
def test_a_record_as_plain_data_makes_the_same_record(text: str) -> None:
    diagnostics = Diagnostics()
    settings = read_train(section(text, diagnostics), diagnostics)
    assert settings is not None, render(diagnostics.faults)
    (key,) = section(text, diagnostics).entries
    value = plain(getattr(settings, key))
    if key == "early_stopping" and isinstance(value, dict):
        del value["op"]  # no choice among several
    assert validate(TrainSettings, {key: value}) == settings != TrainSettings()


# --- with model and data ------------------------------------------------------------------------

TWO_INPUTS = """\
inputs: {a: {shape: [4]}, b: {shape: [2]}}
layers: [{op: Concatenate, from: [a, b]}, {op: Dense, units: 3}]
"""
TWO_OUTPUTS = """\
input: [4]
layers: [{op: Dense, units: 3, name: a}, {op: Dense, units: 3, name: b}]
outputs: [a, b]
"""
FLAT = "input: [8, 8, 1]\nlayers: [{op: Conv2D, filters: 3, kernel_size: 3}]\n"
BINARY = {"task": "binary", "classes": 2}
LABELS = {"task": "multilabel", "classes": 3}


PROBABILITIES = "loss: {op: sparse_categorical_crossentropy, from_logits: false}"
LOGITS = "loss: {op: sparse_categorical_crossentropy, from_logits: true}"
UNSUITABLE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (LOGITS, head(3, "softmax"), {}),
    ("loss: sparse_categorical_crossentropy", head(3), {}),
    ("{}", head(3, "relu"), {}),
    ("{}", head(12), {}),
    ("{}", head(3), BINARY),
    ("{}", head(1, "softmax"), BINARY),
    ("loss: sparse_categorical_crossentropy", head(1, "sigmoid"), BINARY),
    ("loss: binary_crossentropy", head(2, "softmax"), BINARY),
    ("loss: {op: CategoricalCrossentropy, label_smoothing: 0.1}", "", {}),
    ("loss: mse", "", {}),
    ("loss: bce", "", {}),
    (
        "loss: sparse_categorical_crossentropy\nmetrics: [accuracy]\nclass_weight: balanced",
        head(3),
        {"task": "regression"},
    ),
    ("loss: {op: auto, label_smoothing: 0.1}", head(3), {"task": "regression", "classes": 1}),
    ("{}", FLAT, {"shapes": {"": (4, 4, 1)}}),
    ("{}", TWO_INPUTS, {}),
    ("{}", TWO_INPUTS, {"shapes": {"a": (4,), "b": (3,)}}),
    ("{}", TWO_OUTPUTS, {}),
    ("{}", head(3, "softmax"), LABELS),
    ("loss: sparse_categorical_crossentropy\nmetrics: [top_k_accuracy]", head(3), LABELS),
    ("loss: {op: bce, from_logits: true}", head(3, "sigmoid"), LABELS),
    ("loss: mse\nclass_weight: balanced", head(3), LABELS),
    ("{}", head(1, "sigmoid"), LABELS),
    ("{}", head(3, "softmax"), {"task": "regression"}),
    ("best: {monitor: val_loss}\nearly_stopping: {monitor: test.loss}", "", {}),
    ("schedule: constant\nreduce_on_plateau: {monitor: val.auc}", "", {}),
    ("best: {monitor: bleu}", "", {}),
    ("metrics: [mae]", "", {}),
    ("class_weight: {'3': 2.0}", "", {}),
    ("reduce_on_plateau: {patience: 3}", "", {}),
    ("schedule: {op: cosine, warmup_epochs: 50}", "", {}),
    ("snapshots: cycles", "", {}),
    ("epochs: 4\nschedule: cosine_restarts\nsnapshots: cycles", "", {}),
    ("epochs: 4\nsnapshots: {op: last, every: 5}", "", {}),
)


def test_what_does_not_go_together(golden: Callable[[str, str], None]) -> None:
    cases = (
        f"--- {train} with {data}\n{model}\n{render(checked(train, model, **data))}"
        for train, model, data in UNSUITABLE
    )
    golden("train/together.txt", "\n".join(cases))


AVERAGED = """\
input: [4]
layers:
  - op: branches
    merge: Average
    paths: [[{op: Dense, units: 3, activation: softmax}], [{op: Dense, units: 3}, Softmax]]
"""
FILM = {"shapes": {"": (5, 4)}}
ACTIVATED = (
    "input: [4]\nlayers: [{op: Dense, units: 3}, {op: Activation, activation: softmax}, {op: Dropout, rate: 0.1}]\n"
)


@pytest.mark.parametrize(
    ("train", "model", "data"),
    [
        ("{}", head(3, "softmax"), {}),
        ("{}", head(3), {}),
        (LOGITS, head(3), {}),
        (LOGITS, head(3, "log_softmax"), {}),
        (PROBABILITIES, AVERAGED, {}),
        (PROBABILITIES, ACTIVATED, {}),
        (PROBABILITIES, head(3, "{op: Softmax}"), {}),
        (PROBABILITIES, "input: [4]\nlayers: [{op: Pipeline, layers: [{op: Dense, units: 3}, Softmax]}]", {}),
        (LOGITS, "input: [5, 4]\nlayers: [{op: RNN, cell: {op: GRUCell, units: 3, activation: null}}]", FILM),
        ("loss: {op: auto, label_smoothing: 0.1}", head(3), {}),
        ("loss: bce", head(1, "sigmoid"), BINARY),
        ("metrics: [auc]\nbest: {monitor: val.auc}", head(2), BINARY),
        ("loss: huber\nmetrics: [r2]\nbest: {monitor: val.r2}", head(2, "relu"), {"task": "regression", "classes": 2}),
        ("metrics: [{op: TopKAccuracy, k: 2}]\nbest: {monitor: train.top_2_accuracy}", head(3), {}),
        ("class_weight: balanced", head(3), {}),
        ("metrics: [acc, auc, f1, precision, recall]\nbest: {monitor: val.f1_macro}", head(3, "sigmoid"), LABELS),
        ("loss: {op: bce, from_logits: true}", head(3), LABELS),
        ("loss: {op: auto, label_smoothing: 0.1}", head(3, "sigmoid"), LABELS),
        ("schedule: constant\nreduce_on_plateau: {patience: 3}", head(3), {}),
        ("epochs: 5\nschedule: cosine_restarts\nsnapshots: cycles", head(3), {}),
        ("{}", TWO_INPUTS, {"shapes": {"b": (2,), "a": (4,)}}),
        ("{}", "input: [null, 4]\nlayers: [GlobalAveragePooling1D, {op: Dense, units: 3}]", {"shapes": {"": (9, 4)}}),
    ],
)
def test_what_goes_together(train: str, model: str, data: dict[str, Any]) -> None:
    assert not (found := checked(train, model, **data)), render(found)


@pytest.mark.parametrize(
    ("snapshots", "schedule", "epochs", "kept"),
    [
        ("{op: last, keep: 3}", "constant", 2, [1, 2]),
        ("{op: last, keep: 3}", "constant", 9, [7, 8, 9]),
        ("{op: last, keep: 2, every: 4}", "constant", 15, [8, 12]),
        ("cycles", "{op: cosine_restarts, cycle_epochs: 3}", 11, [3, 6, 9]),
        ("{op: cycles, keep: 2}", "{op: cosine_restarts, cycle_epochs: 2, growth: 3, warmup_epochs: 1}", 26, [8, 26]),
        ("cycles", "cosine", 20, []),
    ],
)
def test_which_epochs_are_kept(snapshots: str, schedule: str, epochs: int, kept: list[int]) -> None:
    diagnostics = Diagnostics()
    train = read_train(section(f"snapshots: {snapshots}\nschedule: {schedule}", diagnostics), diagnostics)
    assert train is not None and train.snapshots is not None, render(diagnostics.faults)
    assert train.snapshots.kept(epochs, train.schedule) == kept


ROW = {"epoch": 3, "learning_rate": 1e-3, "train.loss": 0.12345, "val.accuracy": 0.5, "seconds": 2.06}


@pytest.mark.parametrize("terminal", [False, True])
def test_progress(terminal: bool) -> None:
    file = StringIO()
    progress = progress_on(Console(file=file, force_terminal=terminal, width=60))
    progress.begin(40, 7)
    progress.step(3, 7)
    progress.epoch(ROW)
    progress.close()
    line = "epoch  3/40  train.loss 0.1235  val.accuracy 0.5000  lr 0.001  2.1 s\n"
    assert (line in file.getvalue()) if terminal else (line == file.getvalue())
    assert ("21/280" in file.getvalue()) == terminal


def test_neither_settings_nor_checks_import_keras_or_numpy() -> None:
    code = (
        "import sys, compiler.runtime.checks, compiler.runtime.fitting.progress; "
        "print(*sorted({'keras', 'tensorflow', 'numpy', 'rich'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
