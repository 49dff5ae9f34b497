"""From rows as the source has them to float32 inputs: resized, scaled, in the declared shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.dataset import Array, Input, Inputs, chunks
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.data.source import DataSettings, Part


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRows(LazyRows):
    """`prepare`, when its rows are asked for.

    Attributes:
        x: (N, ...) as the source has them, in memory or mapped from a file.
        rows: which of them.
        row_shape, size, divide_by: as `prepare` takes them.
    """

    x: Array
    rows: NDArray[np.int64]
    row_shape: tuple[int, ...]
    size: tuple[int, int] | None
    divide_by: float | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.row_shape)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return prepare(self.x, self.rows[rows], self.row_shape, self.size, self.divide_by)


def prepare(
    x: Array, rows: NDArray[np.int64], shape: tuple[int, ...], size: tuple[int, int] | None, divide_by: float | None
) -> NDArray[np.float32]:
    """`rows` of `x` as float32 (len(rows), *shape).

    Args:
        x: (N, ...) numbers; a last axis of size 1 is added where `shape` has one and `x` has not.
        shape: of one prepared row.
        size: height and width to resize (N, H, W[, C]) to.
        divide_by: what every value is divided by.
    """
    out = np.empty((len(rows), *shape), np.float32)
    for part in chunks(len(rows), max(math.prod(shape), x[:1].size)):
        values = x[rows[part]]
        if values.ndim == len(shape):
            values = values[..., np.newaxis]
        if size is not None:
            values = resized(values.astype(np.float32), size)
        out[part] = values
        if divide_by is not None:
            out[part] /= np.float32(divide_by)  # in place: rows may be large
    return out


def prepared(part: Part, rows: NDArray[np.int64], lazy: bool, settings: DataSettings) -> Inputs:
    """The inputs of `rows`: of each of several by name, or of the only one; `lazy` when they are asked for."""
    make = PreparedRows if lazy else prepare
    made: dict[str, Input] = {
        name: make(x, rows, settings.shapes[name], settings.size, settings.divide_by) for name, x in part.x.items()
    }
    single = made.get("")
    return made if single is None else single


def resized(x: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Bilinear resizing with half-pixel centres and without antialiasing, as `tf.image.resize` does by default.

    Products and sums are taken one by one, element-wise: no order of summation depends on the machine.

    Args:
        x: (N, H, W, C).
        size: the new height and width.
    """
    for axis, length in zip((1, 2), size, strict=True):
        if x.shape[axis] == length:
            continue
        lower, upper, weight = neighbours(x.shape[axis], length)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        mixed = np.take(x, lower, axis) * (1 - weight) + np.take(x, upper, axis) * weight
        x = mixed.astype(np.float32, copy=False)
    return x


def neighbours(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For each new place along an axis, the old ones on both sides, and the share of the upper one."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    lower = np.floor(at).astype(np.int64)
    return lower, np.minimum(lower + 1, old - 1), (at - lower).astype(np.float32)
