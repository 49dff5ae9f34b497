"""Networks that do not learn, and those that do: real trainings, each with what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

from compiler.ir import CheckedGraph
from compiler.runtime.data import Dataset
from compiler.runtime.data.load import load
from compiler.runtime.fitting.fit import Outcome, fit
from compiler.runtime.fitting.health import Health
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.plan import plan
from compiler.runtime.training import TrainSettings, head_of, objective
from compiler.spec.compose import compose
from compiler.targets.keras import build
from tests.runtime.test_fit import Folder, Recorded, dataset, graph, loaded, settings

RNG = np.random.default_rng(3)
ROWS = 150
X = RNG.normal(size=(ROWS, 6)).astype(np.float32)
Y = np.argmax(X[:, :3], axis=1)
THREE = dataset("multiclass", Y, X, 3)

DEAD = """
input: [6]
layers:
  - {op: Dense, units: 16, activation: relu, name: first}
  - {op: Dense, units: 16, activation: relu, bias_initializer: {op: Constant, value: -100}, name: low}
  - {op: Dense, units: 3, activation: softmax}
"""
SATURATED = """
input: [6]
layers:
  - {op: Dense, units: 32, activation: sigmoid, kernel_initializer: {op: RandomNormal, stddev: 0.01}, repeat: 9}
  - {op: Dense, units: 3, activation: softmax}
"""
ASIDE = """
input: [6]
layers:
  - op: branches
    paths:
      - [{op: Dense, units: 16, activation: tanh}]
      - [{op: Dense, units: 16, activation: relu, bias_initializer: {op: Constant, value: -100}, name: low}]
  - {op: Dense, units: 3, activation: softmax}
"""
FAR = """
input: [6]
layers:
  - {op: Dense, units: 16, activation: relu}
  - {op: Dense, units: 3, activation: softmax}
"""
DRAWS = """
input: [4, 4, 1]
layers:
  - {op: RandomFlip, mode: horizontal}
  - {op: Conv2D, filters: 4, kernel_size: 3}
  - BatchNormalization
  - {op: Activation, activation: relu}
  - Flatten
  - {op: Dropout, rate: 0.5}
  - {op: Dense, units: 3, activation: softmax}
"""


def trained(text: str, folder: Path, data: Dataset = THREE, **train: object) -> Outcome:
    values = {"epochs": 1, "optimizer": {"op": "Adam", "learning_rate": 0.02}, **train}
    return fit(graph(text), settings(**values), data, Folder(folder))


def only(outcome: Outcome) -> Any:
    (warning,) = outcome.warnings
    return warning


def test_dead_units_are_the_reason(tmp_path: Path) -> None:
    told = Recorded()
    outcome = fit(graph(DEAD), settings(epochs=1), THREE, Folder(tmp_path), told)
    fault = only(outcome)
    assert fault["code"] == "W821" and "all 16 units of 'low' are dead" in fault["message"]
    assert fault["place"]["line"] == 5 and "BatchNormalization" in str(fault["hint"])
    assert told.told[-2:] == [("note", "W821"), ("close",)]


def test_vanishing_gradients_are_the_reason(tmp_path: Path) -> None:
    fault = only(trained(SATURATED, tmp_path))
    assert fault["code"] == "W821" and "gradients vanish on the way back to 'Dense.0'" in fault["message"]
    assert fault["place"]["line"] == 4 and "kernel_initializer" in str(fault["hint"])


def test_dead_units_beside_a_path_that_learns(tmp_path: Path) -> None:
    fault = only(trained(ASIDE, tmp_path, optimizer={"op": "Adam", "learning_rate": 0.1}, epochs=2))
    assert fault["code"] == "W822" and fault["place"]["line"] == 7


def test_rows_that_hardly_differ_are_the_reason(tmp_path: Path) -> None:
    far = dataset("multiclass", Y, X / 1000 + 100, 3)
    fault = only(trained(FAR, tmp_path, far))
    assert fault["code"] == "W821" and "the rows of 'input' hardly differ" in fault["message"] and fault["place"]


def test_without_a_layer_to_blame_it_waits_for_a_hundred_steps(tmp_path: Path) -> None:
    shuffled = dataset("multiclass", RNG.permutation(Y), X, 3)
    told = Recorded()
    slow = settings(epochs=16, optimizer={"op": "SGD", "learning_rate": 1e-7})
    fault = only(fit(graph(FAR), slow, shuffled, Folder(tmp_path), told))
    assert fault["code"] == "W821" and "after epoch 15" in fault["message"] and "it is 1e-07" in str(fault["hint"])
    assert told.told.index(("note", "W821")) == told.told.index(("epoch", 15)) + 1
    assert trained(FAR, tmp_path, shuffled, health=False, epochs=16).warnings == ()


def planned(*overrides: str) -> tuple[CheckedGraph, TrainSettings, Dataset]:
    job = plan(compose(overrides))
    assert job.data is not None
    return job.graph, job.train, load(job.data, job.data_section)


def test_a_separable_net_without_normalisation_stays_at_chance(tmp_path: Path) -> None:
    net, train, data = planned(
        "model=sepconv_small", "model.vars.norm=none", "train.epochs=1", "data.limit=400", "data.size=[32,32]"
    )
    fault = only(fit(net, train, data, Folder(tmp_path)))
    assert fault["code"] == "W821" and "SeparableConv2D' gives hardly differs between rows" in fault["message"]
    assert fault["place"]["file"].endswith("sepconv_small.yaml") and fault["trail"]


@pytest.mark.parametrize("model", ["mlp", "snn", "sepconv_small"])
def test_networks_that_learn_are_left_in_peace(model: str, tmp_path: Path) -> None:
    net, train, data = planned(f"model={model}", "train.epochs=5" if model != "sepconv_small" else "train.epochs=1")
    outcome = fit(net, train, data, Folder(tmp_path))
    assert outcome.warnings == () and (model == "sepconv_small" or outcome.metrics["val"]["accuracy"] > 0.9)


def test_looking_changes_no_bit(tmp_path: Path) -> None:
    data = dataset("multiclass", Y, RNG.normal(size=(ROWS, 4, 4, 1)).astype(np.float32), 3)
    for name, health in (("with", True), ("without", False)):
        trained(DRAWS, tmp_path / name, data, epochs=3, health=health)
    a, b = (loaded(tmp_path / name / "model.keras").get_weights() for name in ("with", "without"))
    assert len(a) == 8, "moving statistics too; Dropout would have drawn otherwise, had its seed changed"
    assert all((one == other).all() for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("task", ["multiclass", "weighted", "smoothed", "logits", "binary", "multilabel", "regression"])
def test_the_prior_is_that_of_scikit_learn(task: str) -> None:
    kind = task if task in ("binary", "multilabel", "regression") else "multiclass"
    rng = np.random.default_rng(5)
    y, units = {
        "multiclass": (Y, 3),
        "binary": ((X[:, 0] > 0.7).astype(np.int64), 1),
        "multilabel": ((X[:, :3] > [0, 1, -1]).astype(np.int64), 3),
        "regression": (rng.normal(size=(ROWS, 2)).astype(np.float32) * [1, 3], 2),
    }[kind]
    data = dataset(kind, y, X, {"multiclass": 3, "binary": 2, "multilabel": 3}.get(kind, 0))
    activation = (
        {"multiclass": "softmax", "regression": "linear"}.get(kind, "sigmoid") if task != "logits" else "linear"
    )
    net = graph(f"input: [6]\nlayers: [{{op: Dense, units: {units}, activation: {activation}}}]\n")
    train = settings(
        class_weight={0: 3.0} if task == "weighted" else None,
        loss={"op": "auto", "label_smoothing": 0.1} if task == "smoothed" else "auto",
    )
    goal = objective(head_of(net), train.loss, data.task)
    steps = Steps(build(net), goal, (), train.optimizer, "float32", 16)
    prior = Health(net, train, data, steps)._prior(10_000)

    rows = data.train.y
    shares = np.bincount(rows, minlength=3) / len(rows) if kind == "multiclass" else rows.mean(0)
    if task in ("multiclass", "logits"):
        expected = sk.log_loss(rows, np.tile(shares, (len(rows), 1)))
    elif task == "weighted":
        weights = np.where(rows == 0, 3.0, 1.0)
        best = np.bincount(rows, weights) / weights.sum()
        expected = sk.log_loss(rows, np.tile(best, (len(rows), 1)), sample_weight=weights) * weights.mean()
    elif task == "smoothed":
        soft = 0.9 * np.eye(3)[rows] + 0.1 / 3
        expected = -(soft * np.log(shares)).sum(1).mean()
    elif task == "binary":
        expected = sk.log_loss(rows, np.full(len(rows), shares))
    elif task == "multilabel":
        expected = np.mean([sk.log_loss(rows[:, k], np.full(len(rows), shares[k])) for k in range(3)])
    else:
        expected = sk.mean_squared_error(rows, np.tile(shares, (len(rows), 1)))
    assert prior == pytest.approx(expected, rel=1e-5)
