"""A step on more than one device: each replica takes its share of the batch, and gradients are summed.

The loss of a share is weighed with its part of the batch, so that the sum over replicas is the loss of the whole batch,
and its gradient the gradient: training is that on one device, to rounding. Layers that look at a whole batch see their
share (BatchNormalization), and what is drawn differs between replicas (Dropout).

Source: https://www.tensorflow.org/tutorials/distribute/custom_training, and `keras/src/backend/tensorflow/trainer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.runtime.training.strategies import Mirrored, MultiWorker, Strategy

_APART = 0x9E3779B1
"""Distance between the seeds of two replicas: any odd number will do."""


class Replicas:
    """The devices of a training.

    Args:
        settings: a strategy that is not `none`.
    """

    def __init__(self, settings: Strategy) -> None:
        assert isinstance(settings, (Mirrored, MultiWorker)), "one device needs no replicas"
        self.strategy = _strategy(settings.devices if isinstance(settings, Mirrored) else None)
        self.count: int = self.strategy.num_replicas_in_sync

    def scope(self) -> AbstractContextManager[Any]:
        """Where variables are made that every replica has."""
        return self.strategy.scope()

    def step(self, update: Callable[..., Any], batch: Sequence[Any]) -> Any:
        """Call `update(part, *share)` on every replica; the sum of what it gives."""

        def on_replica(*rows: Any) -> Any:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            size = tf.shape(tf.nest.flatten(rows)[0])[0]
            first, last = replica * size // self.count, (replica + 1) * size // self.count
            part = tf.cast(last - first, "float32") / tf.cast(size, "float32")
            # a replica without a row, in a last batch, takes one that weighs nothing
            begin = tf.minimum(first, size - 1)
            share = tf.nest.map_structure(lambda tensor: tensor[begin : tf.maximum(last, begin + 1)], rows)
            return self.summed([update(part, *share)])[0]

        return self.strategy.experimental_local_results(self.strategy.run(on_replica, tuple(batch)))[0]

    def summed(self, tensors: Sequence[Any]) -> list[Any]:
        """Within a replica: the sums of `tensors` over all replicas; None stays None."""
        there = [tf.convert_to_tensor(tensor) for tensor in tensors if tensor is not None]
        sums = iter(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, there) if there else [])
        return [None if tensor is None else next(sums) for tensor in tensors]

    def prepare(self, optimizer: Any) -> None:
        """Gradients come summed, so that clipping sees those of the whole batch: Keras need not sum them again."""
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        inner._all_reduce_sum_gradients = lambda pairs: pairs

    def differ(self, generators: Sequence[Any]) -> None:
        """Give the seeds of each replica a distance from those of the first one, so that they draw differently."""
        for generator in generators:
            copies = generator.state.value.values
            base = copies[0].numpy()
            for i, copy in enumerate(copies, self._first):
                copy.assign(base + np.array([i * _APART % 2**32, 0], base.dtype))

    def share(self, variables: Sequence[Any]) -> None:
        """Make sums that each process has of its own those of all."""
        if not isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return

        @tf.function(autograph=False)
        def sums() -> Any:
            return self.strategy.run(lambda: self.summed([tf.identity(variable.value) for variable in variables]))

        for variable, total in zip(variables, sums(), strict=True):
            variable.assign(total)

    @property
    def _first(self) -> int:
        """The number of this process's first replica."""
        return getattr(self.strategy.cluster_resolver, "task_id", None) or 0


@cache
def _strategy(devices: tuple[str, ...] | None) -> Any:
    """TensorFlow's strategy; one for all trainings of a process, since two would give their sums the same names."""
    if devices is None:
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MirroredStrategy(list(devices) or None)
