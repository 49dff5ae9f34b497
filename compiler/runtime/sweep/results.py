"""What a sweep comes to, as files: `sweep.json` and `trials.csv`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from compiler.runtime.run.files import json_text, refused, reported, save
from compiler.runtime.sweep.importances import Importances, importances
from compiler.runtime.sweep.standing import Standing, seconds, standing_of, values_of, varied, why
from compiler.runtime.sweep.trials import TrialState
from compiler.runtime.sweep.wording import command

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

SCHEMA = 1
"""Version of the form of `sweep.json`; raised when a reader of the version before could not read it rightly."""

RECORD = "sweep.json"
TABLE = "trials.csv"

PACKAGES = ("lamina", "optuna", "hydra-core", "keras", "tensorflow")

_LEAST = 10.0
"""Seconds between two writings while the sweep goes on, at least."""

_SHARE = 0.02
"""Of the time, at most, is spent on them."""


class PartialResults:
    """Keeps the files of a sweep up to date while it goes on, at little cost.

    Args:
        clock: seconds, for tests.
    """

    def __init__(self, study: Study, clock: Callable[[], float] = monotonic) -> None:
        self._study, self._clock = study, clock
        self._done, self._next = -1, clock() + _LEAST

    def update(self, standing: Standing) -> None:
        """Write the files anew where trials have finished since the last time, and that is a while ago."""
        start, done = self._clock(), sum(trial.done for trial in standing.trials)
        if done == self._done or start < self._next:
            return
        _write(self._study, standing, Importances(reason="the sweep goes on"))
        self._done = done
        self._next = start + max(_LEAST, (self._clock() - start) / _SHARE)


def write_results(study: Study) -> dict[str, Any]:
    """Write `sweep.json` and `trials.csv`; gives the content of the former. What it says of the test split stays.

    Raises:
        ConfigError: E803 or E805, the file system refuses, or a `sweep.json` that is there is damaged.
    """
    standing = standing_of(study)
    return _write(study, standing, importances(standing, study.definition.space.distributions()))


def recorded(folder: Path) -> dict[str, Any]:
    """The content of a `sweep.json`; empty where there is none.

    Raises:
        ConfigError: E803, it cannot be read, or is of a newer version.
    """
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        with reported(f"read '{path}'"):
            found: Any = json.loads(path.read_text("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or type(found.get("schema")) is not int:
        raise refused(f"'{path}' is not the record of a sweep", "remove it: it is made again from the study")
    if found["schema"] > SCHEMA:
        message = f"'{path}' is of version {found['schema']}, and this program reads up to {SCHEMA}"
        raise refused(message, "install a newer version of lamina")
    return found


def record_final(folder: Path, final: Mapping[str, object]) -> None:
    """Write down what the winner's test split gave, in the `sweep.json` that is there. Raises as `recorded` does."""
    _save(folder, RECORD, json_text({**recorded(folder), "status": "complete", "final": final}))


def _write(study: Study, standing: Standing, weights: Importances) -> dict[str, Any]:
    folder = study.folder.root
    record = sweep_record(study, standing, weights, recorded(folder).get("final"))
    _save(folder, TABLE, table_text(study, standing))
    _save(folder, RECORD, json_text(record))
    return record


def sweep_record(study: Study, standing: Standing, weights: Importances, final: object = None) -> dict[str, Any]:
    """What `sweep.json` says.

    It is `complete` when all trials are finished, and the winner's test split is scored where `search.test` wants it.

    Args:
        final: what the test split of the winner gave; None while it was not scored.
    """
    definition, best = study.definition, standing.best
    several = len(standing.objectives) > 1
    ahead = standing.unfinished or (best and definition.search.test and not final)
    return {
        "schema": SCHEMA,
        "status": "unfinished" if ahead else "complete",
        "hash": definition.hash,
        "method": type(definition.search.method).__name__.lower(),
        "objectives": [{"metric": each.name, "direction": each.direction} for each in standing.objectives],
        "counts": standing.counts(),
        "best": _told(study, standing, best) if best else None,
        **({"front": [_told(study, standing, trial) for trial in standing.front]} if several else {}),
        "importances": {"by_objective": weights.by_objective, "reason": weights.reason},
        "reasons": [{"state": state, "reason": reason, "trials": found} for state, reason, found in reasons(standing)],
        "timings": timings(standing),
        "versions": {name: version(name) for name in PACKAGES},
        "final": final,
    }


def _told(study: Study, standing: Standing, trial: TrialState) -> dict[str, Any]:
    overrides = study.definition.space.overrides(trial.params)
    fixed = [text for text in study.definition.fixed if _group(text) not in ("search", "hydra")]
    return {
        "trial": trial.number,
        "values": {each.name: value for each, value in zip(standing.objectives, values_of(trial), strict=True)},
        "params": trial.params,
        "overrides": overrides,
        "command": command([*fixed, *overrides], study.definition.config_name),
        "folder": folder_of(study, trial),
    }


def _group(override: str) -> str:
    """The first step of an override's key."""
    return override.lstrip("+~").partition("=")[0].partition(".")[0].partition("/")[0].partition("@")[0]


def folder_of(study: Study, trial: TrialState) -> str:
    """Where the run of a trial is, from the sweep's folder on; of one that took over a result, that run."""
    number = trial.number if trial.reused_from is None else trial.reused_from
    return study.folder.trial(number).relative_to(study.folder.root).as_posix()


def reasons(standing: Standing) -> list[tuple[str, str, list[int]]]:
    """(state, reason, numbers of trials) of all that ended otherwise than complete, the commonest first."""
    found: dict[tuple[str, str], list[int]] = {}
    for trial in standing.trials:
        if trial.done and trial.state != "complete":
            found.setdefault((trial.state, why(trial)), []).append(trial.number)
    return sorted(((*key, numbers) for key, numbers in found.items()), key=lambda item: (-len(item[2]), item[2]))


def timings(standing: Standing) -> dict[str, Any]:
    """When a sweep began and last had news, in UTC; seconds that lie between, and that trials took in all."""
    begun = [trial.started for trial in standing.trials if trial.started]
    ended = [trial.finished for trial in standing.trials if trial.finished]
    took = [found for trial in standing.trials if (found := seconds(trial)) is not None]
    wall = (max(ended) - min(begun)).total_seconds() if begun and ended else 0.0
    return {
        "started": _iso(min(begun, default=None)),
        "finished": _iso(max(ended, default=None)),
        "seconds": round(wall, 3),
        "trial_seconds": round(sum(took), 3),
    }


def _iso(when: datetime | None) -> str | None:
    # Optuna's times are those of a clock on the wall
    return when.astimezone(UTC).isoformat(timespec="milliseconds") if when else None


def table_text(study: Study, standing: Standing) -> str:
    """The trials as CSV, one row each: number, state, reason, values, parameters, seconds, folder."""
    from io import StringIO

    keys, text = varied(standing.trials), StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    metrics = [objective.name for objective in standing.objectives]
    writer.writerow(["number", "state", "reason", *metrics, *keys, "seconds", "folder"])
    for trial in standing.trials:
        values = trial.values if trial.values is not None else [""] * len(metrics)
        took = seconds(trial)
        params = [trial.params.get(key, "") for key in keys]
        row = [trial.number, trial.state, why(trial), *values, *params]
        writer.writerow([*row, "" if took is None else round(took, 3), folder_of(study, trial)])
    return text.getvalue()


def _save(folder: Path, name: str, text: str) -> None:
    with reported(f"write '{folder / name}'"):
        save(folder, name, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))
