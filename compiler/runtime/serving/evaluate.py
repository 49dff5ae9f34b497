"""Evaluate: what a saved run says about rows whose labels are known, held against these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault, Place
from compiler.runtime.checks import measured
from compiler.runtime.quiet import quiet
from compiler.runtime.run import Run
from compiler.runtime.serving.ensemble import opened, singles
from compiler.runtime.serving.predictor import predictor
from compiler.runtime.serving.preprocessing import Preprocessing
from compiler.runtime.serving.shared import SharedPreprocessing
from compiler.runtime.serving.trained import settings_of
from compiler.runtime.training import Task

Prepares = Preprocessing | SharedPreprocessing


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What an evaluation came to.

    Attributes:
        origin: in words, whose rows they were.
        metrics: the loss and what the training measured besides.
        y: class numbers (N,), labels (N, K) of 0 and 1, or targets (N, K).
        predictions: probabilities (N, C), or of labels (N, K), or values (N, K).
        names: of their columns: classes, labels, or targets where these have names.
    """

    task: Task
    origin: str
    metrics: Mapping[str, float]
    y: NDArray[Any]
    predictions: NDArray[np.float32]
    names: tuple[str, ...]


def evaluate(
    run: Run, kept: Prepares, x: Any, y: NDArray[Any], origin: str, batch_size: int | None = None
) -> Evaluated:
    """Measure `run` on rows: loss and metrics as its training measured them; an ensemble's as its first member's did.

    Args:
        x, y: prepared as in the training.
        origin: whose rows they are, in words.

    Raises:
        ConfigError: E803, the run holds nothing that can be asked, or not what it saved.
    """
    metrics, predictions = _measured(run, kept.task, x, y, batch_size)
    shaped = y.reshape(predictions.shape) if kept.task == "regression" else y
    return Evaluated(kept.task, origin, metrics, shaped, predictions, kept.names)


def require_classes(found: tuple[str, ...] | None, kept: Prepares, place: Place) -> None:
    """Raise E705 where the input names classes in another order, or others, than the run has."""
    if found is not None and kept.class_names and found != kept.class_names:
        message = f"the classes are {_some(found)}, but the run was trained on {_some(kept.class_names)}"
        raise ConfigError([Fault("E705", message, place, hint="the class numbers would mean something else")])


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")


def _measured(
    run: Run, task: Task, x: Any, y: NDArray[Any], batch_size: int | None
) -> tuple[Mapping[str, float], NDArray[np.float32]]:
    if run.record.get("kind") == "keras":
        with quiet():
            from compiler.runtime.serving.network import Network

            return Network(run, batch_size).evaluate(x, y)
    from compiler.runtime.estimators.measures import measure

    predictions = predictor(run, batch_size)(x)
    first = next(singles(opened(run))).run  # an ensemble was trained by no settings of its own
    return measure(predictions, y, task, measured(settings_of(first), task)), predictions
