"""Trainings that whoever watches them ends early, and what is done with the test split."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from compiler.errors import ConfigError
from compiler.runtime.fitting.progress import Pruned, Silent
from compiler.runtime.job import run, summary
from compiler.runtime.plan import plan
from compiler.runtime.resume import plan_again
from compiler.runtime.run import Checkpoints, RunWriter, read_record, read_run
from compiler.spec.compose import compose

pytestmark = pytest.mark.tf

NETWORK = ["model=mlp", "data=digits", "train.epochs=4", "train.checkpoint.seconds=0.001"]
ESTIMATORS = {
    "lightgbm": ["model=lightgbm", "data=digits_8x8", "model.params.n_estimators=6"],
    "xgboost": ["model=xgboost", "data=digits_8x8", "model.params.n_estimators=6"],
    "gbdt": ["model=gbdt", "data=digits_8x8", "model.params.max_iter=6"],
}


class Ending(Silent):
    """Ends what it watches after some epochs."""

    def __init__(self, after: int) -> None:
        self.after, self.rows = after, list[Mapping[str, float]]()

    def begin(self, epochs: int, steps: int, history: Sequence[Mapping[str, float]] = ()) -> None:
        self.rows = list(history)

    def epoch(self, row: Mapping[str, float]) -> None:
        self.rows.append(row)
        if len(self.rows) == self.after:
            raise Pruned(f"after epoch {self.after}")


def trained(overrides: list[str], folder: Path, after: int = 0) -> Ending:
    watch = Ending(after)
    run(plan(compose(overrides)), folder, Console(file=StringIO()), overrides, observer=watch)
    return watch


def test_a_pruned_network_is_a_run_that_readers_refuse_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Pruned):
        trained(NETWORK, folder, after=2)
    record = read_record(folder)
    assert (record["status"], record["reason"], record["epochs_run"]) == ("pruned", "after epoch 2", 2)
    history = np.genfromtxt(folder / "history.csv", delimiter=",", names=True)
    assert record["metrics"]["val"]["loss"] == history["valloss"][-1] and "test" not in record["metrics"]
    assert not Checkpoints(folder).exist() and not (folder / "model.keras").exists()
    with pytest.raises(ConfigError, match="is not complete: its status is 'pruned': after epoch 2"):
        read_run(folder)
    with pytest.raises(ConfigError, match=r"E810: the run .* was pruned"):
        plan_again(folder, [f"resume={folder}"])
    with pytest.raises(ConfigError, match=r"E803: .* already has a pruned run"):
        RunWriter(folder)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_boosted_trees_end_while_they_learn(name: str, tmp_path: Path) -> None:
    whole = trained(ESTIMATORS[name], tmp_path / "whole")
    with pytest.raises(Pruned):
        trained(ESTIMATORS[name], tmp_path / "part", after=3)
    record = read_record(tmp_path / "part")
    assert record["status"] == "pruned" and record["metrics"]["val"] == {"loss": whole.rows[2]["val.loss"]}
    assert record["artefacts"].keys() == {"model.yaml", "preprocessing.json"}
    kept = read_run(tmp_path / "whole")
    history = np.genfromtxt(kept.file("history.csv"), delimiter=",", names=True)
    assert [row["val.loss"] for row in whole.rows] == history["valloss"].tolist()


def test_what_is_told_of_its_iterations_afterwards_is_complete_anyway(tmp_path: Path) -> None:
    watch = trained(ESTIMATORS["gbdt"], tmp_path / "run", after=2)
    assert len(watch.rows) == 2 and read_run(tmp_path / "run").record["epochs_run"] == 6


@pytest.mark.parametrize("overrides", [NETWORK, ESTIMATORS["lightgbm"]], ids=["mlp", "lightgbm"])
def test_the_test_split_is_scored_predicted_or_not_touched(overrides: list[str], tmp_path: Path) -> None:
    trained(overrides, tmp_path / "score")
    scored = read_run(tmp_path / "score")
    trained([*overrides, "train.test=predict"], tmp_path / "predict")
    predicted = read_run(tmp_path / "predict")
    assert (predicted.predictions("test").predictions == scored.predictions("test").predictions).all()
    assert predicted.metrics == {key: scored.metrics[key] for key in ("train", "val")}
    outcome = run(plan(compose([*overrides, "train.test=skip"])), tmp_path / "skip", Console(file=StringIO()))
    skipped = read_run(tmp_path / "skip")
    assert skipped.metrics == predicted.metrics and "predictions/test.npz" not in skipped.artefacts
    assert "test" not in json.dumps(skipped.record["metrics"]) and "test." not in summary(outcome, tmp_path)
