"""The epochs of one training: steps, validation, the best weights, `history.csv`. Keras is imported with this file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.runtime.data import Dataset
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.fitting.history import write_csv
from compiler.runtime.fitting.progress import Progress
from compiler.runtime.fitting.sampling import permutation, sample_weights
from compiler.runtime.fitting.state import Row, State
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.training import Metric, TrainSettings

STEPS_PER_CALL = 16
"""Steps between two looks of Python at the training: for the bar, for Ctrl-C, and for a loss that is no number."""


class Writer(Protocol):
    """Where the results go; `compiler.runtime.run.RunWriter` is one."""

    def save(self, name: str, write: Callable[[Path], None]) -> object: ...
    def save_predictions(
        self, split: str, predictions: NDArray[Any], rows: NDArray[Any], labels: NDArray[Any]
    ) -> object: ...


class Diverged(ConfigError):
    """E802: the loss, or the monitor of the best epoch, is no number."""


class Training:
    """The epochs of one training.

    Attributes:
        state: where it stands.
        best_weights: of the best epoch so far, as `model.get_weights` gives them; None before there is one.
    """

    def __init__(
        self,
        train: TrainSettings,
        data: Dataset,
        steps: Steps,
        metrics: Iterable[Metric],
        out: Writer,
        clock: Clock,
    ) -> None:
        self.train, self.data, self.steps, self.out, self.clock = train, data, steps, out, clock
        self.state = State.first(train, metrics)
        self.best_weights: list[NDArray[Any]] | None = None

    def run(self, progress: Progress) -> None:
        """All epochs, until one of the settings ends them."""
        rows = self.data.train
        count = math.ceil(len(rows) / self.train.batch_size)
        weights = sample_weights(rows.y, self.train, len(self.data.class_names))
        advance = self.steps.epoch(rows.x, rows.y, weights)
        progress.begin(self.train.epochs, count, self.state.history)
        while not self.state.stopped:
            row = self._epoch(len(self.state.history), count, advance, progress)
            self._judge()
            progress.epoch(row)
        if self.best_weights is None:
            message = f"'{self.train.best.monitor}' was a finite number in no epoch"
            raise Diverged([Fault("E802", message, hint="another train.best.monitor")])

    def save_best(self) -> None:
        """Give the model the weights of its best epoch, if there is one, and save it."""
        if self.best_weights is not None:
            self.steps.model.set_weights(self.best_weights)
            self.out.save("model.keras", lambda path: self.steps.model.save(path))
            self.clock.lap("save")

    def _epoch(self, epoch: int, count: int, advance: Any, progress: Progress) -> Row:
        """One pass over the training rows, and what it measured."""
        peak = self.state.plateau.learning_rate if self.state.plateau else self.train.optimizer.learning_rate
        rates = self.train.schedule.rates(peak, epoch, count, self.train.epochs)
        order = permutation(self.train.seed, epoch, len(self.data.train))
        tensors = [keras.ops.convert_to_tensor(array) for array in (order, np.asarray(rates, np.float32))]
        self.steps.reset()
        for first in range(0, count, STEPS_PER_CALL):
            last = min(first + STEPS_PER_CALL, count)
            loss = float(advance(*tensors, *map(keras.ops.convert_to_tensor, (first, last))))
            if not math.isfinite(loss):
                self._diverged("the loss", loss, f"{epoch + 1}, steps {first + 1} to {last} of {count}", rates[first])
            progress.step(epoch + 1, last)
        row: Row = {"epoch": epoch + 1, "learning_rate": rates[-1]}
        row |= {f"train.{key}": value for key, value in self.steps.results().items()}
        measured, _ = self.steps.evaluate(self.data.val.x, self.data.val.y)
        row |= {f"val.{key}": value for key, value in measured.items()}
        row["seconds"] = round(self.clock.lap("fit"), 3)
        self._record(row)
        if not math.isfinite(row["val.loss"]):
            self._diverged("'val.loss'", row["val.loss"], str(epoch + 1), rates[-1])
        return row

    def _record(self, row: Row) -> None:
        self.state = self.state.recorded(row)
        self.out.save("history.csv", lambda path: write_csv(path, self.state.history))

    def _judge(self) -> None:
        """Look at the epoch that is over, and keep the weights if they are the best."""
        self.state = self.state.judged(self.train)
        if self.state.best_epoch == len(self.state.history):
            self.best_weights = self.steps.model.get_weights()

    def _diverged(self, what: str, value: float, when: str, rate: float) -> None:
        here = f" (it is {rate:.3g} here)" if rate else ""
        hint = f"a smaller train.optimizer.learning_rate{here}, or train.optimizer.clipnorm=1.0"
        if self.state.best_epoch:
            hint += f"; the weights of epoch {self.state.best_epoch} are saved"
        raise Diverged([Fault("E802", f"{what} became {value} in epoch {when}", hint=hint)])
