"""Learning curves of trials: what they reported, else what their runs have in `history.csv`."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.standing import Standing, is_scored, loss, values_of
from compiler.runtime.sweep.trials import TrialState


@dataclass(frozen=True, slots=True)
class Curve:
    """The first objective of a trial by epoch."""

    trial: TrialState
    epochs: tuple[int, ...]
    values: tuple[float, ...]


def curves(standing: Standing, folder: SweepFolder, most: int) -> list[Curve]:
    """The learning curves of at most `most` trials: the best, and every so many of the others.

    Args:
        folder: the sweep's, where the runs of the trials are.
    """
    begun = [trial for trial in standing.trials if trial.state in ("complete", "pruned", "failed", "running")]
    found = [_curve(trial, standing.objectives[0].name, folder) for trial in _some(standing, begun, most)]
    return [curve for curve in found if curve.epochs]


def _some(standing: Standing, trials: Sequence[TrialState], most: int) -> list[TrialState]:
    if len(trials) <= most:
        return list(trials)
    first = standing.objectives[0]
    ranked = sorted(filter(is_scored, trials), key=lambda trial: loss(first, values_of(trial)[0]))[: most // 2]
    chosen = {trial.number for trial in ranked}
    rest = [trial for trial in trials if trial.number not in chosen]
    room = most - len(ranked)
    return ranked + [rest[i * len(rest) // room] for i in range(room)]


def _curve(trial: TrialState, metric: str, folder: SweepFolder) -> Curve:
    pairs = sorted(trial.steps.items()) or _history(folder.trial(trial.number) / "history.csv", metric)
    finite = [(epoch, value) for epoch, value in pairs if math.isfinite(value)]
    return Curve(trial, tuple(epoch for epoch, _ in finite), tuple(value for _, value in finite))


def _history(path: Path, metric: str) -> list[tuple[int, float]]:
    """The column of `metric`; empty where there is no such file or column."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [(int(row["epoch"]), float(row[metric])) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError):  # TypeError: a line that was cut off
        return []
