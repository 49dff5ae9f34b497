"""The epochs of one training: steps, validation, the best weights, `history.csv`. TensorFlow is imported too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault, as_json
from compiler.ir import CheckedGraph
from compiler.runtime.data import Dataset
from compiler.runtime.fitting import variables
from compiler.runtime.fitting.callbacks import Callbacks, as_keras
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.fitting.health import Health
from compiler.runtime.fitting.history import write_csv
from compiler.runtime.fitting.loop import Loop
from compiler.runtime.fitting.pace import Pace, process_age
from compiler.runtime.fitting.progress import Progress
from compiler.runtime.fitting.sampling import permutation, sample_weights
from compiler.runtime.fitting.snapshots import Keeper
from compiler.runtime.fitting.state import Row, State
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.fitting.xla import settled, tried
from compiler.runtime.run import Checkpoint, Checkpoints
from compiler.runtime.signals import Signals
from compiler.runtime.training import Metric, TrainSettings

_BEST = "best."

Evaluated = tuple[dict[str, float], NDArray[np.float32]]
"""Loss and metrics of a split, and its predictions."""


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
        best_on_val: what those weights came to on `val`, and their predictions; None where they are an earlier
            process's.
        about: what a checkpoint is to hold besides.
        keeper: keeps further epochs.
        health: looks for what keeps the network from learning.
    """

    def __init__(
        self,
        graph: CheckedGraph,
        train: TrainSettings,
        data: Dataset,
        steps: Steps,
        metrics: Iterable[Metric],
        out: Writer,
        clock: Clock,
        checkpoints: Checkpoints | None,
        signals: Signals,
        about: Mapping[str, object],
        keeper: Keeper,
        health: Health | None = None,
    ) -> None:
        self.graph, self.train, self.data, self.steps, self.out, self.clock = graph, train, data, steps, out, clock
        self.checkpoints, self.signals, self.about = checkpoints, signals, about
        self.keeper, self.health = keeper, health
        self.state = State.first(train, metrics)
        self.count = math.ceil(len(data.train) / train.batch_size)
        params = {"epochs": train.epochs, "steps": self.count, "verbose": 0}
        self.callbacks = Callbacks(train.callbacks, steps.model, params)
        self.pace = Pace(1 if self.callbacks.singly else train.steps_per_execution or train.strategy.steps)
        self.best_weights: list[NDArray[Any]] | None = None
        self.best_on_val: Evaluated | None = None
        self._on_val: Evaluated | None = None
        if checkpoints is None:
            signals.kept = ("the run makes no checkpoints, so it is lost", "train.checkpoint.seconds=30")

    def resume(self, checkpoint: Checkpoint) -> None:
        """Stand where the checkpoint was made.

        Raises:
            ValueError: it is another training's.
        """
        arrays = dict(checkpoint.arrays)
        best = [arrays.pop(name) for name in sorted(arrays) if name.startswith(_BEST)]
        if set(arrays) - set(self.steps.variables()):  # of metrics that make their variables when they are first used
            x, y = self.data.val.x, self.data.val.y
            self.steps.evaluate(
                {name: rows[:1] for name, rows in x.items()} if isinstance(x, Mapping) else x[:1], y[:1]
            )
        variables.write(self.steps.variables(), arrays)
        self.state = self.state.from_json(checkpoint.state["training"], self.train)
        self.best_weights = best if self.state.best_epoch else None
        self.clock.add(checkpoint.state["timings"])
        self._tell_what_is_kept()

    def run(self, progress: Progress) -> None:
        """All epochs, until one of the settings ends them.

        Raises:
            Diverged: E802.
            Interrupted: E807, a signal came, and a checkpoint was made.
            Pruned: `progress` ended it.
        """
        rows = self.data.train
        weights = sample_weights(rows.y, self.train, len(self.data.class_names))
        loop = self.steps.epoch(rows.x, rows.y, weights)
        self.clock.lap("build")
        self._settle(loop)
        order = permutation(self.train.seed, len(self.state.history), len(rows))
        self.steps.trace(loop, order, self.count, self.state.step, self.data.val.x, self.data.val.y)
        self.clock.lap("trace")
        if self.state.history:
            self._save_history()
        elif self.checkpoints and not self.state.step:
            self.signals.kept = ("it was too short for a checkpoint", "start it again")
        self.keeper.resumed(len(self.state.history))
        progress.begin(self.train.epochs, self.count, self.state.history)
        if (self.state.history or self.state.step) and (warning := self.callbacks.resumed()):
            self._note([warning], progress)
        self.callbacks.tell("train_begin")
        with self.signals.held():
            while not self.state.stopped:
                row = self._epoch(len(self.state.history), loop, progress)
                self._judge()
                self.clock.lap("save")
                progress.epoch(row)
                self.clock.lap("report")
                self._look(row, progress)
                self._end_epoch(row)
                self.clock.lap("report")
                self._pause()
        self.callbacks.tell("train_end", as_keras(self.state.history[-1]))
        if self.best_weights is None:
            message = f"'{self.train.best.monitor}' was a finite number in no epoch"
            raise Diverged([Fault("E802", message, hint="another train.best.monitor")])

    def _settle(self, loop: Loop) -> None:
        """Whether XLA compiles the steps: as it was when the training began, since the bits depend on it."""
        choice, wanted = self.state.xla, self.train.xla
        if choice is None and wanted == "auto":
            order = permutation(self.train.seed, 0, len(self.data.train))
            choice = tried(self.graph, self.steps, loop, order, self.count * self.train.epochs)
            self.clock.lap("trial")
        elif choice is None:
            choice = settled(bool(wanted), loop)
        loop.xla = choice["used"]
        self.state = replace(self.state, xla=choice)

    def save_best(self) -> None:
        """Give the model the weights of its best epoch, if there is one, and save it."""
        if self.best_weights is not None:
            self.steps.model.set_weights(self.best_weights)
            self.out.save("model.keras", lambda path: self.steps.model.save(path))
            self.clock.lap("save")

    def _epoch(self, epoch: int, loop: Loop, progress: Progress) -> Row:
        """One pass over the training rows, or what is left of it, and what it measured."""
        peak = self.state.plateau.learning_rate if self.state.plateau else self.train.optimizer.learning_rate
        rates = self.train.schedule.rates(peak, epoch, self.count, self.train.epochs)
        if self.state.trained is None:
            self._steps(epoch, rates, loop, progress)
        row: Row = {"epoch": epoch + 1, "learning_rate": rates[-1]}
        row |= {f"train.{key}": value for key, value in (self.state.trained or {}).items()}
        measured: Mapping[str, float] = {}
        self.callbacks.tell("test_begin")
        with self.signals.let_in():
            self._on_val = self.steps.evaluate(self.data.val.x, self.data.val.y)
            measured = self._on_val[0]
        self.callbacks.tell("test_end", measured)
        seconds = self.state.seconds + self.clock.lap("validate")
        self._pause()
        row |= {f"val.{key}": value for key, value in measured.items()}
        row["seconds"] = round(seconds, 3)
        self.state = self.state.recorded(row)
        self._save_history()
        if not math.isfinite(row["val.loss"]):
            self._diverged("'val.loss'", row["val.loss"], str(epoch + 1), rates[-1])
        return row

    def _steps(self, epoch: int, rates: Sequence[float], loop: Loop, progress: Progress) -> None:
        """The steps that are left of an epoch."""
        order = permutation(self.train.seed, epoch, len(self.data.train))
        rates_array = np.asarray(rates, np.float32)
        if self.state.step == 0:
            self.steps.reset()
        self.callbacks.tell("epoch_begin", epoch)
        while (first := self.state.step) < self.count:
            last = min(first + self.pace.steps, self.count)
            if self.callbacks.singly:
                self.callbacks.tell("train_batch_begin", first)
            began = perf_counter()
            loss, diverged = loop(order, rates_array, first, last)
            self.pace.took(last - first, perf_counter() - began)
            new = self.clock.alone and "first_step" not in self.clock.timings
            if new and (age := process_age()) is not None:
                self.clock.timings["first_step"] = age
            if diverged is not None:
                self._diverged("the loss", loss, f"{epoch + 1}, step {diverged + 1} of {self.count}", rates[diverged])
            if self.callbacks.singly:
                self.callbacks.tell("train_batch_end", first, self.steps.results())
            progress.step(epoch + 1, last)
            self.state = replace(self.state, step=last, seconds=self.state.seconds + self.clock.lap("fit"))
            self._pause()
        self.state = replace(self.state, trained=self.steps.trained())

    def _pause(self) -> None:
        """Between two calls: make a checkpoint when it is time, or when a signal asks to stop; then do stop."""
        asked = self.signals.received is not None
        if self.checkpoints and (asked or self.checkpoints.due()):
            self.checkpoints.save(self._checkpoint())
            self.clock.lap("checkpoint")
            self._tell_what_is_kept()
        if asked:
            raise self.signals.interrupted()

    def _checkpoint(self) -> Checkpoint:
        arrays = variables.read(self.steps.variables())
        best = {f"{_BEST}{i:04d}": array for i, array in enumerate(self.best_weights or ())}
        state = {"training": self.state.as_json(), "timings": self.clock.timings, **self.about}
        return Checkpoint({**arrays, **best}, state)

    def _tell_what_is_kept(self) -> None:
        epoch, step = len(self.state.history) + 1, self.state.step
        where = f"epoch {epoch}, step {step} of {self.count}" if step else f"the end of epoch {epoch - 1}"
        if self.checkpoints:
            hint = f"python train.py resume={self.checkpoints.root} goes on from there"
            self.signals.kept = (f"the training is kept up to {where}", hint)

    def _save_history(self) -> None:
        self.out.save("history.csv", lambda path: write_csv(path, self.state.history))

    def _judge(self) -> None:
        """Look at the epoch that is over, and keep the weights if they are the best, or a snapshot."""
        self.state = self.state.judged(self.train)
        if self.state.best_epoch == len(self.state.history):
            self.best_weights = self.steps.model.get_weights()
            self.best_on_val = self._on_val
        assert self._on_val is not None, "an epoch ends with its evaluation"
        self.keeper.epoch(len(self.state.history), self.steps.model, self._on_val[1])

    def _end_epoch(self, row: Row) -> None:
        """Callbacks have the last word of an epoch: the weights that were evaluated are kept by then."""
        self.callbacks.tell("epoch_end", int(row["epoch"]) - 1, as_keras(row))
        if self.callbacks.stop and not self.state.stopped:
            self.state = replace(self.state, stopped="callback")

    def _note(self, warnings: Sequence[Fault], progress: Progress) -> None:
        progress.note(warnings)
        self.state = replace(self.state, warnings=(*self.state.warnings, *map(as_json, warnings)))

    def _look(self, row: Row, progress: Progress) -> None:
        """Say what is wrong with the network, if something is."""
        known = {str(warning["code"]) for warning in self.state.warnings}
        found = self.health.after(row, known) if self.health else []
        if found:
            self._note(found, progress)
        self.clock.lap("health")

    def _diverged(self, what: str, value: float, when: str, rate: float) -> None:
        here = f" (it is {rate:.3g} here)" if rate else ""
        hint = f"a smaller train.optimizer.learning_rate{here}, or train.optimizer.clipnorm=1.0"
        if self.state.best_epoch:
            hint += f"; the weights of epoch {self.state.best_epoch} are saved"
        raise Diverged([Fault("E802", f"{what} became {value} in epoch {when}", hint=hint)])
