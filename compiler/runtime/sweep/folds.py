"""A trial of several folds: each is a run of its own, and the trial's values are the means."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, cast

Facts = dict[str, Any]
"""What is known of a run: its metrics by split, `model`, `timings` and the like."""


def facts_of_folds(folds: Sequence[Mapping[str, Any]]) -> Facts:
    """The facts of a trial whose folds came to these.

    Metrics are means, with their standard deviations (of a sample: n - 1) under `std`; times are sums.

    >>> found = facts_of_folds([{"val": {"loss": 1.0}}, {"val": {"loss": 3.0}}])
    >>> found["val"], found["std"], found["folds"]
    ({'loss': 2.0}, {'val.loss': 1.4142135623730951}, 2)
    """
    facts: Facts = dict(folds[0])
    std: dict[str, float] = {}
    for split in ("train", "val"):
        if split not in facts:
            continue
        columns = {name: [fold[split][name] for fold in folds if name in fold[split]] for name in facts[split]}
        facts[split] = {name: statistics.fmean(values) for name, values in columns.items()}
        std |= {f"{split}.{name}": statistics.stdev(values) for name, values in columns.items() if len(values) > 1}
    if "timings" in facts:
        stages = dict.fromkeys(stage for fold in folds for stage in cast("dict[str, float]", fold["timings"]))
        facts["timings"] = {stage: round(sum(fold["timings"].get(stage, 0.0) for fold in folds), 3) for stage in stages}
    return {**facts, "folds": len(folds), "std": std}
