"""Fit an estimator: learn, measure, save. What `fitting.fit` is for networks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from compiler.errors import ConfigError, Fault, as_json
from compiler.estimators import EstimatorSpec
from compiler.runtime.checks import measured
from compiler.runtime.data import Dataset
from compiler.runtime.estimators.measures import measure
from compiler.runtime.estimators.problem import Fitted, Losses, Problem, Table, table, usable_cpus
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.fitting.history import write_csv
from compiler.runtime.fitting.outcome import Outcome
from compiler.runtime.fitting.progress import Progress, Pruned
from compiler.runtime.fitting.sampling import sample_weights
from compiler.runtime.run import RunWriter
from compiler.runtime.training import TrainSettings
from compiler.spec.located import at


def fit(
    spec: EstimatorSpec,
    train: TrainSettings,
    data: Dataset,
    out: RunWriter,
    progress: Progress,
    clock: Clock | None = None,
) -> Outcome:
    """Fit the estimator that `spec` describes, and evaluate it; the test split once, at the end.

    Args:
        train: settings that `check_estimator` has passed for this estimator and these data.
        progress: told every iteration, while it learns where the library says its losses then, else once all are
            done; and what the library warned of.
        clock: has the time that was spent before.

    Raises:
        Pruned: `progress` ended it while it learnt.
        ConfigError: E704, missing values that it does not take; E708, the rows do not fit in memory, or are too few.
    """
    clock = clock or Clock()
    tables = {name: table(getattr(data, name).x) for name in ("train", "val", "test")}
    _require_suitable(spec, tables, data)
    live = _Live(spec, progress)
    problem = replace(_problem(train, data, tables), told=live)
    clock.lap("build")
    fitted = _library(spec, problem)
    clock.lap("fit")
    metrics, scores = measured(train, data.task), dict[str, Mapping[str, float]]()
    for name, rows in tables.items():
        if name == "test" and train.test == "skip":
            continue
        split = getattr(data, name)
        predictions = fitted.predict(rows).astype(np.float32)
        if name != "test" or train.test == "score":
            scores[name] = measure(predictions, split.y, data.task, metrics)
        clock.lap("evaluate")
        if name != "train":
            out.save_predictions(name, predictions, split.ids, split.y)
            clock.lap("save")
    fitted.save(out)
    history = _history(fitted, scores)
    out.save("history.csv", lambda path: write_csv(path, history))
    clock.lap("save")
    remarks = [_remark(remark, spec) for remark in fitted.remarks]
    if remarks:
        progress.note(remarks)
    if not live.told:
        progress.begin(len(history), 1)
        with suppress(Pruned):  # it is over: nothing is saved by ending it
            for row in history:
                progress.epoch(row)
    progress.close()
    return Outcome(
        metrics=scores,
        best_epoch=fitted.best,
        epochs_run=max(len(fitted.history), 1),
        stopped="early_stopping" if fitted.early else "epochs",
        history=history,
        timings=clock.timings,
        warnings=tuple(as_json(remark) for remark in remarks),
    )


class _Live:
    """Tells `progress` of iterations while the library works.

    Attributes:
        told: how many.
    """

    def __init__(self, spec: EstimatorSpec, progress: Progress) -> None:
        self.spec, self.progress, self.told = spec, progress, 0

    def __call__(self, losses: Losses) -> None:
        if not self.told:
            self.progress.begin(int(self.spec.params.arguments()["n_estimators"]), 1)
        self.told += 1
        self.progress.epoch(_row(self.told, losses))


def _library(spec: EstimatorSpec, problem: Problem) -> Fitted:
    """Learn with the library that the estimator is of."""
    if spec.kind.library == "scikit-learn":
        from compiler.runtime.estimators import scikit

        return scikit.fit(spec, problem)
    from compiler.runtime.estimators import boosters

    return boosters.fit(spec, problem)


def _problem(train: TrainSettings, data: Dataset, tables: Mapping[str, Table]) -> Problem:
    stopping = train.early_stopping
    targets = data.train.y.shape[1] if data.train.y.ndim > 1 else 1
    classes = len(data.class_names) or targets
    return Problem(
        task=data.task,
        classes=classes,
        x=tables["train"],
        y=data.train.y,
        x_val=tables["val"],
        y_val=data.val.y,
        weights=sample_weights(data.train.y, train, classes),
        seed=train.seed,
        threads=train.threads.intra or usable_cpus(),
        patience=stopping.patience if stopping else None,
        min_delta=stopping.min_delta if stopping else 0.0,
    )


def _require_suitable(spec: EstimatorSpec, tables: Mapping[str, Table], data: Dataset) -> None:
    """Raise what only the rows show."""
    if not spec.kind.takes_missing and any(np.isnan(rows).any() for rows in tables.values()):
        message = f"{spec.name!r} takes no missing values, but the data have some"
        raise ConfigError([Fault("E704", message, spec.place, hint="model=gbdt and model=random_forest take them")])
    neighbors = spec.params.arguments().get("n_neighbors", 0)
    if neighbors > len(data.train):
        place = at(spec.section, ("n_neighbors",))[0]
        message = f"'n_neighbors' of {neighbors} needs as many training rows, but there are {len(data.train)}"
        raise ConfigError([Fault("E708", message, place)])


def _history(fitted: Fitted, scores: Mapping[str, Mapping[str, float]]) -> tuple[dict[str, float], ...]:
    """One row an iteration; where there are none, one with all that was measured."""
    if fitted.history:
        return tuple(_row(i, losses) for i, losses in enumerate(fitted.history, 1))
    every = {f"{split}.{key}": value for split in ("train", "val") for key, value in scores[split].items()}
    return ({"epoch": 1, **every},)


def _row(epoch: int, losses: Losses) -> dict[str, float]:
    return {"epoch": epoch, "train.loss": losses[0], "val.loss": losses[1]}


def _remark(remark: str, spec: EstimatorSpec) -> Fault:
    return Fault("W610", f"{spec.name!r}: {remark}")
