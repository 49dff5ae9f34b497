"""What an estimator is to learn: rows as one table, and the settings that all libraries have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.runtime.data import Inputs
from compiler.runtime.data.memory import available_bytes
from compiler.runtime.run import RunWriter
from compiler.runtime.training import Task

Table = NDArray[np.float32]
Values = NDArray[np.float64]
Losses = tuple[float, float]
"""Of the training and the validation rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Rows and labels to learn from, and how.

    Attributes:
        classes: how many classes, labels or targets.
        x, x_val: (N, F), float32.
        y, y_val: as a `Split` has them.
        weights: of the training rows, (N,); None where all weigh 1.
        seed: of what is drawn.
        threads: how many may work.
        patience: iterations without a better loss on the validation rows that end the fit; None for never.
        min_delta: by how much a loss must be smaller to be better.
        told: each iteration's losses while it learns, by libraries that say them; what it raises ends the fit.
    """

    task: Task
    classes: int
    x: Table
    y: NDArray[Any]
    x_val: Table
    y_val: NDArray[Any]
    weights: NDArray[np.float32] | None
    seed: int
    threads: int
    patience: int | None = None
    min_delta: float = 0.0
    told: Callable[[Losses], None] | None = None

    def columns(self) -> Iterator[Problem]:
        """A problem for each label or target, of two classes or of one value; itself where it is such a one."""
        if self.task in ("multiclass", "binary"):
            yield self
            return
        task: Task = "regression" if self.task == "regression" else "binary"
        y, y_val = self.y.reshape(len(self.y), -1), self.y_val.reshape(len(self.y_val), -1)
        for i in range(y.shape[1]):
            classes = 2 if task == "binary" else 1  # one column's losses are not those of all: they are not told
            yield replace(self, task=task, classes=classes, y=y[:, i].copy(), y_val=y_val[:, i].copy(), told=None)


class Fitted(Protocol):
    """An estimator that has learnt.

    Attributes:
        history: losses by iteration; empty where it has none.
        best: how many iterations are kept; 1 where there are none.
        early: whether the fit ended before all iterations.
        remarks: what its library had to say.
    """

    @property
    def history(self) -> tuple[Losses, ...]: ...
    @property
    def best(self) -> int: ...
    @property
    def early(self) -> bool: ...
    @property
    def remarks(self) -> tuple[str, ...]: ...

    def predict(self, x: Table) -> Values:
        """Probabilities (N, C) or (N, K), or values (N, K)."""
        ...

    def save(self, out: RunWriter) -> None:
        """Save what `saved.load` reads."""
        ...


def table(x: Inputs, copies: int = 3) -> Table:
    """Inputs as rows of numbers, (N, F): each flattened, several side by side in their order.

    Args:
        copies: how often a library holds the rows besides.

    Raises:
        ConfigError: E708, they take more memory than there is.
    """
    parts = list(x.values()) if isinstance(x, Mapping) else [x]
    needed, there = sum(part.nbytes for part in parts) * (copies + 1), available_bytes()
    if needed > there:
        message = f"an estimator holds all rows in memory, which takes some {needed >> 20:,} MB of {there >> 20:,} MB"
        raise ConfigError([Fault("E708", message, hint="data.limit=N takes fewer rows")])
    flat = [part[:].reshape(len(part), -1) for part in parts]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)


def usable_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
