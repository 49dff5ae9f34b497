"""The report of an ensemble: one HTML page that holds all it needs, and opens from disk without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.runtime.ensemble.anatomy import Anatomy
from compiler.runtime.ensemble.comparison import Comparison
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.ensemble.weighting import Weighed
from compiler.runtime.training.named import snake

PAGE = "report.html"

__all__ = ["PAGE", "facts_of", "report"]


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


def report(
    name: str,
    facts: Sequence[str],
    metrics: Mapping[str, Mapping[str, float]],
    compared: Mapping[str, Comparison],
    made: Anatomy,
) -> str:
    """The page, for the file PAGE of an ensemble's run directory.

    Args:
        name: of the ensemble.
        facts: the method, the certificate and what else is to stand below the name.
        metrics: as `run.json` has them: `val`, `val_in_sample` and `test`.
        compared: by split, `val` and `test`, with what the ensemble has to beat.
    """
    from compiler.runtime.ensemble.report.figures import figures
    from compiler.runtime.ensemble.report.page import page

    return page(name, facts, metrics, compared, made, list(figures(made, compared)))
