"""A training that comes to nothing, through the real command: its status, its message, and what it leaves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.tf

ROOT = Path(__file__).parents[2]


def test_a_learning_rate_of_a_million_stops_it_and_leaves_the_last_good_weights(tmp_path: Path) -> None:
    """The rate is 1e-3 for two epochs and 1e6 after them."""
    import keras

    schedule = {"op": "exponential", "decay_rate": 1e9, "decay_epochs": 2, "staircase": "true", "warmup_epochs": 0}
    settings = ["model=wide_deep", "data=digits_8x8", "train.epochs=4", "train.optimizer.op=SGD"]
    command = [*settings, *(f"++train.schedule.{key}={value}" for key, value in schedule.items()), "hydra.run.dir=run"]
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", *command], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert "error[E802]: the loss became" in done.stderr and "in epoch 3, step " in done.stderr
    assert "the weights of epoch 2 are saved" in done.stderr
    record = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert record["status"] == "failed" and "in epoch 3, step " in record["reason"]
    assert len(list(csv.DictReader((tmp_path / "run/history.csv").open()))) == 2
    model: Any = keras.saving.load_model(tmp_path / "run/model.keras")
    assert all(np.isfinite(array).all() for array in model.get_weights())
    assert not (tmp_path / "run/predictions").exists()
