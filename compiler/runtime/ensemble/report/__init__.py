"""The report of an ensemble: one HTML page that holds all it needs, and opens from disk without a network."""

from __future__ import annotations

from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import Weighed
from compiler.runtime.training.named import snake

PAGE = "report.html"

__all__ = ["PAGE", "facts_of"]


def facts_of(pool: Pool, settings: EnsembleSettings, weighed: Weighed) -> list[str]:
    """What stands below the name: the method, what it is fitted to, and how near the optimum it is where that is known.

    Args:
        pool: of the validation rows.
    """
    gap = weighed.solution.gap
    return [
        f"method {snake(type(settings.method).__name__)}",
        f"objective {settings.objective_of(pool.task).key}",
        f"pooled as {weighed.pooling}",
        f"{pool.size:,} members",
        f"{len(pool):,} validation rows",
        *([] if gap is None else [f"at most {gap:.1e} above the optimum: certified"]),
        *weighed.notes,
    ]
