"""`export to=student`: a network that learns from an ensemble. The oracle of its loss is Keras's own `Distiller`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from compiler.commands import main
from compiler.runtime.fitting.distilling import DistillingSteps
from compiler.runtime.run import read_run
from compiler.runtime.training import Objective
from compiler.runtime.training.losses import BinaryCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy
from compiler.runtime.training.optimizers import SGD
from compiler.runtime.training.teacher import Teacher
from tests.runtime.ensembles import linear_folds, pooled, trained, weighted

DIGITS: Any = load_digits()
N, C, T, HARD = 24, 3, 3.0, 0.25
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(N, 4)).astype("float32")


def steps(objective: Objective, units: int, activation: str | None, taught: np.ndarray) -> DistillingSteps:
    keras.utils.set_random_seed(1)
    head = keras.layers.Dense(units, activation=activation, kernel_regularizer="l2")
    model = keras.Sequential([keras.Input((4,)), head])
    return DistillingSteps(Teacher(lambda data: taught, T, HARD, {}), taught, model, objective, (), SGD(), "float32", N)


def loss_of(found: DistillingSteps, y: np.ndarray) -> float:
    packed = tf.convert_to_tensor(found.targets(y))
    return float(found._total_loss(packed, found._output(tf.constant(X), training=True)))


def taught_by(model: Any) -> np.ndarray:
    return np.asarray(keras.ops.softmax(model(X)))


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_the_loss_of_classes_is_that_of_keras_distiller(activation: str | None) -> None:
    y = DRAW.integers(0, C, N)
    teacher: Any = keras.Sequential([keras.Input((4,)), keras.layers.Dense(C)])
    loss = SparseCategoricalCrossentropy(from_logits=activation is None)
    objective = Objective("multiclass", loss, "logits" if activation is None else "probabilities")
    found = steps(objective, C, activation, taught_by(teacher))
    student: Any = keras.Sequential([keras.Input((4,)), keras.layers.Dense(C)])
    student.set_weights(found.model.get_weights())
    divergence: Any = keras.losses.KLDivergence()
    loss_of_logits: Any = keras.distillation.LogitsDistillation(T, divergence)
    distiller: Any = keras.distillation.Distiller(teacher, student, loss_of_logits, student_loss_weight=HARD)
    distiller.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    wanted = float(distiller.compute_loss(x=X, y=y, y_pred=student(X)))
    regularizer = float(sum(found.model.losses))  # which Keras's leaves out
    assert loss_of(found, y) == pytest.approx(wanted + regularizer, rel=1e-4)


def test_the_loss_of_two_classes_in_one_value_is_that_of_two_values() -> None:
    y, p = DRAW.integers(0, 2, N), DRAW.random((N, 1)).astype("float32")
    taught = np.hstack([1 - p, p])
    one = steps(Objective("binary", BinaryCrossentropy(from_logits=True), "logits", single=True), 1, None, taught)
    two = steps(Objective("binary", SparseCategoricalCrossentropy(from_logits=True), "logits"), 2, None, taught)
    kernel, bias = one.model.get_weights()
    two.model.set_weights([np.hstack([0 * kernel, kernel]), np.hstack([0 * bias, bias])])
    assert loss_of(one, y) == pytest.approx(loss_of(two, y), rel=1e-5)
    labels = Objective("multilabel", BinaryCrossentropy(from_logits=True), "logits")
    assert loss_of(steps(labels, 1, None, p), y[:, None]) == pytest.approx(loss_of(one, y), rel=1e-5)


def test_the_loss_of_values() -> None:
    y, taught = DRAW.normal(size=(2, N, 1)).astype("float32")
    found = steps(Objective("regression", MeanSquaredError(), "values"), 1, None, taught)
    said = np.asarray(found.model(X))
    wanted = HARD * np.mean((said - y) ** 2) + (1 - HARD) * np.mean((said - taught) ** 2)
    assert loss_of(found, y[:, 0]) == pytest.approx(wanted + float(sum(found.model.losses)), rel=1e-5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    trained(root / "knn", "model=knn", "data=digits_8x8")
    linear_folds(root)
    return root


@pytest.fixture
def here(runs: Path, own_folder: Path) -> Path:
    shutil.copytree(runs, "runs")
    pooled(Path("e"), {"knn": Path("runs/knn"), "lin": [Path("runs/fold0"), Path("runs/fold1")]}, weighted(0.6, 0.4))
    return own_folder


STUDENT = ("model=mlp", "model.vars.units=[32]", "train.epochs=15", "train.optimizer.learning_rate=0.01")


def test_a_student_is_a_run_that_says_what_its_teacher_says(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", "run=e", "to=student", *STUDENT, "hard=0", "temperature=1", "-o", "student", "--json"])
    told = json.loads(capsys.readouterr().out)
    run = read_run(Path("student"))
    assert run.metrics == told["metrics"] and run.record["teacher"]["hard"] == 0.0
    assert run.record["data"]["rows"] == read_run(Path("runs/knn")).record["data"]["rows"]
    np.savez("x.npz", x=DIGITS.images)
    said = {}
    for name in ("e", "student"):
        main(["predict", f"run={name}", "input=x.npz", f"output={name}.npz"])
        said[name] = np.load(f"{name}.npz")["predictions"]
    val = run.predictions("val")
    np.testing.assert_allclose(said["student"][val.rows], val.predictions, atol=1e-5)
    assert np.mean(said["student"].argmax(1) == said["e"].argmax(1)) > 0.9
    # it learnt the teacher's doubt and not the labels alone: those of training rows have none
    train = np.setdiff1d(np.arange(1797), np.concatenate([val.rows, run.predictions("test").rows]))
    certain = {name: float(np.mean(p[train].max(1))) for name, p in said.items()}
    assert certain["student"] == pytest.approx(certain["e"], abs=0.05) and certain["e"] < 0.99


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run=e"], "error[E007]: to=student needs model=NAME"),
        (["run=e", "model=mlp", "hard=2"], "error[E107]: 'hard' must be a number from 0 to 1 (got '2')"),
        (["run=e", "model=mlp", "temperature=0"], "error[E107]: 'temperature' must be a positive number (got '0')"),
        (["run=e", "model=mlp", "train.epoch=2"], "error[E007]"),
        (["run=e", "model=knn"], "error[E609]"),
        (["run=e", "model=mlp", "data=fashion_mnist"], "lack"),
        (["run=runs/knn", "model=mlp"], "error[E803]: the run 'runs/knn' is of no ensemble: its kind is 'knn'"),
    ],
)
def test_faults(words: list[str], text: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["export", *words, "to=student"])
    assert stop.value.code == 2 and text in capsys.readouterr().err
