"""Pools of members that were never trained: what they say is drawn, good and bad, alike and unlike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.training.losses import Task

TASKS: tuple[Task, ...] = ("multiclass", "binary", "multilabel", "regression")


def named(value: object) -> str:
    """The name of a case: a task, or an objective or a method by its class."""
    return value if isinstance(value, str) else type(value).__name__


def drawn_pool(task: Task, members: int, rows: int, width: int = 4, seed: int = 0) -> Pool:
    """Members of different skill, whose errors have a part in common."""
    draw = np.random.default_rng(seed)
    skill = draw.uniform(0.3, 2.5, members)
    labels: NDArray[Any]
    if task == "regression":
        labels = draw.normal(size=(rows, width))
    elif task == "multilabel":
        labels = draw.integers(0, 2, (rows, width))
    else:
        width = 2 if task == "binary" else width
        labels = draw.integers(0, width, rows)
    truth = np.eye(width)[labels] if labels.ndim == 1 else labels
    common = draw.normal(size=(rows, width))
    said: list[NDArray[np.float32]] = []
    for strength in skill:
        noise = 0.6 * common + 0.8 * draw.normal(size=(rows, width))
        if task == "regression":
            one = truth + noise / strength
        elif task == "multilabel":
            one = 1 / (1 + np.exp(-(strength * (2 * truth - 1) + noise)))
        else:
            one = np.exp(strength * truth + noise)
            one /= one.sum(axis=1, keepdims=True)
        said.append(one.astype(np.float32))
    names = tuple(f"m{i}" for i in range(members))
    classes = tuple(f"c{i}" for i in range(width))
    return Pool(task, classes, names, tuple(said), labels, np.arange(rows) * 3)
