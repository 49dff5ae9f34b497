"""Steps that outlive a training: built and traced once, begun anew for the next one as a fresh process begins.

What a traced function computes follows from the graph, the optimizer, the loss and the metrics, the sizes of batches
and the kind of rows: trainings that have these in common differ only in what lies in variables and in what is fed. So
for the next one a model is built from its seed, which takes a fraction of the tracing, and its variables are
copied: initial weights, and the seeds of dropout and augmentation, are those that any process draws for that seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state  # has no public name
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator
from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED
from numpy.typing import NDArray
from tensorflow.python.eager import context  # what `tf.random.set_seed` sets

from compiler.errors import ConfigError
from compiler.ir import CheckedGraph, graph_text
from compiler.runtime.data import Dataset
from compiler.runtime.fitting.progress import Pruned
from compiler.runtime.fitting.steps import Steps
from compiler.runtime.training import Metric, Objective, Optimizer, TrainSettings
from compiler.runtime.training.strategies import Single
from compiler.runtime.warm import Warm


def seeded(seed: int, build: Callable[[], Any], warm: Warm | None) -> Any:
    """A model that `build` makes with all random numbers following from `seed`."""
    if warm is not None:
        _seed(seed)
        model = build()
        if _has_keras_layers(model):
            return model
    keras.utils.set_random_seed(seed)
    return build()


@contextmanager
def steps_of(
    warm: Warm | None,
    graph: CheckedGraph,
    model: Any,
    train: TrainSettings,
    data: Dataset,
    goal: Objective,
    metrics: tuple[Metric, ...],
    make: Callable[[], Steps],
) -> Iterator[Steps]:
    """The steps of a training: made now, or those of an earlier one, in the state of new ones.

    Args:
        model: of `graph`, with the weights that the training begins with.
        make: makes new steps around `model`.
    """
    if warm is None or not _may_be_kept(model, train):
        yield make()
        return
    key = _key(graph, train, data, goal, metrics)
    kept: Kept | None = warm.taken(key)  # whatever breaks in the middle is not used again
    if kept is None:
        kept = Kept(make())
    else:
        kept.begin(model, train.optimizer)
    try:
        yield kept.steps
    except (ConfigError, Pruned):  # diverged, or stopped from outside: nothing is broken
        kept.rest()
        warm.keep(key, kept, kept.nbytes)
        raise
    kept.rest()
    warm.keep(key, kept, kept.nbytes)


class Kept:
    """Steps, and the state that they began with.

    Attributes:
        nbytes: of their variables.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self._seeds = global_seed_generator()  # traced functions may draw from this very one
        inner: Any = getattr(steps.optimizer, "inner_optimizer", steps.optimizer)
        self._optimizer: list[Any] = [
            *steps.optimizer.variables,
            *(inner.variables if inner is not steps.optimizer else ()),
        ]
        if inner.weight_decay is not None:  # of double precision, as Python's numbers: steps round it as they do those
            inner.weight_decay = tf.Variable(inner.weight_decay, trainable=False, dtype="float64")
        self._weight_decay = inner.weight_decay
        self._initial = [_small(variable.value.numpy()) for variable in self._optimizer]
        self.nbytes = sum(_bytes(variable) for variable in (*steps.model.variables, *self._optimizer))

    def begin(self, model: Any, settings: Optimizer) -> None:
        """Begin anew with the weights and seeds of `model`, just built, and with those of Keras's own generator."""
        for variable, fresh in zip(self.steps.model.variables, model.variables, strict=True):
            variable.value.assign(fresh.value)
        self._seeds.state.value.assign(global_seed_generator().state.value)
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, self._seeds)
        for variable, value in zip(self._optimizer, self._initial, strict=True):
            variable.value.assign(value)
        if self._weight_decay is not None:
            self._weight_decay.assign(settings.weight_decay)
        self.steps.begin(settings.learning_rate)

    def rest(self) -> None:
        """Let go of the rows."""
        self.steps.rest()


def _may_be_kept(model: Any, train: TrainSettings) -> bool:
    """Whether variables are all that a training changes: layers and callbacks of a user's own may keep more."""
    return _has_keras_layers(model) and not train.callbacks and isinstance(train.strategy, Single)


def _has_keras_layers(model: Any) -> bool:
    """Whether no layer is of a user's own."""
    return all(type(layer).__module__.startswith("keras.") for layer in model._flatten_layers())


def _seed(seed: int) -> None:
    """As `keras.utils.set_random_seed`, but TensorFlow keeps its kernels, and compiled functions with them.

    It drops them for the sake of operations that draw from a state of their own. Keras's layers draw from variables.
    """
    global_state.set_global_attribute(GLOBAL_RANDOM_SEED, seed)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, None)
    random.seed(seed)
    np.random.seed(seed)
    eager: Any = context.context()
    eager._seed, eager._rng = seed, random.Random(seed)


def _key(
    graph: CheckedGraph, train: TrainSettings, data: Dataset, goal: Objective, metrics: tuple[Metric, ...]
) -> Hashable:
    """What traced functions follow from. Names and the order of layers count too: seeds are drawn in that order."""
    optimizer = train.updating
    fed = ("learning_rate", "weight_decay")
    constants = {name: value for name, value in optimizer.arguments().items() if name not in fed}
    rows = tf.nest.map_structure(lambda part: (type(part).__name__, str(part.dtype), part.shape), data.train.x)
    settings = (
        train.batch_size,
        train.feed,
        train.lowerings,
        train.xla,
        train.deterministic,
        train.class_weight is None,
    )
    return (
        graph_text(graph), graph.precision, type(optimizer).__name__, optimizer.weight_decay is None,
        repr(sorted(constants.items())),
        repr(goal), repr(metrics), repr(rows), data.train.y.shape, *settings,
    )  # fmt: skip


def _small(value: NDArray[Any]) -> NDArray[Any]:
    """The same value in no memory where all its numbers are equal, as those of slots are at first."""
    first = value.flat[:1]
    return np.broadcast_to(first[0], value.shape) if len(first) and (value == first).all() else value


def _bytes(variable: Any) -> int:
    return int(np.prod(variable.shape)) * variable.value.dtype.size
