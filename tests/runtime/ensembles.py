"""Ensembles' runs for tests of serving, written as the job of an ensemble writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from compiler.commands import main
from compiler.runtime.ensemble.blends import Blend, Pooling, Weighted
from compiler.runtime.ensemble.lock import LOCK, WEIGHTS, Form, Locked, lock_text, locked_run
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import RunWriter, read_run
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra


def trained(folder: Path, *words: str) -> Path:
    """A run of `train.py` with these words, in this process."""
    run(plan(compose(for_hydra(list(words)))), folder, Console(quiet=True))
    return folder


def linear_folds(root: Path) -> None:
    """The runs of both folds of a linear model, `fold0` and `fold1`."""
    for fold in range(2):
        trained(root / f"fold{fold}", "model=linear", "data=digits_8x8", "data.folds=2", f"data.fold={fold}")


def predicted(words: str) -> np.ndarray:
    """What `predict` says, (N, C)."""
    main(f"predict {words} output=p.npz --json".split())
    with np.load("p.npz") as arrays:
        return arrays["predictions"]


def pooled(folder: Path, members: Mapping[str, Path | Sequence[Path]], blend: Blend) -> Path:
    """The run of an ensemble: a member is a run, or a list of the runs of all folds."""
    locked: list[Locked] = []
    for name, paths in members.items():
        listed = [paths] if isinstance(paths, Path) else list(paths)
        record = read_run(listed[0]).record
        form: Form = "ensemble" if record["kind"] == "ensemble" else "run" if isinstance(paths, Path) else "folds"
        runs = tuple(locked_run(path, folder, {}) for path in listed)
        locked.append(Locked(name, form, str(record["kind"]), runs))
    first = next(iter(members.values()))
    record = read_run(first if isinstance(first, Path) else first[0]).record
    with RunWriter(folder, {"kind": "ensemble", "name": "both", "task": record["task"]}) as writer:
        writer.save_text(LOCK, lock_text(locked))
        writer.save_json(WEIGHTS, blend.as_json())
        writer.complete({"data": record["data"]})
    return folder


def weighted(*weights: float, pooling: Pooling = "probability", temperature: float = 1.0) -> Weighted:
    """A blend of classes."""
    return Weighted("multiclass", np.array(weights), pooling, temperature)
