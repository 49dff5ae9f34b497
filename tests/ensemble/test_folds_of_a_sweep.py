"""From a sweep with `search.folds` to an ensemble whose members are its trials, by the real commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from compiler.runtime.run import read_run
from tests.pages import ROOT


def train(folder: Path, *words: str) -> str:
    command = [sys.executable, str(ROOT / "train.py"), *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_every_row_is_predicted_by_the_run_that_has_not_seen_it(tmp_path: Path) -> None:
    train(tmp_path, "-m", "model=knn,linear", "data=digits_8x8", "search.folds=3", "search.test=false",
          "hydra.sweep.dir=s")  # fmt: skip
    members = "{folds: s/trials/00000/fold-*}, {sweep: s, where: \"$name == 'linear'\"}"
    train(tmp_path, "ensemble=optimal", f"ensemble.members=[{members}]", "hydra.run.dir=e")
    ensemble = read_run(tmp_path / "e")
    pooled = ensemble.predictions("val")
    folds = [read_run(tmp_path / f"s/trials/00000/fold-{k}").predictions("val") for k in range(3)]
    np.testing.assert_array_equal(pooled.rows, np.sort(np.concatenate([fold.rows for fold in folds])))
    weights = json.loads((tmp_path / "e/weights.json").read_text("utf-8"))["weights"]
    assert len(weights) == 2 and sum(weights) > 0.999
    uniform = ensemble.record["ensemble"]["compared"]["val"]["rivals"]["uniform"]["value"]["estimate"]
    assert ensemble.metrics["val"]["log_loss"] < uniform
    assert "test" in ensemble.metrics
