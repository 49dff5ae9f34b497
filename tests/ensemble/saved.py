"""Complete runs as a training leaves them, made in no time: what members said is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compiler.runtime.data.dataset import classes_fingerprint, combined, labels_fingerprint
from compiler.runtime.run import RunWriter

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Predictions (N, C), row ids (N,), labels."""


def drawn(seed: int, n: int = 60, classes: int = 3, *, skill: float = 2.0, first: int = 0) -> Arrays:
    """What a classifier says about `n` rows from `first` on; labels are the same for each seed."""
    rows = np.arange(first, first + n)
    labels = np.random.default_rng(first).integers(0, classes, n)
    logits = np.random.default_rng(seed).normal(size=(n, classes))
    logits[np.arange(n), labels] += skill
    p = np.exp(logits)
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32), rows, labels


def save_run(
    root: Path,
    seed: int = 0,
    *,
    val: Arrays | None = None,
    test: Arrays | None = None,
    about: Mapping[str, Any] | None = None,
    class_names: tuple[str, ...] | None = None,
    initial: Mapping[str, Any] | None = None,
    epochs: int = 1,
    tested: bool = True,
    salt: str = "",
) -> Path:
    """A complete run in `root`, of kind `keras`.

    Args:
        about: is laid over its record.
        initial: what the record says of the weights that it began with.
        tested: whether it predicted `test`.
        salt: where it differs, the rows have other inputs.
    """
    val, test = val or drawn(seed), test or drawn(seed, first=1000)
    names = class_names or tuple(str(k) for k in range(val[0].shape[1]))
    inputs = hashlib.sha256(salt.encode()).hexdigest()
    parts = {"val": val, "test": test}
    rows = {part: hashlib.sha256(said[1].tobytes() + inputs.encode()).hexdigest() for part, said in parts.items()}
    labels = {part: labels_fingerprint(said[2]) for part, said in parts.items()}
    record: dict[str, Any] = {
        "kind": "keras",
        "name": "mlp",
        "task": "multiclass",
        "spec_hash": "0" * 64,
        "data": {
            "name": "digits",
            "classes": list(names),
            "rows": {"train": 500, "val": len(val[1]), "test": len(test[1])},
            "fingerprints": {
                "rows": combined({"train": "0" * 64, **rows}),
                "labels": combined({"train": "0" * 64, **labels}),
                "classes": {"all": classes_fingerprint(names)},
            },
        },
        "config": {"train": {"best": {"monitor": "val.loss"}}, "data": {"source": "digits"}},
        "seeds": {"train": seed, "split": 0},
        "overrides": [],
        **(about or {}),
    }
    with RunWriter(root, record) as run:
        run.save_predictions("val", *val)
        if tested:
            run.save_predictions("test", *test)
        came_to = {"best_epoch": 1, "epochs_run": epochs, "stopped": "epochs"}
        return run.complete({"metrics": {}, "initial": initial, **came_to})
