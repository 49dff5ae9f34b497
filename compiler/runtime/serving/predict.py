"""Predict: new rows in, a table of what a saved run says about them out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from compiler.errors import Place
from compiler.runtime.run import Run
from compiler.runtime.run.files import reported, save
from compiler.runtime.serving.predictor import predictor
from compiler.runtime.serving.preprocessing import Report, prepared_by
from compiler.runtime.serving.table import WRITERS, Predicted


def predict(run: Run, source: str, place: Place, path: Path, report: Report, batch_size: int | None = None) -> int:
    """Write what `run` says about the rows of an input to `path`, which appears whole or not at all.

    Args:
        source, place: the file or folder that the rows come from, and where the user wrote it.
        path: ends as one of `WRITERS` does; what stands there is replaced.
        report: prints warnings.
        batch_size: rows that a network takes at a time.

    Returns:
        How many rows there were.

    Raises:
        ConfigError: E7xx, the input is not such as the model takes; E803, the run cannot be used; E006 and E805, the
            file system refuses.
    """
    kept = prepared_by(run)
    rows = kept.new_rows(source, place, report, labels=False)
    said = predictor(run, batch_size)(rows.x)
    predicted = Predicted(kept.task, rows.ids, said, kept.names)
    with reported(f"write '{path}'", "E006"):
        save(path.parent, path.name, partial(WRITERS[path.suffix], predicted))
    return len(rows)
