"""Metrics that no record has, against scikit-learn's, and kept in the index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from compiler.runtime.run import RunWriter, read_run
from compiler.runtime.runs import index as module
from compiler.runtime.runs import measures
from compiler.runtime.runs.entry import MISSING
from compiler.runtime.runs.index import Runs
from tests.runs.saved import save


@pytest.fixture(autouse=True)
def always_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORTH", 1)


def test_computed_once_as_scikit_learn_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        save(tmp_path / str(seed), seed=seed)
    save(tmp_path / "none")
    asked = ("val.log_loss", "val.brier", "val.macro_f1", "val.auc", "val.accuracy", "val.loss", "val.rmse", "name")
    runs = Runs(tmp_path)
    runs.measure(runs.entries, asked)
    for run in runs.entries[:3]:
        saved = read_run(Path(run.path)).predictions("val")
        p, y = saved.predictions.astype(float), saved.labels
        p /= p.sum(axis=1, keepdims=True)
        assert run.get("val.log_loss") == pytest.approx(metrics.log_loss(y, p), abs=1e-6)
        assert run.get("val.brier") == pytest.approx(np.square(p - np.eye(3)[y]).sum(axis=1).mean(), abs=1e-6)
        assert run.get("val.macro_f1") == pytest.approx(metrics.f1_score(y, p.argmax(axis=1), average="macro"))
        assert run.get("val.auc") == pytest.approx(metrics.roc_auc_score(y, p, multi_class="ovr"))
        assert (run.get("val.accuracy"), run.get("val.loss")) == (0.9, 0.5)  # as the record has them
        assert run.get("val.rmse") is MISSING
    assert runs.entries[3].get("val.log_loss") is MISSING
    runs.keep()
    monkeypatch.setattr(measures, "_measure", None)  # is called no more
    again = Runs(tmp_path)
    again.measure(again.entries, asked)
    assert [run.get("val.log_loss") for run in again.entries] == [run.get("val.log_loss") for run in runs.entries]
    assert "val.log_loss" in set(again.entries[0].names()) and "val.rmse" not in set(again.entries[0].names())


def test_damaged_predictions_give_no_metric(tmp_path: Path) -> None:
    save(tmp_path / "a", seed=0)
    path = tmp_path / "a/predictions/val.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    runs = Runs(tmp_path)
    runs.measure(runs.entries, ["val.log_loss"])
    assert runs.entries[0].get("val.log_loss") is MISSING


def test_values_have_an_error(tmp_path: Path) -> None:
    said, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    with RunWriter(tmp_path / "a", {"kind": "gbdt", "name": "lgbm", "task": "regression"}) as run:
        run.save_predictions("val", said, np.arange(30), y)
        run.complete({"metrics": {"val": {"loss": 1.0}}})
    runs = Runs(tmp_path)
    runs.measure(runs.entries, ["val.rmse", "val.log_loss"])
    assert runs.entries[0].get("val.rmse") == pytest.approx(np.sqrt(metrics.mean_squared_error(y, said)), rel=1e-5)
    assert runs.entries[0].get("val.log_loss") is MISSING
