"""The report of a sweep: one HTML page that holds all it needs, and opens from disk without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compiler.runtime.run.files import reported, save
from compiler.runtime.sweep.importances import importances
from compiler.runtime.sweep.results import recorded, sweep_record
from compiler.runtime.sweep.standing import standing_of

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

PAGE = "report.html"

__all__ = ["PAGE", "write_report"]


def write_report(study: Study) -> Path:
    """Write `report.html` into the sweep's folder; gives its path.

    Raises:
        ConfigError: E803 or E805, the file system refuses; E803, a `sweep.json` that is there is damaged.
    """
    from compiler.runtime.sweep.report.curves import curves
    from compiler.runtime.sweep.report.figures import CURVES, figures
    from compiler.runtime.sweep.report.page import page

    folder, standing = study.folder.root, standing_of(study)
    distributions = study.definition.space.distributions()
    weights = importances(standing, distributions)
    record = sweep_record(study, standing, weights, recorded(folder).get("final"))
    step = "fold" if study.definition.search.folds else "epoch"
    drawn = list(figures(standing, distributions, weights, curves(standing, study.folder, CURVES), step))
    text = page(study, standing, record, drawn)
    with reported(f"write '{folder / PAGE}'"):
        save(folder, PAGE, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))
    return folder / PAGE
