"""Where a training stands: its history, and what watches it. Pure; weights and optimizer are TensorFlow's to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from compiler.runtime.training import Constant, Metric, Mode, Plateau, TrainSettings, Watch

Row = dict[str, float]
"""One row of the history: `epoch`, `learning_rate`, `train.loss`, ..., `seconds`."""

Stopped = Literal["epochs", "early_stopping", "callback"]


@dataclass(frozen=True, slots=True)
class State:
    """What a training has come to.

    The epoch that it is in, from 0, is the length of the history.

    Attributes:
        best: watches the monitor by which weights are kept; `best_epoch` is whose, from 1, and 0 for none yet.
        stopping: watches for `train.early_stopping`.
        plateau: watches for `train.reduce_on_plateau`, and holds the learning rate that it has come to.
        history: one row an epoch.
        stopped: what ended the training; None while it may go on.
        step: how many steps of the epoch are done.
        seconds: that they took.
        trained: what was measured by all of them; None before the last.
        warnings: what was noticed of the network, as `errors.as_json` has it.
        xla: whether XLA compiles the steps and why; None before it is known.
    """

    best: Watch
    stopping: Watch | None
    plateau: Plateau | None
    best_epoch: int = 0
    history: tuple[Row, ...] = ()
    stopped: Stopped | None = None
    step: int = 0
    seconds: float = 0.0
    trained: Row | None = None
    warnings: tuple[Mapping[str, object], ...] = ()
    xla: Mapping[str, Any] | None = None

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
        """With the row of one more epoch in the history, before the first step of the next."""
        return replace(self, history=(*self.history, row), step=0, seconds=0.0, trained=None)

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

    def as_json(self) -> dict[str, Any]:
        """What `from_json` needs besides the settings."""
        return {
            "best": _seen(self.best),
            "stopping": self.stopping and _seen(self.stopping),
            "plateau": self.plateau
            and {
                "watch": _seen(self.plateau.watch),
                "learning_rate": self.plateau.learning_rate,
                "resting": self.plateau.resting,
            },
            "best_epoch": self.best_epoch,
            "history": list(self.history),
            "stopped": self.stopped,
            "step": self.step,
            "seconds": self.seconds,
            "trained": self.trained,
            "warnings": list(self.warnings),
            "xla": self.xla,
        }

    def from_json(self, value: Mapping[str, Any], train: TrainSettings) -> State:
        """What `as_json` told of; `self` is the state before the first epoch.

        More epochs than before may be wanted now: then a training that had come to its last epoch goes on.
        """
        plateau = value["plateau"]
        epochs = len(value["history"])
        stopped = None if value["stopped"] == "epochs" and epochs < train.epochs else value["stopped"]
        return replace(
            self,
            best=replace(self.best, **value["best"]),
            stopping=self.stopping and replace(self.stopping, **value["stopping"]),
            plateau=self.plateau
            and replace(
                self.plateau,
                watch=replace(self.plateau.watch, **plateau["watch"]),
                learning_rate=plateau["learning_rate"],
                resting=plateau["resting"],
            ),
            best_epoch=value["best_epoch"],
            history=tuple(value["history"]),
            stopped=stopped,
            step=value["step"],
            seconds=value["seconds"],
            trained=value["trained"],
            warnings=tuple(value["warnings"]),
            xla=value["xla"],
        )


def _seen(watch: Watch) -> dict[str, Any]:
    """What a watch has seen; what it watches for follows from the settings."""
    return {"best": watch.best, "waited": watch.waited}


def _mode(monitor: str, modes: Mapping[str, Mode]) -> Mode:
    return modes[monitor.partition(".")[2]]
