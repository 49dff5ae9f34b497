"""Which row of the training split is seen when, and how much it weighs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.training import TrainSettings


def permutation(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """The order of the training rows in `epoch` (from 0): a new one for every epoch, the same for every run.

    Keras's own shuffling repeats one permutation for all epochs once its seed is set.
    """
    return np.random.default_rng([seed, epoch]).permutation(rows)


def sample_weights(y: NDArray[Any], train: TrainSettings, classes: int) -> NDArray[np.float32] | None:
    """The weight of each row by its class, (N,); None where all weigh 1."""
    if train.class_weight is None:
        return None
    table = np.ones(classes, np.float32)
    if train.class_weight == "balanced":
        counts = np.bincount(y, minlength=classes)
        table[:] = len(y) / (classes * np.maximum(counts, 1))
    else:
        for number, weight in train.class_weight.items():
            table[number] = weight
    return table[y]
