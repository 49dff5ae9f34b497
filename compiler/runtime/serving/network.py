"""The network of a saved run, built from its frozen spec with its own weights. Keras is imported with this file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.ir import CheckedGraph
from compiler.runtime.checks import measured
from compiler.runtime.data import Inputs
from compiler.runtime.fitting.scores import predictions, scores_of
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused
from compiler.runtime.serving.frozen import WEIGHTS, frozen_graph
from compiler.runtime.serving.trained import settings_of
from compiler.runtime.training import Task, head_of, objective
from compiler.targets.keras import build


def network_of(run: Run, graph: CheckedGraph) -> Any:
    """The model that `graph`, the run's own, describes, with all the weights that the run saved.

    Raises:
        ConfigError: E801, Keras refuses a layer; E803, the weights do not fit.
    """
    model = build(graph)
    path = run.file(WEIGHTS)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Skipping")  # Keras leaves a layer that it does not find as it is
            model.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:  # what Keras and HDF5 raise where it does not fit
        raise refused(f"'{path}' does not fit the model of its run: {str(error).splitlines()[0]}") from None
    return model


class Network:
    """The network of a run, to be asked about rows.

    Args:
        run: of the kind `keras`.
        batch_size: rows at a time; those of the training by default, which are known to fit in memory.
        graph: the run's own, where it is known already, in whatever precision.

    Raises:
        ConfigError: E803, the run holds no Keras model, or one that does not compile to what was trained.
    """

    def __init__(self, run: Run, batch_size: int | None = None, graph: CheckedGraph | None = None) -> None:
        self.graph = graph or frozen_graph(run)
        self.train = settings_of(run)
        self.batch_size = batch_size or self.train.batch_size
        self.objective = objective(head_of(self.graph), self.train.loss, cast(Task, run.record["task"]))
        self.model = network_of(run, self.graph)

    def predict(self, x: Inputs) -> NDArray[np.float32]:
        """Probabilities (N, C) of classes or (N, K) of labels, or values (N, K); never more than a batch in memory."""
        inputs = x if isinstance(x, Mapping) else {"": x}
        count = len(next(iter(inputs.values())))
        found = list[NDArray[np.float32]]()
        for first in range(0, count, self.batch_size):
            batch = {name: tf.convert_to_tensor(rows[first : first + self.batch_size]) for name, rows in inputs.items()}
            found.append(self._ask(batch if isinstance(x, Mapping) else batch[""]).numpy())
        return predictions(np.concatenate(found), self.objective)

    def evaluate(self, x: Inputs, y: NDArray[Any]) -> tuple[dict[str, float], NDArray[np.float32]]:
        """Loss and metrics as the training measures them, and the predictions."""
        precision, metrics = self.graph.precision, measured(self.train, self.objective.task)
        steps = Steps(self.model, self.objective, metrics, self.train.optimizer, precision, self.batch_size)
        return steps.evaluate(x, y)

    @cached_property
    def _ask(self) -> Any:
        @tf.function(reduce_retracing=True, autograph=False)
        def ask(x: Any) -> Any:
            (output,) = tf.nest.flatten(self.model(x, training=False))
            return scores_of(output, self.objective)

        return ask
