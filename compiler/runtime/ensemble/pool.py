"""What several members say about the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Blend
from compiler.runtime.training.losses import Task

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pool:
    """M members' predictions of N rows.

    The predictions may be views of files, and `take` copies nothing: an array is read when `member` asks for it.

    Attributes:
        task: what was learnt.
        classes: names of the C classes, or of the K labels or targets where these have names.
        names: of the members, unique.
        said: for each member float32 (N', C) probabilities of the classes (two for `binary`), (N', K) independent ones
            for `multilabel`, or (N', K) values for `regression`.
        labels: (N,) class numbers; (N, K) of 0 and 1 for `multilabel`; (N, K) values for `regression`.
        rows: (N,) ids of the rows.
        index: which of the N' rows of `said` the N are; None for all of them.
        known_truth: what `truth` is, (N, M), where reading the members has shown it.
    """

    task: Task
    classes: tuple[str, ...]
    names: tuple[str, ...]
    said: tuple[NDArray[np.float32], ...]
    labels: Array
    rows: NDArray[np.int64]
    index: NDArray[np.int64] | None = None
    known_truth: NDArray[np.float32] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def size(self) -> int:
        """How many members there are."""
        return len(self.names)

    @property
    def width(self) -> int:
        """C, or K: values that a member gives for a row."""
        return self.said[0].shape[1]

    def member(self, m: int) -> NDArray[np.float32]:
        """What member `m` says, (N, C)."""
        return self.said[m] if self.index is None else self.said[m][self.index]

    def blended(self, blend: Blend) -> NDArray[np.float64]:
        """What a blend of the members says, (N, C); members that make no difference are not read."""
        used = blend.used or (0,)
        return blend.only(used)(self.member(m) for m in used)

    def tensor(self) -> NDArray[np.float32]:
        """What all say, (M, N, C); 4 M N C bytes."""
        return np.stack([self.member(m) for m in range(self.size)])

    @cached_property
    def truth(self) -> NDArray[np.float32]:
        """The probability that each member gives to the right class, (N, M). Of `multiclass` and `binary`."""
        if self.known_truth is not None:
            return self.known_truth
        index = np.arange(len(self)) if self.index is None else self.index
        at = index * self.width + self.labels
        found = np.empty((self.size, len(self)), np.float32)  # a member's in one piece
        for one, row in zip(self.said, found, strict=True):
            np.take(one.reshape(-1), at, out=row, mode="clip")  # which takes a third of the time of indexing by pairs
        return found.T

    @property
    def _truth(self) -> NDArray[np.float32] | None:
        """`truth`, where it is known by now."""
        return self.__dict__.get("truth", self.known_truth)

    def take(self, rows: NDArray[np.int64]) -> Pool:
        """The pool of some rows, given by their positions."""
        index = rows if self.index is None else self.index[rows]
        truth = None if self._truth is None else np.take(self._truth.T, rows, axis=1).T  # its columns stay in one piece
        return replace(self, labels=self.labels[rows], rows=self.rows[rows], index=index, known_truth=truth)

    def only(self, members: Sequence[int]) -> Pool:
        """The pool of some members, given by their positions."""
        truth = None if self._truth is None else self._truth[:, list(members)]
        names = tuple(self.names[m] for m in members)
        return replace(self, names=names, said=tuple(self.said[m] for m in members), known_truth=truth)
