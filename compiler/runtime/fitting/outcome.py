"""What a training came to, of a network or of an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.runtime.fitting.state import Stopped


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to.

    Attributes:
        metrics: by split: `val` and, with `train.test=score`, `test` with the best weights; `train` as measured during
            the best epoch.
        best_epoch: whose weights were kept, from 1.
        stopped: what ended it.
        history: one row an epoch, as in `history.csv`.
        timings: seconds by phase: `build`, `trace`, `fit`, `validate`, `evaluate`, `save` and others.
        initial: where the weights came from that it began with; None for random ones.
        warnings: what was noticed while it ran, as `errors.as_json` has it.
        xla: whether XLA compiled the steps, and why; None for what has no steps.
        snapshots: the epochs that have a run of their own, from 1.
    """

    metrics: Mapping[str, Mapping[str, float]]
    best_epoch: int
    epochs_run: int
    stopped: Stopped
    history: tuple[Mapping[str, float], ...]
    timings: Mapping[str, float]
    initial: Mapping[str, object] | None = None
    warnings: tuple[Mapping[str, object], ...] = ()
    xla: Mapping[str, object] | None = None
    snapshots: tuple[int, ...] = ()
