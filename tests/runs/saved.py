"""Run directories for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from compiler.runtime.run import RunWriter


def save(folder: Path, /, name: str = "mlp", kind: str = "keras", seed: int | None = None, **more: Any) -> Path:
    """A complete run; with a seed one that has predictions of 40 rows and three classes."""
    metrics = more.pop("metrics", {"val": {"loss": 0.5, "accuracy": 0.9}})
    with RunWriter(folder, {"kind": kind, "name": name, "task": more.pop("task", "multiclass"), **more}) as run:
        if seed is not None:
            said = np.random.default_rng(seed).dirichlet(np.ones(3), 40)
            run.save_predictions("val", said, np.arange(40), np.arange(40) % 3)
        run.complete({"metrics": metrics})
    return folder


def fail(folder: Path) -> None:
    """A failed run."""
    with RunWriter(folder, {"kind": "keras", "name": "mlp"}) as run:
        run.fail("E802: the loss is not a number")
