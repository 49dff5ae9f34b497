"""Every task from a file to a complete run: plan, training, metrics, predictions, and new rows from the raw file."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from rich.console import Console
from sklearn.datasets import load_breast_cancer, load_diabetes, make_multilabel_classification

from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import Predictions, Run, read_run
from compiler.runtime.run.out_of_fold import out_of_fold
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.runtime.tables import wine, write

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("own_folder")]

FAST = (
    "train.epochs=12",
    "train.batch_size=32",
    "train.optimizer.learning_rate=0.01",
    "data=csv",
    "data.path=mine.csv",
)
TWO_INPUTS = """
inputs:
  numbers: {shape: "${data.input_shape.numbers}"}
  region: {shape: "${data.input_shape.region}", dtype: int32}
vars: {codes: "${data.sizes.region}", classes: "${data.classes}"}
layers:
  - {op: Embedding, from: region, input_dim: $codes, output_dim: 3}
  - {op: Flatten, name: place}
  - {op: Concatenate, from: [numbers, place]}
  - {op: Dense, units: 16, activation: relu}
  - {op: Dense, units: $classes, activation: softmax}
"""


def trained(*overrides: str, name: str = "run") -> Run:
    job = plan(compose(for_hydra([*FAST, *overrides])))
    run(job, Path(name), Console(file=StringIO()), list(overrides))
    return read_run(Path(name))


def of_test(found: Run) -> Predictions:
    return found.predictions("test")


def test_many_classes_with_categories_and_holes_and_the_raw_file_again() -> None:
    write(wine())
    found = trained("model=wide_deep", "data.target=y")
    test = of_test(found)
    assert found.record["task"] == "multiclass" and found.record["data"]["classes"] == [
        "Barbera",
        "Barolo",
        "Grignolino",
    ]
    np.testing.assert_allclose(test.predictions.sum(axis=1), 1, atol=1e-5)
    accuracy = sk.accuracy_score(test.labels, test.predictions.argmax(axis=1))
    assert accuracy > 0.85 and found.metrics["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    config = found.section("data")
    assert (config["task"], config["classes"], config["input_shape"]) == ("multiclass", 3, [20])
    raw = wine().iloc[test.rows].drop(columns="y")
    write(raw, "new.csv")
    again = predicted(found, "new.csv")
    np.testing.assert_allclose(again, test.predictions, atol=1e-6)


def predicted(found: Run, path: str) -> np.ndarray:
    """What `python -m compiler predict` writes."""
    from compiler.commands import main

    main(["predict", f"run={found.root}", f"input={path}", "output=predicted.npz"])
    with np.load("predicted.npz") as arrays:
        return arrays["predictions"]


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_two_classes(head: str) -> None:
    bunch: Any = load_breast_cancer(as_frame=True)
    frame = bunch.frame.iloc[:300].assign(target=lambda frame: np.where(frame["target"] == 1, "benign", "malignant"))
    write(frame)
    units = ("model.vars.classes=1", "model.vars.head=sigmoid") if head == "sigmoid" else ()
    found = trained("model=mlp", "data.target=target", "train.metrics=[accuracy,auc]", *units)
    test = of_test(found)
    assert found.record["task"] == "binary" and test.predictions.shape[1] == 2
    assert sk.roc_auc_score(test.labels, test.predictions[:, 1]) > 0.95
    assert set(frame["target"].iloc[test.rows][test.labels == 1]) == {"malignant"}


def test_several_labels_a_row() -> None:
    x, y = make_multilabel_classification(300, 10, n_classes=4, random_state=1)[:2]
    write(
        pd.DataFrame(np.asarray(x), columns=list("abcdefghij")).join(pd.DataFrame(y, columns=["l0", "l1", "l2", "l3"]))
    )
    found = trained("model=mlp", "model.vars.head=sigmoid", "data.target=[l0,l1,l2,l3]", "train.metrics=[acc,f1,auc]")
    test = of_test(found)
    assert found.record["task"] == "multilabel" and test.labels.shape == test.predictions.shape == (45, 4)
    assert np.array_equal(test.labels, y[test.rows])
    f1 = sk.f1_score(test.labels, test.predictions > 0.5, average="macro")
    assert f1 > 0.6 and found.metrics["test"]["f1_macro"] == pytest.approx(f1, abs=1e-6)


@pytest.mark.parametrize("targets", ["[target]", "[target,half]"])
def test_values(targets: str) -> None:
    bunch: Any = load_diabetes(as_frame=True, scaled=False)
    frame = bunch.frame.assign(target=lambda frame: frame["target"] / 100, half=lambda frame: frame["target"] / 2)
    write(frame if "half" in targets else frame.drop(columns="half"))
    found = trained("model=mlp", "model.vars.head=linear", f"data.target={targets}", "data.task=regression")
    test = of_test(found)
    columns = targets.count(",") + 1
    assert found.record["task"] == "regression" and test.predictions.shape == (len(test.rows), columns)
    labels = test.labels.reshape(len(test.rows), -1)
    error = sk.mean_absolute_error(labels, test.predictions)
    assert found.metrics["test"]["mae"] == pytest.approx(error, rel=1e-4)
    assert error < sk.mean_absolute_error(labels, np.broadcast_to(labels.mean(axis=0), labels.shape))


def test_several_inputs_with_an_embedding() -> None:
    write(wine())
    Path("two.yaml").write_text(TWO_INPUTS, "utf-8")
    found = trained(
        "model_file=two.yaml",
        "data.target=y",
        "data.inputs={numbers: [alcohol, flavanoids, proline, color_intensity], region: [region]}",
        "data.columns.region={type: categorical, encode: codes}",
    )
    test = of_test(found)
    assert found.section("data")["sizes"] == {"region": 5}
    assert json.loads(found.file("preprocessing.json").read_text())["inputs"] == {"numbers": [4], "region": [1]}
    assert sk.accuracy_score(test.labels, test.predictions.argmax(axis=1)) > 0.8
    np.testing.assert_allclose(predicted(found, "mine.csv")[test.rows], test.predictions, atol=1e-6)


def test_folds_of_a_sweep_give_every_row_a_prediction() -> None:
    write(wine())
    keys = ("model=mlp", "data.target=y", "data.folds=2", "train.epochs=4")
    runs = [trained(*keys, f"data.fold={fold}", name=f"fold{fold}") for fold in range(2)]
    found = out_of_fold(runs)
    rows = np.setdiff1d(np.arange(178), of_test(runs[0]).rows)
    assert np.array_equal(found.rows, rows) and np.array_equal(of_test(runs[0]).rows, of_test(runs[1]).rows)
    names = runs[0].record["data"]["classes"]
    assert [names[label] for label in found.labels] == wine()["y"].iloc[rows].tolist()
