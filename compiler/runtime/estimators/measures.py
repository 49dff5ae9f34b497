"""Loss and metrics of predictions in NumPy, with the values that Keras gives for the same predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.training import Metric, Task
from compiler.runtime.training.metrics import AUC, F1Score, TopKAccuracy

Array = NDArray[Any]

_EPSILON = 1e-7  # Keras's


def measure(predictions: Array, y: Array, task: Task, metrics: Iterable[Metric]) -> dict[str, float]:
    """`loss` (the log-loss, or the mean squared error) and the metrics by key.

    Args:
        predictions: probabilities (N, C), or independent ones (N, K), or values (N, K).
        y: class numbers (N,), or labels (N, K) of 0 and 1, or values (N,) or (N, K).
    """
    predictions = predictions.astype(np.float64)
    found = {"loss": loss(predictions, y, task)}
    truth, scores = _as_keras_has_them(predictions, y, task)
    return found | {
        metric.key: float(_MEASURES[type(metric).__name__](truth, scores, task, metric)) for metric in metrics
    }


def loss(predictions: Array, y: Array, task: Task) -> float:
    """The mean of -log of the right class's probability, or of all labels'; of the squared differences."""
    if task == "regression":
        return float(np.mean(np.square(predictions - y.reshape(predictions.shape))))
    clipped = np.clip(predictions, _EPSILON, 1 - _EPSILON)
    if task == "multilabel":
        return float(-np.mean(np.where(y == 1, np.log(clipped), np.log1p(-clipped))))
    return float(-np.mean(np.log(clipped[np.arange(len(y)), y])))


def _as_keras_has_them(predictions: Array, y: Array, task: Task) -> tuple[Array, Array]:
    """Truth and scores with two dimensions, but for class numbers, (N,)."""
    if task == "multiclass":
        return y, predictions
    return y.reshape(len(y), -1).astype(np.float64), predictions[:, 1:] if task == "binary" else predictions


def _accuracy(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    if task == "multiclass":
        return np.mean(scores.argmax(axis=1) == truth)
    return np.mean((scores > 0.5) == truth)


def _top_k(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    own = np.take_along_axis(scores, truth[:, np.newaxis], axis=1)
    return np.mean((scores > own).sum(axis=1) < cast(TopKAccuracy, metric).k)


def _counts(truth: Array, given: Array) -> tuple[Array, Array, Array]:
    """True positives, false positives and false negatives along the first axis."""
    return (given * truth).sum(axis=0), (given * (1 - truth)).sum(axis=0), ((1 - given) * truth).sum(axis=0)


def _precision(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    right, wrong, _ = _counts(truth.ravel(), (scores > 0.5).ravel().astype(float))
    return _ratio(right, right + wrong)


def _recall(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    right, _, missed = _counts(truth.ravel(), (scores > 0.5).ravel().astype(float))
    return _ratio(right, right + missed)


def _f1(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    average = cast(F1Score, metric).average
    if task == "multiclass":
        truth = np.eye(scores.shape[1])[truth]
        given = (scores >= scores.max(axis=1, keepdims=True)) & (scores > 1e-9)
    else:
        given = scores > 0.5
    given = given.astype(float)
    if average == "micro":
        truth, given = truth.reshape(-1, 1), given.reshape(-1, 1)
    right, wrong, missed = _counts(truth, given)
    precision, recall = right / (right + wrong + _EPSILON), right / (right + missed + _EPSILON)
    scores_by_class = 2 * precision * recall / (precision + recall + _EPSILON)
    weights = truth.sum(axis=0) / (truth.sum() + _EPSILON) if average == "weighted" else 1 / scores_by_class.size
    return (scores_by_class * weights).sum()


def _auc(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    """The mean of the columns' areas."""
    settings = cast(AUC, metric)
    return float(np.mean([_area(truth[:, i], scores[:, i], settings) for i in range(truth.shape[1])]))


def _area(truth: Array, scores: Array, settings: AUC) -> float:
    """By the trapezoids of `keras.metrics.AUC`: thresholds in even distances, and one beyond each end."""
    inner = np.arange(1, settings.num_thresholds - 1) / (settings.num_thresholds - 1)
    thresholds = np.concatenate([[-_EPSILON], inner, [1 + _EPSILON]])
    positive, negative = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])
    right = len(positive) - np.searchsorted(positive, thresholds, side="right").astype(float)
    wrong = len(negative) - np.searchsorted(negative, thresholds, side="right").astype(float)
    if settings.curve == "ROC":
        x, y = _ratio(wrong, len(negative)), _ratio(right, len(positive))
        return float(np.sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2))
    # Davis & Goadrich 2006, as Keras interpolates it
    taken, gained = right + wrong, right[:-1] - right[1:]
    slope = _ratio(gained, np.maximum(taken[:-1] - taken[1:], 0))
    intercept = right[1:] - slope * taken[1:]
    both = (taken[:-1] > 0) & (taken[1:] > 0)
    ratio = np.where(both, _ratio(taken[:-1], np.maximum(taken[1:], 0)), 1.0)
    return float(np.sum(_ratio(slope * (gained + intercept * np.log(ratio)), np.full(len(gained), len(positive)))))


def _ratio(above: Any, below: Any) -> Any:
    """`above / below`, and 0 where `below` is."""
    below = np.asarray(below, dtype=float)
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)


def _mae(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    return np.mean(np.abs(truth - scores))


def _mse(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    return np.mean(np.square(truth - scores))


def _rmse(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    return np.sqrt(_mse(truth, scores, task, metric))


def _mape(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    return 100 * np.mean(np.abs(truth - scores) / np.maximum(np.abs(truth), _EPSILON))


def _r2(truth: Array, scores: Array, task: Task, metric: Metric) -> Any:
    left = np.square(truth - scores).sum(axis=0)
    there = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    return np.mean(np.where(there > 0, 1 - _ratio(left, there), 0.0))


_MEASURES: Mapping[str, Any] = {
    "Accuracy": _accuracy,
    "TopKAccuracy": _top_k,
    "AUC": _auc,
    "F1Score": _f1,
    "Precision": _precision,
    "Recall": _recall,
    "MeanAbsoluteError": _mae,
    "MeanSquaredError": _mse,
    "RootMeanSquaredError": _rmse,
    "MeanAbsolutePercentageError": _mape,
    "R2Score": _r2,
}
"""By the metric's class. `tests/runtime/test_estimators_keras.py` holds each against Keras's."""
