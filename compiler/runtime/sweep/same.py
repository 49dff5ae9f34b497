"""When two trials are the same: what they come to is the same to the bit, so one of them is enough."""

from __future__ import annotations

import hashlib
import json

from compiler.runtime.plan import Plan
from compiler.runtime.resume import FREE, is_free, leaves
from compiler.spec.located import plain

_FREE = frozenset(FREE) - {"train.epochs", "data.path"}
"""What changes no bits: as for a run that goes on, where epochs may grow, and rows have fingerprints."""


def key_of(plan: Plan, folds: int | None = None) -> str:
    """Sha256 of all that a trial's result depends on: the graph or the estimator, `train`, `data`, plugins.

    Args:
        folds: into how many the rows are divided; `plan` is that of the first.
    """
    sections = {"train": plain(plan.train_section), "data": plain(plan.data_section)}
    kept = {key: value for key, value in leaves(sections) if not is_free(key, _FREE)}
    parts = [plan.kind, plan.spec_hash, kept, plan.others.get("plugins"), folds]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
