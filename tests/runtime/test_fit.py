"""Fitting: against Keras's own `fit` on the same batches, and metrics against scikit-learn."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import sklearn.metrics as sk
from sklearn.utils.class_weight import compute_sample_weight

from compiler.errors import ConfigError, Diagnostics, Fault, Source
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.data import Dataset, Split
from compiler.runtime.fitting.fit import Diverged, Outcome, fit
from compiler.runtime.fitting.sampling import permutation, sample_weights
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.training import TrainSettings, head_of, objective
from compiler.settings import validate
from compiler.spec.located import Map
from compiler.spec.reader import read_tree
from compiler.targets.keras import build

RNG = np.random.default_rng(7)
ROWS = 150


class Folder:
    """A writer that keeps no promises about kills."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, name: str, write: Callable[[Path], None]) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        write(self.root / name)

    def save_predictions(self, split: str, predictions: Any, rows: Any, labels: Any) -> None:
        self.save(f"{split}.npz", lambda path: np.savez(path, predictions=predictions, rows=rows, labels=labels))


class Recorded:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def begin(self, epochs: int, steps: int, history: Sequence[Mapping[str, float]] = ()) -> None:
        self.told.append(("begin", epochs, steps))

    def step(self, epoch: int, done: int) -> None:
        self.told.append(("step", epoch, done))

    def epoch(self, row: Mapping[str, float]) -> None:
        self.told.append(("epoch", row["epoch"]))

    def note(self, faults: Sequence[Fault]) -> None:
        self.told.append(("note", *(fault.code for fault in faults)))

    def close(self) -> None:
        self.told.append(("close",))


def graph(text: str, precision: str = "float32") -> CheckedGraph:
    diagnostics = Diagnostics()
    tree = read_tree(Source("m.yaml", text), diagnostics)
    assert isinstance(tree, Map)
    checked = compile_model(ModelSource(tree, precision=precision), diagnostics)
    diagnostics.raise_errors()
    return checked


def settings(**values: object) -> TrainSettings:
    return validate(TrainSettings, {"epochs": 3, "batch_size": 16, "schedule": "constant", **values})


def dataset(task: str, y: np.ndarray, x: Any, classes: int = 0) -> Dataset:
    def split(start: int, stop: int) -> Split:
        rows = slice(start, stop)
        inputs = {name: array[rows] for name, array in x.items()} if isinstance(x, dict) else x[rows]
        return Split(inputs, y[rows], np.arange(start, stop))

    names = tuple(str(i) for i in range(classes))
    return Dataset("drawn", task, names, split(0, 100), split(100, 125), split(125, ROWS), {})  # pyright: ignore[reportArgumentType]  # a task by its name


X = RNG.normal(size=(ROWS, 6)).astype(np.float32)
THREE = dataset("multiclass", np.argmax(X[:, :3] + 0.3 * RNG.normal(size=(ROWS, 3)), axis=1), X, 3)
TWO = dataset("binary", (X[:, 0] + 0.3 * RNG.normal(size=ROWS) > 0).astype(np.int64), X, 2)
VALUES = dataset("regression", (X[:, :2] * [1, -2] + 0.1).astype(np.float32), X)

MLP = """
input: [6]
layers:
  - op: Dense
    units: 8
    activation: relu
    kernel_regularizer: {op: L2, l2: 0.01}
    activity_regularizer: {op: L1, l1: 0.01}
  - BatchNormalization
  - {op: Dense, units: 3, activation: softmax}
"""


def head(units: int, activation: str) -> str:
    return f"input: [6]\nlayers: [{{op: Dense, units: {units}, activation: {activation}}}]\n"


def loaded(path: Path) -> Any:
    return keras.saving.load_model(path)


def predictions(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(root / f"{split}.npz") as arrays:
        return arrays["predictions"], arrays["labels"]


def test_it_trains_as_keras_does_on_the_same_batches(tmp_path: Path) -> None:
    train = settings(
        optimizer={"op": "SGD", "learning_rate": 0.1, "momentum": 0.9, "clipnorm": 0.5},
        schedule={"op": "cosine", "warmup_epochs": 1, "alpha": 0.1},
        class_weight={"0": 2.0, "2": 0.5},
        batch_size=15,
        best={"monitor": "train.loss"},
    )
    outcome = fit(graph(MLP), train, THREE, Folder(tmp_path))

    keras.utils.set_random_seed(0)
    model: Any = build(graph(MLP))
    rate: Any = keras.optimizers.schedules.CosineDecay(0.0, 2 * 7, alpha=0.1, warmup_target=0.1, warmup_steps=7)
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, clipnorm=0.5),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    for row, epoch in zip(outcome.history, range(3), strict=True):
        order = permutation(0, epoch, 100)
        fitted = model.fit(
            X[:100][order], THREE.train.y[order], batch_size=15, shuffle=False, verbose=0,
            class_weight={0: 2.0, 2: 0.5}, validation_data=(THREE.val.x, THREE.val.y), validation_batch_size=15,
        )  # fmt: skip
        theirs = {key: values[0] for key, values in fitted.history.items()}
        ours = [row[key] for key in ("train.loss", "train.accuracy", "val.loss", "val.accuracy")]
        np.testing.assert_allclose(
            ours, [theirs[key] for key in ("loss", "accuracy", "val_loss", "val_accuracy")], rtol=1e-4
        )
    assert outcome.best_epoch == 3
    kept = loaded(tmp_path / "model.keras")
    for ours, theirs in zip(kept.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    loss, accuracy = model.evaluate(THREE.test.x, THREE.test.y, verbose=0)
    assert outcome.metrics["test"] == pytest.approx({"loss": loss, "accuracy": accuracy}, rel=1e-4)


def test_an_epochs_order_is_new_and_repeatable() -> None:
    first, second = permutation(0, 0, 50), permutation(0, 1, 50)
    assert sorted(first) == sorted(second) == list(range(50))
    assert (first != second).any() and (first != permutation(1, 0, 50)).any()
    assert (first == permutation(0, 0, 50)).all()


def test_an_epoch_sees_every_row_once() -> None:
    """With a learning rate of 0 the epoch's mean loss is that of an evaluation, if all rows weigh the same in it."""
    train = settings(batch_size=16)
    checked = graph(head(3, "softmax"))
    steps = Steps(
        build(checked), objective(head_of(checked), train.loss, "multiclass"), (), train.optimizer, "float32", 16
    )
    advance = steps.epoch(THREE.train.x, THREE.train.y, None)
    loss, _ = steps.evaluate(THREE.train.x, THREE.train.y)
    steps.reset()
    mean = advance(permutation(0, 4, 100), np.zeros(7, np.float32), 0, 7)
    assert mean.loss == pytest.approx(loss["loss"], rel=1e-5) and mean.diverged is None


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    text = MLP.replace("- BatchNormalization", "- {op: Dropout, rate: 0.5}")
    found: dict[str, list[np.ndarray]] = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(graph(text), settings(seed=seed), THREE, Folder(tmp_path / name))
        found[name] = loaded(tmp_path / name / "model.keras").get_weights()
    assert all((a == b).all() for a, b in zip(found["a"], found["b"], strict=True))
    assert any((a != c).any() for a, c in zip(found["a"], found["c"], strict=True))


def test_the_best_epochs_weights_are_kept_and_all_files_agree(tmp_path: Path) -> None:
    progress = Recorded()
    train = settings(
        epochs=30,
        optimizer={"op": "Adam", "learning_rate": 0.3},
        early_stopping={"monitor": "val.accuracy", "patience": 2},
        best={"monitor": "val.accuracy"},
        metrics=["accuracy", {"op": "TopKAccuracy", "k": 2}],
    )
    outcome = fit(graph(MLP), train, THREE, Folder(tmp_path), progress)
    accuracies = [row["val.accuracy"] for row in outcome.history]
    assert outcome.best_epoch == 1 + int(np.argmax(accuracies))
    assert outcome.stopped == "early_stopping"
    assert outcome.epochs_run == outcome.best_epoch + 2 == len(outcome.history)
    best = outcome.history[outcome.best_epoch - 1]
    for split in ("train", "val"):
        expected = {key.partition(".")[2]: value for key, value in best.items() if key.startswith(f"{split}.")}
        assert outcome.metrics[split] == pytest.approx(expected, rel=1e-5)
    with (tmp_path / "history.csv").open() as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert rows == [dict(row) for row in outcome.history]

    scores, labels = predictions(tmp_path, "test")
    assert (labels == THREE.test.y).all() and scores.dtype == np.float32
    np.testing.assert_allclose(
        scores, loaded(tmp_path / "model.keras").predict(THREE.test.x, verbose=0), rtol=1e-5, atol=1e-6
    )
    test = outcome.metrics["test"]
    assert test["accuracy"] == pytest.approx(sk.accuracy_score(labels, scores.argmax(1)))
    assert test["top_2_accuracy"] == pytest.approx(sk.top_k_accuracy_score(labels, scores, k=2))
    steps = [told for told in progress.told if told[:2] == ("step", 1)]
    assert progress.told[0] == ("begin", 30, 7) and steps[-1] == ("step", 1, 7) and progress.told[-1] == ("close",)


@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (1, "linear"), (2, "softmax"), (2, "linear")])
def test_binary(tmp_path: Path, units: int, activation: str) -> None:
    metrics = ["accuracy", "auc", "precision", "recall"]
    outcome = fit(graph(head(units, activation)), settings(metrics=metrics, epochs=5), TWO, Folder(tmp_path))
    scores, labels = predictions(tmp_path, "val")
    assert scores.shape == (25, 2)
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    val, guessed = outcome.metrics["val"], scores.argmax(1)
    assert val["loss"] == pytest.approx(sk.log_loss(labels, scores), rel=1e-4)
    assert val["accuracy"] == pytest.approx(sk.accuracy_score(labels, guessed))
    assert val["precision"] == pytest.approx(sk.precision_score(labels, guessed))
    assert val["recall"] == pytest.approx(sk.recall_score(labels, guessed))
    assert val["auc"] == pytest.approx(sk.roc_auc_score(labels, scores[:, 1]), abs=0.02)  # Keras has 200 thresholds


@pytest.mark.parametrize("activation", ["linear", "softmax", "log_softmax"])
def test_probabilities_whatever_the_head_gives(tmp_path: Path, activation: str) -> None:
    outcome = fit(graph(head(3, activation)), settings(epochs=1), THREE, Folder(tmp_path))
    scores, labels = predictions(tmp_path, "val")
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert outcome.metrics["val"]["loss"] == pytest.approx(sk.log_loss(labels, scores), rel=1e-4)


def test_smoothed_labels(tmp_path: Path) -> None:
    loss = {"op": "auto", "label_smoothing": 0.3}
    outcome = fit(graph(head(3, "linear")), settings(epochs=1, loss=loss), THREE, Folder(tmp_path))
    scores, labels = predictions(tmp_path, "val")
    smoothed = 0.7 * np.eye(3)[labels] + 0.1
    assert outcome.metrics["val"]["loss"] == pytest.approx(-(smoothed * np.log(scores)).sum(1).mean(), rel=1e-4)


def test_regression(tmp_path: Path) -> None:
    train = settings(epochs=40, metrics=["mae", "rmse", "r2"], optimizer={"op": "Adam", "learning_rate": 0.05})
    outcome = fit(graph(head(2, "linear")), train, VALUES, Folder(tmp_path))
    values, targets = predictions(tmp_path, "test")
    test = outcome.metrics["test"]
    assert test["r2"] == pytest.approx(sk.r2_score(targets, values), rel=1e-4) and test["r2"] > 0.95
    assert test["rmse"] == pytest.approx(math.sqrt(sk.mean_squared_error(targets, values)), rel=1e-4)
    assert test["mae"] == pytest.approx(sk.mean_absolute_error(targets, values), rel=1e-4)


def test_one_target_as_a_plain_vector(tmp_path: Path) -> None:
    data = dataset("regression", X[:, 0], X)
    outcome = fit(graph(head(1, "linear")), settings(), data, Folder(tmp_path))
    values, targets = predictions(tmp_path, "test")
    assert values.shape == (25, 1) and targets.shape == (25,)
    assert outcome.metrics["test"]["mae"] == pytest.approx(sk.mean_absolute_error(targets, values), rel=1e-4)


def test_several_inputs_and_a_named_output(tmp_path: Path) -> None:
    text = """
inputs: {left: {shape: [4]}, right: {shape: [2]}}
layers:
  - {op: Dense, units: 4, from: left, name: deep}
  - {op: Concatenate, from: [deep, right]}
  - {op: Dense, units: 3, name: head}
outputs: {label: head}
"""
    data = dataset("multiclass", np.concatenate([THREE.train.y, THREE.val.y, THREE.test.y]),
                   {"right": X[:, 4:], "left": X[:, :4]}, 3)  # fmt: skip
    outcome = fit(
        graph(text), settings(epochs=30, optimizer={"op": "Adam", "learning_rate": 0.05}), data, Folder(tmp_path)
    )
    scores, labels = predictions(tmp_path, "test")
    assert outcome.metrics["test"]["accuracy"] == pytest.approx(sk.accuracy_score(labels, scores.argmax(1)))
    assert outcome.metrics["train"]["accuracy"] > 0.7


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_precisions(tmp_path: Path, precision: str) -> None:
    train = settings(epochs=15, optimizer={"op": "Adam", "learning_rate": 0.05})
    outcome = fit(graph(MLP, precision), train, THREE, Folder(tmp_path))
    assert outcome.history[-1]["train.loss"] < 0.7 * outcome.history[0]["train.loss"]
    assert keras.config.dtype_policy().name == "float32"


def test_gradients_accumulate_inside_the_loop(tmp_path: Path) -> None:
    optimizer = {"op": "SGD", "learning_rate": 0.2, "gradient_accumulation_steps": 2}
    text = head(3, "softmax")
    halves = fit(graph(text), settings(epochs=4, batch_size=10, optimizer=optimizer), THREE, Folder(tmp_path))
    whole = {"op": "SGD", "learning_rate": 0.2}
    wholes = fit(graph(text), settings(epochs=4, batch_size=20, optimizer=whole), THREE, Folder(tmp_path))
    assert halves.metrics["val"]["loss"] == pytest.approx(wholes.metrics["val"]["loss"], rel=1e-3)


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    train = settings(
        epochs=6, optimizer={"op": "SGD", "learning_rate": 1e-30},
        reduce_on_plateau={"monitor": "val.loss", "factor": 0.5, "patience": 2},
    )  # fmt: skip
    outcome = fit(graph(head(3, "softmax")), train, THREE, Folder(tmp_path))
    assert [row["learning_rate"] / 1e-30 for row in outcome.history] == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25])


def test_divergence_stops_with_a_fault_and_keeps_the_best_weights(tmp_path: Path) -> None:
    text = head(2, "linear")
    train = settings(epochs=50, optimizer={"op": "SGD", "learning_rate": 30.0})
    with pytest.raises(Diverged) as raised:
        fit(graph(text), train, VALUES, Folder(tmp_path))
    (fault,) = raised.value.faults
    assert fault.code == "E802" and "in epoch" in fault.message and "learning_rate (it is 30 here)" in str(fault.hint)
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert "the weights of epoch " in str(fault.hint) and rows
    weights = loaded(tmp_path / "model.keras").get_weights()
    assert all(np.isfinite(weight).all() for weight in weights)
    assert not (tmp_path / "test.npz").exists()


def test_balanced_class_weights_are_scikit_learns() -> None:
    y = np.array([0, 0, 0, 1, 2, 2, 0, 1])
    found = sample_weights(y, settings(class_weight="balanced"), 3)
    assert found is not None
    np.testing.assert_allclose(found, compute_sample_weight("balanced", y), rtol=1e-6)
    named = sample_weights(y, settings(class_weight={"1": 5}), 3)
    assert named is not None and (named == np.where(y == 1, 5, 1)).all()
    assert sample_weights(y, settings(), 3) is None


def test_targets_that_the_model_does_not_give(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"E603: the model gives \(3,\) values for a row, but the data have 2 targets"
    ):
        fit(graph(head(3, "linear")), settings(), VALUES, Folder(tmp_path))


def test_the_outcome_says_how_long_each_phase_took(tmp_path: Path) -> None:
    outcome: Outcome = fit(graph(head(3, "softmax")), settings(epochs=1), THREE, Folder(tmp_path))
    assert {"build", "trace", "first_step", "fit", "validate", "health", "evaluate", "save"} < set(outcome.timings)
    assert all(seconds > 0 for seconds in outcome.timings.values()) and outcome.stopped == "epochs"


LABELS = dataset("multilabel", (X[:, :3] + 0.5 * RNG.normal(size=(ROWS, 3)) > [0, 0.5, -0.3]).astype(np.int64), X, 3)


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_several_labels(activation: str, tmp_path: Path) -> None:
    train = settings(
        epochs=6,
        optimizer={"op": "Adam", "learning_rate": 0.05},
        metrics=["acc", "auc", "precision", "recall", "f1", {"op": "F1Score", "average": "micro"}],
    )
    outcome = fit(graph(head(3, activation)), train, LABELS, Folder(tmp_path))
    found, labels = predictions(tmp_path, "test")
    assert np.array_equal(labels, LABELS.test.y) and found.shape == labels.shape
    logits = loaded(tmp_path / "model.keras").predict(LABELS.test.x, verbose=0)
    theirs = logits if activation == "sigmoid" else 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(found, theirs, atol=1e-6)
    assert np.ptp(found.sum(axis=1)) > 0.1  # independent: no distribution over the labels
    said = found > 0.5
    scores = outcome.metrics["test"]
    assert scores["accuracy"] == pytest.approx((said == labels).mean(), abs=1e-6)
    assert scores["auc"] == pytest.approx(sk.roc_auc_score(labels, found), abs=0.02)  # Keras takes 200 thresholds
    assert scores["precision"] == pytest.approx(sk.precision_score(labels, said, average="micro"), abs=1e-6)
    assert scores["recall"] == pytest.approx(sk.recall_score(labels, said, average="micro"), abs=1e-6)
    assert scores["f1_macro"] == pytest.approx(sk.f1_score(labels, said, average="macro"), abs=1e-6)
    assert scores["f1_micro"] == pytest.approx(sk.f1_score(labels, said, average="micro"), abs=1e-6)
    assert scores["loss"] == pytest.approx(sum(sk.log_loss(labels[:, i], found[:, i]) for i in range(3)) / 3, abs=1e-5)
    assert scores["auc"] > 0.8


@pytest.mark.parametrize(("data", "units"), [(THREE, 3), (TWO, 2), (TWO, 1)])
def test_f1_of_classes(data: Dataset, units: int, tmp_path: Path) -> None:
    activation = "softmax" if units > 1 else "sigmoid"
    outcome = fit(graph(head(units, activation)), settings(epochs=2, metrics=["f1"]), data, Folder(tmp_path))
    found, labels = predictions(tmp_path, "test")
    average = "macro" if data is THREE else "binary"
    expected = sk.f1_score(labels, found.argmax(1), average=average)
    assert outcome.metrics["test"]["f1_macro"] == pytest.approx(expected, abs=1e-6)
