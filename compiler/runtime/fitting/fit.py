"""Fit a model: epochs, what watches them, the best weights, and what is saved. Keras is imported with this file."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.ir import CheckedGraph
from compiler.runtime.checks import measured
from compiler.runtime.data import Dataset
from compiler.runtime.fitting.progress import Progress, Silent
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.initial import InitialWeights
from compiler.runtime.initial.fill import fill
from compiler.runtime.training import (
    Constant,
    Metric,
    Mode,
    Plateau,
    TrainSettings,
    Unsuitable,
    Watch,
    head_of,
    objective,
)
from compiler.targets.keras import build

STEPS_PER_CALL = 16
"""Steps between two looks of Python at the training: for the bar, for Ctrl-C, and for a loss that is no number."""

Row = dict[str, float]


class Writer(Protocol):
    """Where the results go; `compiler.runtime.run.RunWriter` is one."""

    def save(self, name: str, write: Callable[[Path], None]) -> object: ...
    def save_predictions(
        self, split: str, predictions: NDArray[Any], rows: NDArray[Any], labels: NDArray[Any]
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to.

    Attributes:
        metrics: by split: `val` and `test` with the best weights; `train` as measured during the best epoch.
        best_epoch: whose weights were kept, from 1.
        stopped: what ended it.
        history: one row an epoch, as in `history.csv`.
        timings: seconds by phase: `build`, `fit`, `evaluate`, `save`.
        initial: where the weights came from that it began with; None for random ones.
    """

    metrics: Mapping[str, Mapping[str, float]]
    best_epoch: int
    epochs_run: int
    stopped: Literal["epochs", "early_stopping"]
    history: tuple[Mapping[str, float], ...]
    timings: Mapping[str, float]
    initial: Mapping[str, object] | None = None


class Diverged(ConfigError):
    """E802: the loss, or the monitor of the best epoch, is no number."""


@dataclass(slots=True)
class _Clock:
    """Seconds by phase."""

    timings: dict[str, float] = field(default_factory=dict[str, float])
    _last: float = field(default_factory=perf_counter)

    def lap(self, phase: str) -> float:
        """Add the time since the last lap to `phase`, and give it."""
        now = perf_counter()
        seconds, self._last = now - self._last, now
        self.timings[phase] = self.timings.get(phase, 0.0) + seconds
        return seconds


def fit(
    graph: CheckedGraph,
    train: TrainSettings,
    data: Dataset,
    out: Writer,
    progress: Progress | None = None,
    initial: InitialWeights | None = None,
) -> Outcome:
    """Train the model that `graph` describes, keep the weights of its best epoch, and evaluate those.

    `history.csv` is rewritten after every epoch; `model.keras` and the predictions on `val` and `test` are saved at
    the end. The test split is evaluated once, with the weights that are kept.

    Args:
        train: settings that `check_training` has passed for this graph and these data.
        progress: told how far it is.
        initial: weights to begin with, in the place of random ones.

    Raises:
        Diverged: E802; the best weights so far are saved as `model.keras`.
        ConfigError: E801, Keras refuses a layer; E602 to E604, model, loss and data do not go together; E901 to
            E904, the initial weights are not what they were when they were checked.
    """
    clock = _Clock()
    progress = progress or Silent()
    keras.utils.set_random_seed(train.seed)
    metrics = measured(train, data.task)
    try:
        goal = objective(head_of(graph), train.loss, data.task)
    except Unsuitable as fault:
        raise ConfigError([Fault(fault.code, str(fault), hint=fault.hint)]) from None
    model = build(graph)
    began = fill(model, graph, initial) if initial else None
    _require_output(model, data)
    steps = Steps(model, goal, metrics, train.optimizer, graph.precision, train.batch_size)
    clock.lap("build")
    training = _Training(train, data, steps, metrics, out, clock)
    try:
        training.run(progress)
    except Diverged:
        training.save_best()
        raise
    finally:
        progress.close()
    training.save_best()
    row = training.history[training.best_epoch - 1]
    scores = {"train": {key[6:]: value for key, value in row.items() if key.startswith("train.")}}
    for name, split in (("val", data.val), ("test", data.test)):
        scores[name], predictions = steps.evaluate(split.x, split.y)
        clock.lap("evaluate")
        out.save_predictions(name, predictions, split.ids, split.y)
        clock.lap("save")
    return Outcome(
        metrics=scores,
        best_epoch=training.best_epoch,
        epochs_run=len(training.history),
        stopped=training.stopped,
        history=tuple(training.history),
        timings=clock.timings,
        initial=began,
    )


def permutation(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """The order of the training rows in `epoch` (from 0): a new one for every epoch, the same for every run.

    Keras's own shuffling repeats one permutation for all epochs once its seed is set.
    """
    return np.random.default_rng([seed, epoch]).permutation(rows)


def sample_weights(y: NDArray[Any], train: TrainSettings, classes: int) -> NDArray[np.float32] | None:
    """The weight of each row by its class, (N,); None where all weigh 1."""
    if train.class_weight is None:
        return None
    table = np.ones(classes, np.float32)
    if train.class_weight == "balanced":
        counts = np.bincount(y, minlength=classes)
        table[:] = len(y) / (classes * np.maximum(counts, 1))
    else:
        for number, weight in train.class_weight.items():
            table[number] = weight
    return table[y]


class _Training:
    """The epochs of one training, and their state: what a checkpoint would hold besides weights and optimizer."""

    def __init__(
        self,
        train: TrainSettings,
        data: Dataset,
        steps: Steps,
        metrics: tuple[Metric, ...],
        out: Writer,
        clock: _Clock,
    ) -> None:
        self.train, self.data, self.steps, self.out, self.clock = train, data, steps, out, clock
        modes: dict[str, Mode] = {"loss": "min", **{metric.key: metric.best for metric in metrics}}
        self.history: list[Row] = []
        self.stopped: Literal["epochs", "early_stopping"] = "epochs"
        self.best = Watch(_mode(train.best.monitor, modes))
        self.best_epoch, self.best_weights = 0, None
        stopping, reduce = train.early_stopping, train.reduce_on_plateau
        self.stopping = stopping and Watch(_mode(stopping.monitor, modes), stopping.min_delta)
        self.plateau: Plateau | None = None
        if reduce and isinstance(train.schedule, Constant):
            watch = Watch(_mode(reduce.monitor, modes), reduce.min_delta)
            self.plateau = Plateau(reduce, watch, train.optimizer.learning_rate)

    def run(self, progress: Progress) -> None:
        """All epochs, until one of the settings ends them."""
        rows = self.data.train
        count = math.ceil(len(rows) / self.train.batch_size)
        weights = sample_weights(rows.y, self.train, len(self.data.class_names))
        advance = self.steps.epoch(rows.x, rows.y, weights)
        progress.begin(self.train.epochs, count)
        for epoch in range(self.train.epochs):
            row = self._epoch(epoch, count, advance, progress)
            progress.epoch(row)
            if self._ends(row):
                self.stopped = "early_stopping"
                break
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
        peak = self.plateau.learning_rate if self.plateau else self.train.optimizer.learning_rate
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
        self.history.append(row)
        self.out.save("history.csv", lambda path: _write_csv(path, self.history))

    def _ends(self, row: Row) -> bool:
        """Keep the weights if they are the best; lower the rate on a plateau; whether it is time to stop."""
        self.best = self.best.seen(row[self.train.best.monitor])
        if self.best.waited == 0:
            self.best_epoch, self.best_weights = int(row["epoch"]), self.steps.model.get_weights()
        if self.plateau:
            self.plateau = self.plateau.seen(row[self.plateau.settings.monitor])
        if not self.stopping or not self.train.early_stopping:
            return False
        if row["epoch"] <= self.train.early_stopping.start_from_epoch:
            return False
        self.stopping = self.stopping.seen(row[self.train.early_stopping.monitor])
        return 0 < self.stopping.waited >= self.train.early_stopping.patience

    def _diverged(self, what: str, value: float, when: str, rate: float) -> None:
        here = f" (it is {rate:.3g} here)" if rate else ""
        hint = f"a smaller train.optimizer.learning_rate{here}, or train.optimizer.clipnorm=1.0"
        if self.best_epoch:
            hint += f"; the weights of epoch {self.best_epoch} are saved"
        raise Diverged([Fault("E802", f"{what} became {value} in epoch {when}", hint=hint)])


def _mode(monitor: str, modes: Mapping[str, Mode]) -> Mode:
    return modes[monitor.partition(".")[2]]


def _require_output(model: Any, data: Dataset) -> None:
    """Raise E603 unless the model gives as many values as regression has targets: only now is that known."""
    shape = model.output_shape
    shape = next(iter(shape.values())) if isinstance(shape, Mapping) else shape
    targets = data.train.y.shape[1] if data.train.y.ndim > 1 else 1
    if data.task == "regression" and tuple(shape[1:]) != (targets,):
        message = f"the model gives {tuple(shape[1:])} values for a row, but the data have {targets} targets"
        raise ConfigError([Fault("E603", message, hint=f"units: {targets}")])


def _write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
