"""The steps of a training in TensorFlow: batches gathered on the device, weights updated, splits evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.runtime.fitting.feed import Inputs, Rows, Where, feed_of, on_device
from compiler.runtime.fitting.loop import Loop
from compiler.runtime.fitting.lowerings import lowered
from compiler.runtime.fitting.measures import measure
from compiler.runtime.fitting.replicas import Replicas
from compiler.runtime.fitting.scores import predictions, scores_of
from compiler.runtime.fitting.updates import fuse
from compiler.runtime.fitting.variables import named
from compiler.runtime.training import Metric, Objective, Optimizer

# autograph: Keras's layers are written for it to be off.
_compiled = partial(tf.function, jit_compile=False, autograph=False)

EVALUATION_BYTES = 1 << 25
"""What the outputs of all layers may take for the rows that are evaluated at once: what fits a cache is fastest."""


class Steps:
    """A model, and what changes and measures it.

    Args:
        model: gives one tensor, (N, units).
        objective: what is minimised.
        metrics: what is measured besides.
        optimizer: its settings; the learning rate comes with every step.
        precision: Keras's dtype policy of the model.
        batch_size: rows of a step.
        feed: where the training rows are.
        lowerings: whether layers are computed in a faster way where there is one.
        replicas: the devices that share a step; None for one.
        copied: gives training rows on the device.
    """

    def __init__(
        self,
        model: Any,
        objective: Objective,
        metrics: Sequence[Metric],
        optimizer: Optimizer,
        precision: str,
        batch_size: int,
        feed: Where = "auto",
        lowerings: bool = True,
        replicas: Replicas | None = None,
        copied: Callable[[Rows], Any] = on_device,
    ) -> None:
        self.model, self.objective, self.batch_size = model, objective, batch_size
        self.feed: Where = feed
        self._lowerings, self.replicas, self._copied = lowerings, replicas, copied
        with replicas.scope() if replicas else nullcontext():
            inner = getattr(keras.optimizers, type(optimizer).__name__)(**optimizer.arguments())
            # gradients vanish in float16 unless the loss is scaled up
            self.optimizer = keras.optimizers.LossScaleOptimizer(inner) if precision == "mixed_float16" else inner
            self.optimizer.build(model.trainable_variables)  # its variables cannot be made inside TensorFlow's loop
        self._learning_rate = inner.learning_rate
        if replicas:
            replicas.prepare(inner)
        else:
            fuse(inner)
        dtype = "float64" if precision == "float64" else "float32"
        self._loss = getattr(keras.losses, type(objective.loss).__name__)(**objective.loss.arguments(), dtype=dtype)
        self._mean_loss = keras.metrics.Mean(name="loss")
        units = 1 if objective.task == "binary" else _only(model.output_shape)[-1]
        self._metrics = {metric.key: measure(metric, objective.task, units) for metric in metrics}
        self._forward: Any = None
        self._loop: Loop | None = None
        self._rows_at_once = max(batch_size, min(1024, EVALUATION_BYTES // _activation_bytes(model)))

    def labels(self, y: NDArray[Any]) -> NDArray[Any]:
        """`y` as the loss takes it: class numbers (N,), or values (N, K), 0 and 1 among them."""
        if self.objective.task == "regression" or self.objective.independent:
            return y.reshape(len(y), -1).astype("float32")
        return y.astype("int32")

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """What a step gets of the labels of training rows."""
        return self.labels(y)

    def epoch(self, x: Inputs, y: NDArray[Any], weights: NDArray[np.float32] | None) -> Loop:
        """What does the steps of an epoch, some at a time."""
        feed = feed_of(x, self.targets(y), weights, self.batch_size, self.feed, self._copied)
        if self._loop is not None:  # traced in an earlier training
            self._loop.feed, self._loop.xla = feed, False
            return self._loop

        def update(*batch: Any) -> Any:
            return self.replicas.step(self._update, batch) if self.replicas else self._update(1.0, *batch)

        self._loop = Loop(feed, update, self._learning_rate, self._mean_loss.result)
        return self._loop

    def begin(self, learning_rate: float) -> None:
        """Be ready for another training, with variables of model and optimizer that are as new."""
        self._learning_rate.assign(learning_rate)
        self.reset()

    def rest(self) -> None:
        """Let go of the rows of a training that is over."""
        if self._loop is not None:
            self._loop.feed = None

    def variables(self) -> dict[str, Any]:
        """Every variable that a step reads and changes, by name: all that a checkpoint must hold of TensorFlow.

        A step that comes to need a further one (sums of gradients, say) adds it here. Some metrics make theirs when
        they are first used.
        """
        return named(self.model, self.optimizer, (self._mean_loss, *self._metrics.values()))

    def trained(self) -> dict[str, float]:
        """Loss and metrics of the epoch's steps, of all processes."""
        if self.replicas:
            self.replicas.share([v for m in (self._mean_loss, *self._metrics.values()) for v in m.variables])
        return self.results()

    def results(self) -> dict[str, float]:
        """Loss and metrics since `reset`."""
        measured = {"loss": self._mean_loss, **self._metrics}
        # the shortest text that float32 reads back: 0.1, not 0.10000000149011612
        return {key: float(str(np.float32(metric.result()))) for key, metric in measured.items()}

    def reset(self) -> None:
        """Forget what was measured."""
        for metric in (self._mean_loss, *self._metrics.values()):
            metric.reset_state()

    def evaluate(self, x: Inputs, y: NDArray[Any]) -> tuple[dict[str, float], NDArray[np.float32]]:
        """Loss and metrics of a split, and its predictions: probabilities (N, C), of labels (N, K), or values."""
        self.reset()
        labels = self.labels(y)
        forward = self._evaluating(x, labels)
        found = list[NDArray[Any]]()
        for first in range(0, len(y), self._rows_at_once):
            taken = slice(first, first + self._rows_at_once)
            batch = tf.nest.map_structure(lambda array: tf.convert_to_tensor(array[taken]), (x, labels))  # noqa: B023  # called at once
            found.append(forward(*batch).numpy())
        scores = np.concatenate(found).astype(np.float32)
        return self.results(), predictions(scores, self.objective)

    def trace(self, loop: Loop, order: NDArray[np.int64], count: int, first: int, x: Inputs, y: NDArray[Any]) -> None:
        """Trace all that a training will call, which is else done by the first calls.

        Args:
            count, first: how many steps an epoch has, and the first one that is to be done.
            x, y: rows to evaluate.
        """
        if self.replicas is None:
            loop.trace(order, np.zeros(count, np.float32), first)
            self._evaluating(x, self.labels(y[:1])).get_concrete_function()

    def _evaluating(self, x: Inputs, labels: NDArray[Any]) -> Any:
        """From a batch to its scores, measured; traced once for all sizes of batches, as the last one is smaller."""
        if self._forward is None:
            rows = tf.nest.map_structure(
                lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), (x, labels)
            )
            self._forward = _compiled(self._measure, input_signature=rows)
        return self._forward

    def _update(self, part: Any, x: Any, y: Any, weights: Any = None) -> Any:
        """One step on one batch, or on a replica's share of it; what the loss of these rows is of the batch's."""
        variables: list[Any] = self.model.trainable_variables
        with tf.GradientTape() as tape:
            output = self._output(x, training=True)
            loss = self._total_loss(y, output, weights)
            own = loss * tf.cast(part, loss.dtype) if self.replicas else loss
            scaled: Any = self.optimizer.scale_loss(own)
        if variables:
            gradients = tape.gradient(scaled, variables)
            self.optimizer.apply(self.replicas.summed(gradients) if self.replicas else gradients, variables)
        scores = self._scores(output)
        if self.replicas:
            tf.cond(part > 0, lambda: self._recorded(loss, y, scores), lambda: 0)
        else:
            self._record(loss, y, scores)
        return own

    def _recorded(self, *measured: Any) -> int:
        self._record(*measured)
        return 0

    def _measure(self, x: Any, y: Any) -> Any:
        output = self._output(x, training=False)
        scores = self._scores(output)
        self._record(self._total_loss(y, output), y, scores)
        return scores

    def _output(self, x: Any, *, training: bool) -> Any:
        with lowered(self.model) if self._lowerings else nullcontext():
            return _only(self.model(x, training=training))

    def _total_loss(self, y: Any, output: Any, weights: Any = None) -> Any:
        """The mean of the batch, and what layers and regularizers add: as Keras's `fit` and `evaluate` have it."""
        if self.objective.one_hot:
            y = tf.one_hot(y, output.shape[-1])
        loss = self._loss(y, output, sample_weight=weights)
        if (replicas := tf.distribute.get_strategy().num_replicas_in_sync) > 1:
            loss *= replicas  # Keras divides by their number, as if shares were equal
        return tf.add_n([loss, *(tf.cast(added, loss.dtype) for added in self.model.losses)])

    def _scores(self, output: Any) -> Any:
        return scores_of(output, self.objective)

    def _record(self, loss: Any, y: Any, scores: Any) -> None:
        self._mean_loss.update_state(loss, sample_weight=tf.shape(y)[0])
        if self.objective.task == "binary" and not self.objective.single:
            y, scores = y[:, tf.newaxis], scores[:, 1:]
        for metric in self._metrics.values():
            metric.update_state(y, scores)


def _only(output: Any) -> Any:
    """The one tensor of a model whose output has a key."""
    return next(iter(output.values())) if isinstance(output, Mapping) else output


def _activation_bytes(model: Any) -> int:
    """About what the outputs of all layers take for one row; where an axis is not known, it counts as one."""
    shapes = [tensor.shape for layer in model.layers for tensor in tf.nest.flatten(layer.output)]
    return 4 * sum(prod(size or 1 for size in shape[1:]) for shape in shapes) or 1
