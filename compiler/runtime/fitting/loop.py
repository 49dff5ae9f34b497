"""The loop over the steps of an epoch: TensorFlow's own, so that Python costs nothing per batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.runtime.fitting.feed import Feed

_NEVER = -1


class Advanced(NamedTuple):
    """What a call of some steps came to.

    Attributes:
        loss: the mean loss of the epoch so far.
        diverged: the first step whose loss was no finite number, where the call stopped; None where there is none.
    """

    loss: float
    diverged: int | None


class Uncompilable(ConfigError):
    """E801: XLA has no code for an operation of the step."""


class Loop:
    """Does the steps of an epoch, some at a time.

    Args:
        feed: where the batches come from; another one may take its place between two trainings.
        update: from a batch to its loss, with the weights changed.
        rate: the optimizer's learning rate, a variable.
        mean_loss: gives the mean loss of the epoch so far.

    Attributes:
        xla: whether XLA compiles the steps of full batches; an epoch's last, smaller one never is.
    """

    def __init__(self, feed: Feed, update: Callable[..., Any], rate: Any, mean_loss: Callable[[], Any]) -> None:
        self.feed: Any = feed
        self._update, self._rate, self._mean_loss = update, rate, mean_loss
        self.xla = False

    @property
    def full(self) -> int:
        """How many steps XLA could compile; 0 where the batches are streamed, which it cannot follow."""
        return self.feed.full

    def trace(self, order: NDArray[np.int64], rates: NDArray[np.float32], first: int) -> None:
        """Trace what calls from step `first` on with these arguments will need."""
        source, given = self.feed.epoch(order, first), tf.convert_to_tensor(rates)
        for xla in {False, self.xla}:
            self._compiled(xla).get_concrete_function(source, given, tf.constant(first), tf.constant(first))

    def __call__(self, order: NDArray[np.int64], rates: NDArray[np.float32], first: int, last: int) -> Advanced:
        """Do the steps `first` to `last`.

        Args:
            order: a permutation of the rows, the same object in all calls of an epoch.
            rates: the learning rate of each step of the epoch.

        Raises:
            Uncompilable: only with `xla`.
        """
        source, given = self.feed.epoch(order, first), tf.convert_to_tensor(rates)
        turn = max(first, min(last, self.full)) if self.xla else first
        loss, diverged = 0.0, _NEVER
        for xla, begin, end in ((True, first, turn), (False, turn, last)):
            if begin < end and diverged == _NEVER:
                loss, diverged = self._call(xla, source, given, begin, end)
        self.feed.advanced(last)
        return Advanced(loss, None if diverged == _NEVER else diverged)

    def _call(self, xla: bool, source: Any, rates: Any, first: int, last: int) -> tuple[float, int]:
        run = self._compiled(xla)
        try:
            loss, diverged = run(source, rates, tf.constant(first), tf.constant(last))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not xla:
                raise
            message = f"XLA cannot compile the step: {str(error.message).splitlines()[0]}"
            raise Uncompilable([Fault("E801", message, hint="train.xla=false")]) from None
        return float(loss), int(diverged)

    @cache  # noqa: B019  # a loop lives as long as its steps
    def _compiled(self, xla: bool) -> Any:
        # XLA only where it was asked for: its convolutions for the CPU are 4 to 20 times slower than TensorFlow's own.
        # autograph: Keras's layers are written for it to be off.
        @tf.function(jit_compile=xla, autograph=False)
        def run(source: Any, rates: Any, first: Any, last: Any) -> tuple[Any, Any]:
            def step(i: Any, _: Any) -> tuple[Any, Any]:
                self._rate.assign(rates[i])
                loss = self._update(*self.feed.batch(source, i, full=xla))
                return i + 1, tf.where(tf.math.is_finite(loss), _NEVER, i)

            # one step at a time: the next one needs this one's weights
            more = lambda i, diverged: (i < last) & (diverged == _NEVER)  # noqa: E731  # as TensorFlow wants it
            _, diverged = tf.while_loop(more, step, [first, _NEVER], parallel_iterations=1)
            return self._mean_loss(), diverged

        return run
