"""The folder of a sweep: all that carries it out needs nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler.runtime.sweep.definition import NAME

_DEPTH = 3  # folders below that of all sweeps: a day, a time


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """Where everything of one sweep is.

    sweep.yaml        its definition, written once
    conf/             the configuration files it began with
    study.journal     Optuna's journal, unless the definition names a storage
    workers/ID.json   one file a worker; its time of change is its last sign of life
    trials/00007/     the run directory of trial 7; with folds `trials/00007/fold-0/` and on
    sweep.json, trials.csv, report.html     results
    """

    root: Path

    @property
    def definition(self) -> Path:
        return self.root / NAME

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def journal(self) -> Path:
        return self.root / "study.journal"

    @property
    def workers(self) -> Path:
        return self.root / "workers"

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    @property
    def results(self) -> Path:
        return self.root / "sweep.json"

    @property
    def table(self) -> Path:
        return self.root / "trials.csv"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    def trial(self, number: int) -> Path:
        """The run directory of a trial.

        >>> SweepFolder(Path("a")).trial(7).as_posix()
        'a/trials/00007'
        """
        return self.trials / f"{number:05d}"

    def fold(self, number: int, fold: int) -> Path:
        """The run directory of one fold of a trial."""
        return self.trial(number) / f"fold-{fold}"

    def worker(self, name: str) -> Path:
        """The file of a worker."""
        return self.workers / f"{name}.json"

    @property
    def finished(self) -> bool:
        """Whether its results say that it is complete."""
        try:
            record: object = json.loads(self.results.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(record, dict) and record.get("status") == "complete"


def find_unfinished(root: Path, definition_hash: str) -> SweepFolder | None:
    """The newest sweep below `root` that has this hash and is not finished; None where there is none."""
    found = [
        folder
        for folder in _sweeps(root, _DEPTH)
        if _hash(folder.definition) == definition_hash and not folder.finished
    ]
    return max(found, key=lambda folder: folder.definition.stat().st_mtime, default=None)


def _sweeps(root: Path, depth: int) -> Iterator[SweepFolder]:
    try:
        entries = [Path(entry.path) for entry in os.scandir(root) if entry.is_dir()]
    except OSError:
        return
    for folder in sorted(entries):
        if (folder / NAME).is_file():
            yield SweepFolder(folder)
        elif depth > 1:
            yield from _sweeps(folder, depth - 1)


def _hash(definition: Path) -> str | None:
    try:
        found = re.search(r"^hash: ([0-9a-f]{64})$", definition.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None
