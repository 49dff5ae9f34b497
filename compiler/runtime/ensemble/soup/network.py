"""A network whose weights are a mean of saved ones. Keras is imported with this file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.runtime.checks import measured
from compiler.runtime.data import Dataset, Inputs
from compiler.runtime.data.dataset import Split
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.run import Run
from compiler.runtime.serving.network import Network

Weights = list[NDArray[Any]]
"""As `model.get_weights` gives them."""


class Mean:
    """The mean of some networks' weights.

    What is no floating-point number, such as a count of steps, is the first one's.
    """

    def __init__(self, sums: Weights, first: Weights, count: int) -> None:
        self._sums, self._first, self.count = sums, first, count

    @classmethod
    def of(cls, weights: Weights) -> Mean:
        """The mean of one."""
        return cls([array.astype(np.float64) for array in weights], weights, 1)

    def and_also(self, weights: Weights) -> Mean:
        """The mean of one more."""
        sums = [total + array for total, array in zip(self._sums, weights, strict=True)]
        return Mean(sums, self._first, self.count + 1)

    @property
    def weights(self) -> Weights:
        """The mean, in the types of the first."""
        pairs = zip(self._sums, self._first, strict=True)
        return [
            (total / self.count).astype(one.dtype) if np.issubdtype(one.dtype, np.floating) else one
            for total, one in pairs
        ]


class Pot:
    """One network, to be given one set of weights after the other.

    Args:
        run: of the graph that all have.
        data: what they were trained on.

    Attributes:
        normalised: whether it has statistics of batches, which are made anew for every mean.
    """

    def __init__(self, run: Run, data: Dataset) -> None:
        keras.utils.set_random_seed(int(run.record["seeds"]["train"]))  # of dropout while statistics are made
        self.data, network = data, Network(run)
        self.model, train = network.model, network.train
        metrics = measured(train, network.objective.task)
        self._steps = Steps(
            self.model, network.objective, metrics, train.optimizer, network.graph.precision, network.batch_size
        )
        self._batch = network.batch_size
        self._norms = [layer for layer in self.model._flatten_layers() if _has_statistics(layer) and layer.trainable]
        self._pass: Any = None

    @property
    def normalised(self) -> bool:
        return bool(self._norms)

    def saved(self, run: Run) -> Weights:
        """The weights of a run of the same graph.

        Raises:
            ConfigError: E803, they are not what it saved.
        """
        self.model.load_weights(run.file("model.keras"))
        return self.model.get_weights()

    def cook(self, mean: Mean) -> Weights:
        """Give the network a mean's weights; of several, the statistics of batches are made anew on training rows."""
        self.model.set_weights(mean.weights)
        if mean.count > 1 and self._norms:
            self._renew()
        return self.model.get_weights()

    def evaluate(self, split: Split) -> tuple[dict[str, float], NDArray[np.float32]]:
        """Loss and metrics, and predictions, as a training has them."""
        return self._steps.evaluate(split.x, split.y)

    def _renew(self) -> None:
        """The mean of the batches' means and variances over one pass, by rows. Izmailov et al. 2018, section 3.2."""
        x, count = self.data.train.x, len(self.data.train)
        if self._pass is None:
            self._pass = self._traced(x)
        for seen in range(0, count, self._batch):
            taken = slice(seen, min(seen + self._batch, count))
            batch = tf.nest.map_structure(lambda rows: tf.convert_to_tensor(rows[taken]), x)  # noqa: B023  # called at once
            self._pass(batch, tf.constant(seen / taken.stop, tf.float32))

    def _traced(self, x: Inputs) -> Any:
        def run(batch: Any, momentum: Any) -> None:
            kept = [layer.momentum for layer in self._norms]
            for layer in self._norms:
                layer.momentum = momentum
            self.model(batch, training=True)
            for layer, own in zip(self._norms, kept, strict=True):
                layer.momentum = own

        rows = tf.nest.map_structure(lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), x)
        return tf.function(run, input_signature=[rows, tf.TensorSpec((), tf.float32)], autograph=False)


def _has_statistics(layer: Any) -> bool:
    return all(hasattr(layer, name) for name in ("moving_mean", "moving_variance", "momentum"))


def greedy(
    pot: Pot, runs: Sequence[Run], values: Sequence[float], monitor: str, sign: int
) -> tuple[Weights, list[int], dict[int, float]]:
    """The soup of the members that make it no worse. Wortsman et al. 2022, recipe 1.

    Args:
        values: of the members, by the monitor.
        monitor: a metric of `val`.
        sign: 1 where larger is better, -1 where smaller is.

    Returns:
        its weights; the positions of what is in it, in the order in which they were taken; and what `monitor` was of
        each soup that was tried, by the position of the member that was added.
    """
    order = sorted(range(len(runs)), key=lambda m: -sign * values[m])
    soup = Mean.of(pot.saved(runs[order[0]]))
    weights, best, taken = soup.weights, values[order[0]], [order[0]]
    tried: dict[int, float] = {}
    for m in order[1:]:
        mean = soup.and_also(pot.saved(runs[m]))
        cooked = pot.cook(mean)
        tried[m] = pot.evaluate(pot.data.val)[0][monitor]
        if sign * tried[m] >= sign * best:
            soup, weights, best = mean, cooked, tried[m]
            taken.append(m)
    return weights, taken, tried


def uniform(pot: Pot, runs: Sequence[Run]) -> Weights:
    """The weights of the soup of all members."""
    mean = Mean.of(pot.saved(runs[0]))
    for run in runs[1:]:
        mean = mean.and_also(pot.saved(run))
    return pot.cook(mean)
