"""Whether a network learns: a look at its loss and inside it after the first epoch. Keras is imported with this file.

One batch passes through once, in a fraction of what the first epoch takes. Weights, statistics and seeds stay what
they were, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.errors import Fault
from compiler.ir import CheckedGraph
from compiler.runtime.data import Dataset
from compiler.runtime.fitting.diagnosis import Figures, at_prior, diagnose, due, unexplained
from compiler.runtime.fitting.probe import probe
from compiler.runtime.fitting.sampling import permutation, sample_weights
from compiler.runtime.fitting.state import Row
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.training import Objective, TrainSettings

_ROWS = 32  # of the batch that is looked at
_LABELS = 10_000  # of those that the prior is taken from
_SCALE = 1024.0  # of the loss in half precision, where small gradients would be 0


class Health:
    """Looks at a training after its epochs."""

    def __init__(self, graph: CheckedGraph, train: TrainSettings, data: Dataset, steps: Steps) -> None:
        self.graph, self.train, self.data, self.steps = graph, train, data, steps
        self._due = due(math.ceil(len(data.train) / train.batch_size), train.schedule.warmup_epochs)

    def after(self, row: Row, known: Collection[str]) -> list[Fault]:
        """Warnings (W821 to W823) after the epoch of `row`; none after most epochs.

        Args:
            known: codes that were reported before.
        """
        epoch = int(row["epoch"])
        if epoch not in (1, self._due) or "W821" in known:
            return []
        added = sum(float(v.regularizer(v)) for v in self.steps.model.trainable_variables if v.regularizer)
        loss, prior = row["train.loss"] - added, self._prior(_LABELS)
        stuck = at_prior(loss, prior)
        if epoch > 1 and not stuck:
            return []
        figures, now = self._figures()
        # the mean of an epoch says little where it began badly: what the batch has now decides
        stuck = stuck and now > 0.95 * self._prior(_ROWS)
        said = (
            f"the network does not learn: after epoch {epoch} the training loss is {loss:.4g}, and the same answer for"
            f" every row has {prior:.4g}"
        )
        found = diagnose(self.graph, figures, said if stuck else None)
        if stuck and epoch == self._due and all(fault.code != "W821" for fault in found):
            found.append(unexplained(self.graph, said, self.train.optimizer.learning_rate))
        return [fault for fault in found if fault.code not in known]

    def _figures(self) -> tuple[dict[str, Figures], float]:
        """What the first rows show inside, and their loss."""
        rows = self._first(_ROWS)
        x = tf.nest.map_structure(lambda array: tf.convert_to_tensor(array[rows]), self.data.train.x)
        labels, objective = self.steps.labels(self.data.train.y[rows]), self.steps.objective
        scale = _SCALE if self.graph.precision == "mixed_float16" else 1.0
        figures, loss = probe(
            self.steps.model, self.graph, x, lambda output: _loss(objective, labels, _only(output)) * scale
        )
        return figures, loss / scale

    def _prior(self, most: int) -> float:
        """The loss of the best answer that is the same for every row: the frequencies of the classes, or the mean."""
        objective, split = self.steps.objective, self.data.train
        weights = sample_weights(split.y, self.train, len(self.data.class_names))
        rows = self._first(_LABELS)
        y, weights = split.y[rows], None if weights is None else weights[rows]
        answers = _constants(objective, y, weights, _only(self.steps.model.output_shape)[-1])
        y, weights = y[:most], None if weights is None else weights[:most]
        labels = self.steps.labels(y)
        outputs = (np.broadcast_to(answer, (len(y), len(answer))).astype("float32") for answer in answers)
        return min(float(_loss(objective, labels, output, weights)) for output in outputs)

    def _first(self, most: int) -> NDArray[np.int64]:
        """The training rows that are looked at: no class comes first among them."""
        return permutation(self.train.seed, 0, len(self.data.train))[:most]


def _constants(
    objective: Objective, y: NDArray[Any], weights: NDArray[Any] | None, units: int
) -> list[NDArray[np.float64]]:
    """Outputs (units,) that are best without a look at the inputs."""
    if objective.task == "regression":
        targets = y.reshape(len(y), -1).astype("float64")
        return [targets.mean(0), np.median(targets, axis=0)]
    if objective.task == "multilabel":
        shares = np.average(y, axis=0, weights=weights)
    else:
        classes = max(units, 2)
        counts = np.bincount(y, weights, classes)
        shares = counts / counts.sum()
        shares = shares[1:] if objective.single else shares
    shares = np.clip(shares, 1e-7, 1 - 1e-7)
    if objective.gives != "logits":
        return [shares]
    return [np.log(shares / (1 - shares)) if objective.independent else np.log(shares)]


def _loss(objective: Objective, labels: Any, output: Any, weights: Any = None) -> Any:
    """The mean loss of a batch alone, without what layers add."""
    loss = getattr(keras.losses, type(objective.loss).__name__)(**objective.loss.arguments())
    if objective.one_hot:
        labels = tf.one_hot(labels, output.shape[-1])
    return loss(labels, output, sample_weight=weights)


def _only(output: Any) -> Any:
    return next(iter(output.values())) if isinstance(output, dict) else output
