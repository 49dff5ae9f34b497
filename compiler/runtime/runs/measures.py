"""Metrics that a record has not, computed from the predictions that the run saved for `val`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from compiler.errors import ConfigError
from compiler.runtime.runs.entry import MISSING, Entry

if TYPE_CHECKING:
    from compiler.runtime.ensemble.objectives import Objective

MEASURES = ("val.log_loss", "val.brier", "val.rmse", "val.mae", "val.accuracy", "val.macro_f1", "val.auc")
"""What can be computed: the objectives of ensembles, by their names there."""


def measure(runs: Sequence[Entry], names: Iterable[str]) -> int:
    """Compute what is asked for and what the records of complete runs have not; gives how many files were read.

    The results are in the entries' `computed`: None where predictions are missing or damaged, or of another task.
    `val.loss` is never computed: it is what the training minimised.

    Args:
        names: fields; those that are none of `MEASURES` are passed over.
    """
    wanted = [name for name in dict.fromkeys(names) if name in MEASURES]
    without = [run for run in runs if run.complete and any(_lacks(run, name) for name in wanted)]
    if not without:
        return 0
    from compiler.runtime.ensemble.objectives import Objective

    known = cast("dict[str, Any]", Objective.known)
    objectives: dict[str, Objective] = {name: known[name.removeprefix("val.")]() for name in wanted}
    for run in without:  # one after the other: of files as small as most are, threads take twice as long
        _measure(run, objectives)
    return len(without)


def _lacks(run: Entry, name: str) -> bool:
    return run.get(name) is MISSING and name not in run.computed


def _measure(run: Entry, objectives: dict[str, Objective]) -> None:
    from compiler.runtime.ensemble.votes import read_votes
    from compiler.runtime.run import Run, read_record

    absent = {name: each for name, each in objectives.items() if _lacks(run, name)}
    folder, values = Path(run.path), dict[str, "float | None"].fromkeys(absent)
    try:
        found = read_votes(Run(folder, read_record(folder), verified=False), "val")
        for name, objective in absent.items():
            if run.head.get("task") in objective.tasks:
                value = objective.value(found.said, found.labels, run.head["task"])
                values[name] = value if isfinite(value) else None
    except (ConfigError, ValueError):  # ValueError: scikit-learn, of labels of one class
        pass  # the faults of a run are told where it becomes a member
    run.computed.update(values)
