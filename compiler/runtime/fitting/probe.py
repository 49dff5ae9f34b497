"""One batch looked through layer by layer, in training mode and without a trace. Keras is imported with this file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from compiler.ir import CheckedGraph
from compiler.runtime.fitting.diagnosis import Figures


def probe(model: Any, graph: CheckedGraph, x: Any, loss: Callable[[Any], Any]) -> tuple[dict[str, Figures], float]:
    """The figures of each node of `graph`, by name, and the loss, of one batch.

    Nothing is changed: what a forward pass in training mode writes (moving statistics, states of seeds) is put back.

    Args:
        model: the Keras model of `graph`.
        x: a batch, as `model` takes it.
        loss: from the model's output to the mean loss.
    """
    operations = {operation.name: operation for operation in model.operations}
    known = {node.name: operations[node.name] for node in graph if node.name in operations}
    tensors = {name: operation.output for name, operation in known.items() if _called_once(operation)}
    inside = keras.Model(model.inputs, {"": model.output, **tensors})
    variables: list[Any] = model.trainable_variables
    with _unchanged(model):
        with tf.GradientTape() as tape:
            outputs = dict(inside(x, training=True))
            total = loss(outputs.pop(""))
        gradients = dict(zip(map(id, variables), tape.gradient(total, variables), strict=True))
    figures = {name: _figures(outputs.get(name), operation, gradients) for name, operation in known.items()}
    return figures, float(total)


def _called_once(operation: Any) -> bool:
    """Whether the operation has one output; a layer whose weights are shared has more."""
    return len(operation._inbound_nodes) == 1  # what `Operation.output` itself looks at


@contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """Put back afterwards what is not trained."""
    variables: list[Any] = model.non_trainable_variables
    values = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _figures(output: Any, operation: Any, gradients: Mapping[int, Any]) -> Figures:
    gradient = _relative(operation, gradients)
    if output is None or len(output.shape) < 2 or not output.dtype.is_floating:
        return Figures(gradient=gradient)
    output = tf.cast(output, "float32")
    by_unit, by_row = tf.reshape(output, (-1, output.shape[-1])), tf.reshape(output, (output.shape[0], -1))
    dead = tf.reduce_sum(tf.cast(tf.reduce_all(by_unit == 0, axis=0), "int32"))
    size = float(tf.sqrt(tf.reduce_mean(by_row**2)))
    spread = float(tf.reduce_mean(tf.math.reduce_std(by_row, axis=0))) / size if size else None
    values, units = (int(size) for size in tf.shape(by_unit))
    return Figures(units, int(dead), values, spread, gradient)


def _relative(operation: Any, gradients: Mapping[int, Any]) -> float | None:
    """The norm of the gradient of the operation's kernels by theirs; embeddings, which see few of their rows, apart."""
    kernels = [variable for variable in getattr(operation, "trainable_variables", ()) if len(variable.shape) > 1]
    slopes = [gradients.get(id(variable)) for variable in kernels]
    if not kernels or any(slope is None or isinstance(slope, tf.IndexedSlices) for slope in slopes):
        return None
    size = _norm(variable.value for variable in kernels)
    return _norm(slopes) / size if size else None


def _norm(tensors: Iterable[Any]) -> float:
    return math.sqrt(sum(float(tf.reduce_sum(tf.cast(tensor, "float32") ** 2)) for tensor in tensors))
