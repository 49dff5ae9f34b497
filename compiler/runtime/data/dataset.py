"""What training and ensembles get: three splits, and fingerprints that tell whether two runs saw the same rows."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import Fault
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.data.source import Part, Task

Array = NDArray[Any]
Input = NDArray[np.float32] | LazyRows
"""Rows (N, ...) in memory, or such as are prepared when they are asked for."""
Inputs = Input | Mapping[str, Input]
"""One input, or one for each name of a model with several."""

_CHUNK = 1 << 22  # elements held at a time besides source and result


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Some rows of a data set.

    Attributes:
        x: inputs, float32 (N, *input_shape), in memory or lazy; for several inputs a mapping from their names.
        y: class numbers, int64 (N,); for multilabel 0 or 1, int64 (N, K); for regression targets, float32 (N,) or
            (N, K).
        ids: row numbers, int64 (N,), ascending, unique over the whole source.
    """

    x: Inputs
    y: Array
    ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def features(self) -> int:
        """How many numbers a row has, in all its inputs."""
        inputs = self.x.values() if isinstance(self.x, Mapping) else [self.x]
        return sum(math.prod(x.shape[1:]) for x in inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A source's rows, split.

    Attributes:
        name: the source's name.
        class_names: in the order of the class numbers, or of the labels' columns; empty for regression.
        fingerprints: sha256 by what they cover (`rows`, `labels`, `classes`), then by split (`train`, `val`, `test`)
            and `all`; with folds by `folds` too, for the rows of all of them. `rows` covers row ids and inputs as the
            source has them, before resizing and scaling, so that two models that prepare the same rows differently can
            be pooled.
        warnings: suspicions, for the caller to print.
        fitted: what the preparation learnt from the training rows (scales, categories), in JSON's values; it prepares
            further rows alike.
        names: what rows are called, such as paths, by their ids; None where they have no names.
    """

    name: str
    task: Task
    class_names: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    fingerprints: Mapping[str, Mapping[str, str]]
    warnings: tuple[Fault, ...] = ()
    fitted: Mapping[str, Any] = field(default_factory=dict[str, Any])
    names: tuple[str, ...] | None = None


def chunks(n: int, row_elements: int) -> Iterator[slice]:
    """Slices over `n` rows, each of at most some four million elements."""
    step = max(1, _CHUNK // max(1, row_elements))
    return (slice(start, min(n, start + step)) for start in range(0, n, step))


def rows_fingerprint(ids: NDArray[np.int64], part: Part, rows: NDArray[np.int64]) -> str:
    """Sha256 of `ids` and of `rows` of the source's `part`, input by input.

    Of an input these are its name, dtype, row shape, then its little-endian bytes; where the part has digests of what
    its rows were read from, they stand for a single input.
    """
    x = part.x if part.digests is None else {"": part.digests}
    digest = hashlib.sha256(_bytes(ids))
    for name in sorted(x):
        array = x[name]
        digest.update(json.dumps([name, array.dtype.name, list(array.shape[1:])]).encode())
        for some in chunks(len(rows), array[:1].size):
            digest.update(_bytes(array[rows[some]]))
    return digest.hexdigest()


def labels_fingerprint(y: Array) -> str:
    """Sha256 of labels or targets: dtype, shape, little-endian bytes."""
    return hashlib.sha256(json.dumps([y.dtype.name, list(y.shape)]).encode() + _bytes(y)).hexdigest()


def classes_fingerprint(names: tuple[str, ...]) -> str:
    """Sha256 of the class names in order."""
    return hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()


def combined(fingerprints: Mapping[str, str]) -> dict[str, str]:
    """`fingerprints` with one more, `all`, made of them in their order."""
    digest = hashlib.sha256(json.dumps(list(fingerprints.items())).encode())
    return {**fingerprints, "all": digest.hexdigest()}


def _bytes(array: Array) -> bytes:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
