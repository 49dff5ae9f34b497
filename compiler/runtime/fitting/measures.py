"""Keras's metrics, ready to be used inside TensorFlow's loops: no variable is made at the first update."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from compiler.runtime.training import Metric, Task


class F1OfClasses(keras.metrics.F1Score):
    """Keras's F1Score for class numbers (N,) in the place of one-hot rows."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(tf.one_hot(y_true, y_pred.shape[-1]), y_pred, sample_weight)


def measure(metric: Metric, task: Task, units: int) -> Any:
    """The metric of Keras that `metric` stands for.

    Args:
        units: how many probabilities or values are measured: classes, labels or targets; 1 for two classes.
    """
    name = metric.keras[task]
    one_of_many = name == "F1Score" and task == "multiclass"
    made = (F1OfClasses if one_of_many else getattr(keras.metrics, name))(**metric.arguments(task, units))
    if name == "F1Score":  # it makes its variables when it sees the first rows
        made.update_state(tf.zeros(1, tf.int32) if one_of_many else tf.zeros((1, units)), tf.zeros((1, units)))
        made.reset_state()
    return made
