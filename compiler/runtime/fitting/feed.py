"""Where the batches of a training come from: rows on the device, or a stream of those that do not fit there.

Both give the same batches: row `order[i * batch_size + k]` is the k-th of step i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.runtime.data.dataset import chunks
from compiler.runtime.data.rows import LazyRows

Rows = NDArray[Any] | LazyRows
Inputs = Rows | Mapping[str, Rows]
"""Rows (N, ...), or those of each input by name."""

Where = Literal["auto", "device", "stream"]

AHEAD = 4
"""Batches that a stream has ready."""


class Feed(Protocol):
    """Batches for the loop of `Steps`."""

    @property
    def full(self) -> int:
        """How many batches, from the first, can be taken with `full`."""
        ...

    def epoch(self, order: NDArray[np.int64], first: int) -> Any:
        """What the compiled loop is called with: rows on the device and their order, or a stream from step `first`."""

    def advanced(self, to: int) -> None:
        """The loop has taken the batches before step `to`."""

    def batch(self, source: Any, step: Any, *, full: bool = False) -> tuple[Any, ...]:
        """Inside the loop: x, y and, where there are some, weights of the batch of `step`.

        Args:
            full: the batch has all its rows, and its shape says so, as XLA needs it.
        """
        ...


def on_device(rows: Rows) -> Any:
    """A copy of the rows there."""
    return tf.convert_to_tensor(loaded(rows))


def feed_of(
    x: Inputs,
    y: NDArray[Any],
    weights: NDArray[np.float32] | None,
    batch_size: int,
    where: Where = "auto",
    copied: Callable[[Rows], Any] = on_device,
) -> Feed:
    """The feed of these rows.

    Args:
        copied: gives the inputs' rows on the device, where they are to be there.
        where: `auto` streams what is read lazily because it does not fit into memory, and keeps all else on the device.
    """
    rows = (x, y) if weights is None else (x, y, weights)
    if where == "auto":
        where = "stream" if any(isinstance(part, LazyRows) for part in tf.nest.flatten(rows)) else "device"
    return OnDevice(rows, batch_size, copied) if where == "device" else Streamed(rows, batch_size)


class OnDevice:
    """All rows on the device, copied there once; a batch is gathered there."""

    def __init__(self, rows: tuple[Any, ...], batch_size: int, copied: Callable[[Rows], Any] = on_device) -> None:
        x, *others = rows
        self._rows: Any = (tf.nest.map_structure(copied, x), *map(on_device, others))
        self._batch_size = batch_size
        self._order: tuple[NDArray[np.int64], Any] | None = None

    @property
    def full(self) -> int:
        return int(tf.nest.flatten(self._rows)[0].shape[0]) // self._batch_size

    def epoch(self, order: NDArray[np.int64], first: int) -> Any:
        if self._order is None or self._order[0] is not order:
            self._order = order, tf.convert_to_tensor(order)
        return self._rows, self._order[1]

    def advanced(self, to: int) -> None:
        """Rows that are there need no telling."""

    def batch(self, source: Any, step: Any, *, full: bool = False) -> tuple[Any, ...]:
        rows, order = source
        first = step * self._batch_size
        taken = tf.slice(order, [first], [self._batch_size]) if full else order[first : first + self._batch_size]
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, taken), rows)


class Streamed:
    """Rows that stay where they are: two threads gather the next batches while the device computes."""

    def __init__(self, rows: tuple[Any, ...], batch_size: int) -> None:
        self._rows, self._batch_size = rows, batch_size
        self._parts: list[Rows] = tf.nest.flatten(rows)
        self._types = [tf.as_dtype(part.dtype) for part in self._parts]
        self._stream: Any = None
        self._order: NDArray[np.int64] | None = None
        self._next = 0
        self.full = 0

    def epoch(self, order: NDArray[np.int64], first: int) -> Any:
        if self._order is not order or self._next != first:
            self._order, self._stream = order, iter(self._batches(order, first))
        return self._stream

    def advanced(self, to: int) -> None:
        self._next = to

    def batch(self, source: Any, step: Any, *, full: bool = False) -> tuple[Any, ...]:
        return next(source)

    def _batches(self, order: NDArray[np.int64], first: int) -> Any:
        steps = -(-len(order) // self._batch_size)

        def gather(step: Any) -> list[NDArray[Any]]:
            taken = order[int(step) * self._batch_size : (int(step) + 1) * self._batch_size]
            return [np.asarray(part[taken]) for part in self._parts]

        def gathered(step: Any) -> Any:
            parts: list[Any] = tf.numpy_function(gather, [step], self._types)
            for tensor, part in zip(parts, self._parts, strict=True):
                tensor.set_shape((None, *part.shape[1:]))
            return tf.nest.pack_sequence_as(self._rows, parts)

        return (
            tf.data.Dataset.range(first, steps).map(gathered, num_parallel_calls=2, deterministic=True).prefetch(AHEAD)
        )


def loaded(rows: Rows) -> NDArray[Any]:
    """The rows as one array."""
    if not isinstance(rows, LazyRows):
        return rows
    array = np.empty(rows.shape, rows.dtype)
    for part in chunks(len(rows), rows[:1].size):
        array[part] = rows[part]
    return array
