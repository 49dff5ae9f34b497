"""Where a training stands: its history, and what watches it. Pure; weights and optimizer are TensorFlow's to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from compiler.runtime.training import Constant, Metric, Mode, Plateau, TrainSettings, Watch

Row = dict[str, float]
"""One row of the history: `epoch`, `learning_rate`, `train.loss`, ..., `seconds`."""

Stopped = Literal["epochs", "early_stopping"]


@dataclass(frozen=True, slots=True)
class State:
    """What a training has come to after so many epochs.

    Attributes:
        best: watches the monitor by which weights are kept; `best_epoch` is whose, from 1, and 0 for none yet.
        stopping: watches for `train.early_stopping`.
        plateau: watches for `train.reduce_on_plateau`, and holds the learning rate that it has come to.
        history: one row an epoch.
        stopped: what ended the training; None while it may go on.
    """

    best: Watch
    stopping: Watch | None
    plateau: Plateau | None
    best_epoch: int = 0
    history: tuple[Row, ...] = ()
    stopped: Stopped | None = None

    @classmethod
    def first(cls, train: TrainSettings, metrics: Iterable[Metric]) -> State:
        """Before the first epoch; `metrics` are measured besides the loss."""
        modes: dict[str, Mode] = {"loss": "min", **{metric.key: metric.best for metric in metrics}}
        stopping, reduce = train.early_stopping, train.reduce_on_plateau
        plateau = None
        if reduce and isinstance(train.schedule, Constant):
            watch = Watch(_mode(reduce.monitor, modes), reduce.min_delta)
            plateau = Plateau(reduce, watch, train.optimizer.learning_rate)
        return cls(
            best=Watch(_mode(train.best.monitor, modes)),
            stopping=Watch(_mode(stopping.monitor, modes), stopping.min_delta) if stopping else None,
            plateau=plateau,
        )

    def recorded(self, row: Row) -> State:
        """With the row of one more epoch in the history."""
        return replace(self, history=(*self.history, row))

    def judged(self, train: TrainSettings) -> State:
        """After the last row was looked at: by what keeps the best weights, lowers the rate and stops the training."""
        row = self.history[-1]
        epoch, stopping, stopped = int(row["epoch"]), self.stopping, self.stopped
        best = self.best.seen(row[train.best.monitor])
        plateau = self.plateau and self.plateau.seen(row[self.plateau.settings.monitor])
        if stopping and train.early_stopping and epoch > train.early_stopping.start_from_epoch:
            stopping = stopping.seen(row[train.early_stopping.monitor])
            if 0 < stopping.waited >= train.early_stopping.patience:
                stopped = "early_stopping"
        if epoch >= train.epochs and stopped is None:
            stopped = "epochs"
        best_epoch = epoch if best.waited == 0 else self.best_epoch
        return replace(self, best=best, best_epoch=best_epoch, plateau=plateau, stopping=stopping, stopped=stopped)


def _mode(monitor: str, modes: Mapping[str, Mode]) -> Mode:
    return modes[monitor.partition(".")[2]]
