"""Loss and metrics of estimators against Keras's own, on the same predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from compiler.runtime.estimators.measures import measure
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import read_run
from compiler.runtime.sweep.final import scores_on_test
from compiler.runtime.training import Metric, Task
from compiler.settings import validate
from compiler.spec.compose import compose

ROWS = 57
MORE: dict[str, list[dict[str, object]]] = {
    "TopKAccuracy": [{"k": 2}],
    "AUC": [{}, {"curve": "PR"}, {"num_thresholds": 20}],
    "F1Score": [{"average": "macro"}, {"average": "micro"}, {"average": "weighted"}],
}
CASES = [
    (task, validate(cls, values))
    for cls in Metric.choices()
    for task in cls.keras
    for values in MORE.get(cls.__name__, [{}])
]


def rows_of(task: Task) -> tuple[NDArray[Any], NDArray[Any]]:
    """Predictions and labels; some of them as good as certain, some equal."""
    random = np.random.default_rng(5)
    if task == "regression":
        return random.normal(size=(ROWS, 2)).astype(np.float32), random.normal(size=(ROWS, 2)).astype(np.float32)
    if task == "multilabel":
        return random.random((ROWS, 3)).astype(np.float32), random.integers(0, 2, (ROWS, 3))
    classes = 2 if task == "binary" else 4
    scores = random.random((ROWS, classes)).astype(np.float32)
    scores[:5] = np.eye(classes, dtype=np.float32)[0]
    return scores / scores.sum(axis=1, keepdims=True), random.integers(0, classes, ROWS)


@pytest.mark.parametrize(("task", "metric"), CASES, ids=[f"{task}-{metric.key}" for task, metric in CASES])
def test_a_metric_is_keras_s(task: Task, metric: Metric) -> None:
    predictions, y = rows_of(task)
    theirs = getattr(keras.metrics, metric.keras[task])(**metric.arguments(task, predictions.shape[1]))
    truth: NDArray[Any] = y
    if type(metric).__name__ == "F1Score" and task == "multiclass":
        truth = np.eye(predictions.shape[1])[y]
    elif task == "binary":
        truth, predictions_seen = y[:, np.newaxis].astype(np.float32), predictions[:, 1:]
    theirs.update_state(truth, predictions_seen if task == "binary" else predictions)
    ours = measure(predictions, y, task, [metric])[metric.key]
    assert ours == pytest.approx(float(theirs.result()), rel=2e-5, abs=2e-6)


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel", "regression"])
def test_the_loss_is_keras_s(task: Task) -> None:
    predictions, y = rows_of(task)
    loss = {
        "multilabel": keras.losses.BinaryCrossentropy(),
        "regression": keras.losses.MeanSquaredError(),
    }.get(task, keras.losses.SparseCategoricalCrossentropy())
    assert measure(predictions, y, task, [])["loss"] == pytest.approx(float(loss(y, predictions)), rel=1e-5)


NETWORKS: dict[str, tuple[list[str], str]] = {
    "plain": ([], "loss"),
    "smoothed": (["train.loss={op: auto, label_smoothing: 0.2}"], "cross_entropy"),
    "regularized": (["+model.patch={head: {kernel_regularizer: {op: L2}}}"], "cross_entropy"),
}


@pytest.mark.parametrize(("overrides", "name"), NETWORKS.values(), ids=NETWORKS)
def test_a_sweep_scores_a_winner_as_its_training_would_have(tmp_path: Path, overrides: list[str], name: str) -> None:
    """From saved predictions: the metrics are the network's own, and the loss where it has that name."""
    few = ["model=mlp", "data=digits", "data.limit=120", "train.epochs=1", "train.metrics=[accuracy, top_k_accuracy]"]
    run(plan(compose([*few, *overrides])), tmp_path / "run", Console(quiet=True))
    saved = read_run(tmp_path / "run")
    scores, theirs = scores_on_test(saved), dict(saved.metrics["test"])
    if name != "loss":
        assert scores.pop(name) < theirs.pop("loss"), "what smoothing and regularizers add"
    assert scores == pytest.approx(theirs, rel=1e-5)
