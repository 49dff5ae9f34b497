"""Steps that learn from a teacher too. Keras is imported with this file."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.runtime.fitting.steps import Steps
from compiler.runtime.training.teacher import Teacher

_LEAST = 1e-7  # of a probability whose logarithm is taken


class DistillingSteps(Steps):
    """`Steps` whose training rows have, beside their label, what a teacher says of them.

    Evaluation is that of `Steps`: by the labels alone.

    Args:
        taught: what `Teacher.says`, (N, C) or (N, K).
        others: as `Steps` takes them.
    """

    def __init__(self, teacher: Teacher, taught: NDArray[np.float32], *others: Any) -> None:
        super().__init__(*others)
        self._teacher, self._taught = teacher, taught
        # an object: by its name Keras would take the function, and that of the logits in the place of probabilities
        divergence: Any = keras.losses.KLDivergence()
        self._distilled = keras.distillation.LogitsDistillation(teacher.temperature, divergence)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Labels and what the teacher says in one array, float32 (N, 1 + C) or (N, K + K)."""
        return np.hstack([self.labels(y).reshape(len(y), -1).astype("float32"), self._taught])

    def _total_loss(self, y: Any, output: Any, weights: Any = None) -> Any:
        labels, taught = self._apart(y)
        loss = super()._total_loss(labels, output, weights)
        if taught is None:
            return loss
        soft = tf.cast(self._soft(taught, output), loss.dtype)
        # what layers and regularizers add is in `loss`, and is not to shrink with its share
        added: Any = tf.add_n([tf.cast(one, loss.dtype) for one in self.model.losses] or [tf.zeros((), loss.dtype)])
        return self._teacher.hard * (loss - added) + (1 - self._teacher.hard) * soft + added

    def _record(self, loss: Any, y: Any, scores: Any) -> None:
        super()._record(loss, self._apart(y)[0], scores)

    def _apart(self, y: Any) -> tuple[Any, Any]:
        """Labels, and what the teacher says; None of rows that it was not asked about."""
        width = self._taught.shape[1]
        numbers = not (self.objective.task == "regression" or self.objective.independent)
        own = 1 if self.objective.single or numbers else width
        if y.shape.rank != 2 or y.shape[1] != own + width:
            return y, None
        labels = tf.cast(y[:, 0], "int32") if numbers else y[:, :own]
        return labels, y[:, own:]

    def _soft(self, taught: Any, output: Any) -> Any:
        if self.objective.task == "regression":
            return self._loss(taught, output)
        theirs = self._pairs(taught) if self.objective.task == "multilabel" else taught
        return self._distilled.compute_loss(_log(theirs), self._logits(tf.cast(output, "float32")))

    def _logits(self, output: Any) -> Any:
        """Of an output, the logits of classes; of values that stand each for a probability, those of its two sides."""
        logits = self.objective.gives == "logits"
        if not self.objective.independent:
            return output if logits else _log(output)
        if not logits:
            return _log(self._pairs(output))
        sides = tf.reshape(output, (-1, 1))
        return tf.concat([tf.zeros_like(sides), sides], axis=1)

    def _pairs(self, p: Any) -> Any:
        """Probabilities (N, K) as those of both sides, (N * K, 2)."""
        flat = tf.reshape(p, (-1, 1))
        return tf.concat([1 - flat, flat], axis=1)


def _log(p: Any) -> Any:
    return tf.math.log(tf.clip_by_value(p, _LEAST, 1.0))
