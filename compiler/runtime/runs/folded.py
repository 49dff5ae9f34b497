"""The runs of a cross-validation that count as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import fmean
from typing import Any

from compiler.runtime.runs.entry import MISSING, Entry


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """One run of each fold.

    Attributes:
        path: the folder that holds theirs.
        runs: in the order of their paths.
    """

    path: str
    runs: tuple[Entry, ...]

    def get(self, name: str) -> Any:
        """What all runs say, or the mean of the numbers that they say; else `MISSING`."""
        if name == "path":
            return self.path
        values = [run.get(name) for run in self.runs]
        if all(value == values[0] for value in values):
            return values[0]
        return fmean(values) if all(type(value) in (int, float) for value in values) else MISSING

    def names(self) -> Iterator[str]:
        """The fields of the first run."""
        return self.runs[0].names()


def folded(runs: Iterable[Entry]) -> Iterator[Entry | Folded]:
    """The runs, those of one cross-validation in one folder as one; such of which a fold is missing are left out.

    >>> from functools import partial
    >>> part = partial([{}, {"folds": 2}, {}, {}, {}, {}, {}].__getitem__)
    >>> trials = [Entry(f"trials/1/fold-{fold}", "complete", {"val.loss": float(fold)}, part) for fold in (0, 1)]
    >>> [(one.path, one.get("val.loss")) for one in folded(trials)]
    [('trials/1', 0.5)]
    """
    together: dict[str, list[Entry]] = {}
    for run in runs:
        count = run.get("config.data.folds")
        if type(count) is int:
            together.setdefault(str(PurePosixPath(run.path).parent), []).append(run)
        else:
            yield run
    yield from (Folded(path, tuple(folds)) for path, folds in together.items() if _whole(folds))


def _whole(folds: Sequence[Entry]) -> bool:
    count = folds[0].get("config.data.folds")
    return len(folds) == count and all(run.complete and run.get("config.data.folds") == count for run in folds)
