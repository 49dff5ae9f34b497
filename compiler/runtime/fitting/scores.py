"""How a network's output is read: as probabilities or values, in training, in evaluation and afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.runtime.training import Objective


def scores_of(output: Any, objective: Objective) -> Any:
    """The output, (N, units), as probabilities or values, float32."""
    output = tf.cast(output, "float32")
    if objective.gives != "logits":
        return output
    return tf.sigmoid(output) if objective.independent else tf.nn.softmax(output)


def predictions(scores: NDArray[np.float32], objective: Objective) -> NDArray[np.float32]:
    """Scores (N, units) as a run saves them: where one value stands for two classes, (N, 2)."""
    return np.hstack([1 - scores, scores]) if objective.single else scores
