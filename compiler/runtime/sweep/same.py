"""When two trials are the same: what they come to is the same to the bit, so one of them is enough."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import cast

from compiler.runtime.plan import Plan
from compiler.runtime.resume import FREE
from compiler.spec.located import plain

_FREE = frozenset(FREE) - {"train.epochs", "data.path"}
"""What changes no bits: as for a run that goes on, where epochs may grow, and rows have fingerprints."""


def key_of(plan: Plan, folds: int | None = None) -> str:
    """Sha256 of all that a trial's result depends on: the graph or the estimator, `train`, `data`, plugins.

    Args:
        folds: into how many the rows are divided; `plan` is that of the first.
    """
    sections = {"train": plain(plan.train_section), "data": plain(plan.data_section)}
    kept = {key: value for key, value in _leaves(sections, "") if not _free(key)}
    parts = [plan.kind, plan.spec_hash, kept, plan.others.get("plugins"), folds]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in _FREE)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, item in cast("Mapping[object, object]", value).items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
