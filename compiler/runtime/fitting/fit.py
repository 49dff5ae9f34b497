"""Fit a model: epochs, what watches them, the best weights, and what is saved. Keras is imported with this file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import tensorflow as tf

from compiler.errors import ConfigError, Fault, as_json
from compiler.ir import CheckedGraph
from compiler.runtime.checks import measured
from compiler.runtime.data import Dataset
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.fitting.distilling import DistillingSteps
from compiler.runtime.fitting.feed import on_device
from compiler.runtime.fitting.health import Health
from compiler.runtime.fitting.kept import seeded, steps_of
from compiler.runtime.fitting.outcome import Outcome
from compiler.runtime.fitting.progress import Progress, Silent
from compiler.runtime.fitting.replicas import Replicas
from compiler.runtime.fitting.snapshots import Keeper
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.fitting.training import Diverged, Training, Writer
from compiler.runtime.fitting.variables import with_global_seed
from compiler.runtime.initial import InitialWeights
from compiler.runtime.initial.fill import fill
from compiler.runtime.run import Checkpoint, Checkpoints, SnapshotFolder
from compiler.runtime.signals import Signals
from compiler.runtime.training import TrainSettings, Unsuitable, head_of, objective
from compiler.runtime.training.strategies import Single
from compiler.runtime.training.teacher import Teacher
from compiler.runtime.warm import Warm
from compiler.targets.keras import build

__all__ = ["Diverged", "Outcome", "fit"]


def fit(
    graph: CheckedGraph,
    train: TrainSettings,
    data: Dataset,
    out: Writer,
    progress: Progress | None = None,
    initial: InitialWeights | None = None,
    checkpoints: Checkpoints | None = None,
    checkpoint: Checkpoint | None = None,
    signals: Signals | None = None,
    warm: Warm | None = None,
    clock: Clock | None = None,
    snapshots: SnapshotFolder | None = None,
    teacher: Teacher | None = None,
) -> Outcome:
    """Train the model that `graph` describes, keep the weights of its best epoch, and evaluate those.

    `history.csv` is rewritten after every epoch; `model.keras` and the predictions on `val` and `test` are saved at
    the end. The test split is evaluated once, with the weights that are kept, if `train.test` wants it.

    Args:
        train: settings that `check_training` has passed for this graph and these data.
        progress: told how far it is.
        initial: weights to begin with, in the place of random ones.
        checkpoints: where they are made.
        checkpoint: to go on from, in the place of a beginning.
        signals: what asks to stop.
        warm: what this process keeps from one training for the next.
        clock: has the time that was spent before.
        snapshots: where the epochs of `train.snapshots` are kept.
        teacher: what is learnt from besides the labels.

    Raises:
        Diverged: E802; the best weights so far are saved as `model.keras`.
        Interrupted: E807, a signal stopped it.
        Pruned: `progress` ended it.
        ConfigError: E801, Keras refuses a layer, or `train.deterministic` an operation; E602 to E604, model, loss and
            data do not go together; E901 to E904, the initial weights are not what they were when they were checked.
    """
    clock = clock or Clock()
    progress = progress or Silent()
    signals = signals or Signals()
    if train.deterministic:
        tf.config.experimental.enable_op_determinism()
    metrics = measured(train, data.task)
    try:
        goal = objective(head_of(graph), train.loss, data.task)
    except Unsuitable as fault:
        raise ConfigError([Fault(fault.code, str(fault), hint=fault.hint)]) from None
    replicas = None if isinstance(train.strategy, Single) else Replicas(train.strategy)
    with replicas.scope() if replicas else nullcontext():
        model: Any = seeded(train.seed, lambda: build(graph), warm)
    with_global_seed()  # a step that draws without a seed of its own must not be the first to ask for it
    _require_output(model, data)

    def made() -> Steps:
        copied = partial(warm.copied, copy=on_device) if warm else on_device
        given = (
            model, goal, metrics, train.updating, graph.precision, train.batch_size, train.feed, train.lowerings,
            replicas, copied,
        )  # fmt: skip
        return Steps(*given) if teacher is None else DistillingSteps(teacher, teacher.says(data), *given)

    with steps_of(warm, graph, model, train, data, goal, metrics, made) as steps:
        model = steps.model
        began = checkpoint.state["initial"] if checkpoint else fill(model, graph, initial) if initial else None
        clock.lap("build")
        health = Health(graph, train, data, steps) if train.health else None
        keeper = Keeper(train, snapshots)
        training = Training(
            graph, train, data, steps, metrics, out, clock, checkpoints, signals, {"initial": began}, keeper, health
        )
        if checkpoint:
            training.resume(checkpoint)
        if replicas:
            replicas.differ([seed for layer in model._flatten_layers() for seed in layer._seed_generators])
        try:
            training.run(progress)
        except Diverged:
            training.save_best()
            if checkpoints:  # they lead to the same end
                checkpoints.remove()
            raise
        except tf.errors.UnimplementedError as error:
            if not train.deterministic:
                raise
            message = f"an operation of the model has no deterministic form: {str(error.message).splitlines()[0]}"
            raise ConfigError([Fault("E801", message, hint="train.deterministic=false")]) from error
        finally:
            progress.close()
        training.save_best()
        state = training.state
        row = state.history[state.best_epoch - 1]
        scores = {"train": {key[6:]: value for key, value in row.items() if key.startswith("train.")}}
        for name, split in (("val", data.val), ("test", data.test)):
            if name == "test" and train.test == "skip":
                continue
            known = training.best_on_val if name == "val" else None
            measured_now, predictions = known or steps.evaluate(split.x, split.y)
            if name == "val" or train.test == "score":
                scores[name] = measured_now
            clock.lap("evaluate")
            out.save_predictions(name, predictions, split.ids, split.y)
            clock.lap("save")
        told = {"initial": began, "xla": state.xla}
        kept, gone = keeper.finish(state.history, steps, data, told, clock)
        if gone:
            progress.note(gone)
        return Outcome(
            metrics=scores,
            best_epoch=state.best_epoch,
            epochs_run=len(state.history),
            stopped=state.stopped or "epochs",
            history=state.history,
            timings=clock.timings,
            initial=began,
            warnings=(*state.warnings, *map(as_json, gone)),
            xla=state.xla,
            snapshots=tuple(kept),
        )


def _require_output(model: Any, data: Dataset) -> None:
    """Raise E603 unless the model gives a value for each target or label of a row: only now is that known."""
    shape = model.output_shape
    shape = next(iter(shape.values())) if isinstance(shape, Mapping) else shape
    wanted = data.train.y.shape[1] if data.train.y.ndim > 1 else 1
    if data.task in ("regression", "multilabel") and tuple(shape[1:]) != (wanted,):
        what = "targets" if data.task == "regression" else "labels"
        message = f"the model gives {tuple(shape[1:])} values for a row, but the data have {wanted} {what}"
        raise ConfigError([Fault("E603", message, hint=f"units: {wanted}")])
