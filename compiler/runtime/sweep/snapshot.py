"""What a journal has come to, as a shorter one: a record a trial in the place of some thirty.

It is written beside the journal from time to time, and whoever opens the study reads the journal only from there on.
It is nothing but records of Optuna's, in JSON: a sweep's folder from someone else runs no code. The journal itself
keeps everything, and without a snapshot, or with a damaged one, it is read from its beginning. Optuna is imported
with this file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from compiler.errors import ConfigError
from compiler.runtime.run.files import place

_SCHEMA = 1
_CHECKED = 4096  # bytes of the journal before its end that must be those it was written for

CREATE_STUDY, SET_STUDY_USER_ATTR, CREATE_TRIAL = 0, 2, 4
"""Numbers of Optuna's operations; a test holds them against Optuna's own."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Records that come to the same as the journal's first `offset` bytes."""

    records: list[dict[str, Any]]
    offset: int


def read_snapshot(journal: Path) -> Snapshot | None:
    """The journal's snapshot; None where there is none, or it is not this journal's, or damaged."""
    try:
        with _beside(journal).open("rb") as file:
            header = json.loads(file.readline())
            lines = file.read().split(b"\n")[:-1]
        if header["schema"] != _SCHEMA or header["check"] != _check(journal, header["offset"]):
            return None
        if header["records"] != len(lines):
            return None
        return Snapshot([json.loads(line) for line in lines], header["offset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def snapshot_end(journal: Path) -> int:
    """How many bytes of the journal its snapshot stands for."""
    with suppress(OSError, ValueError, KeyError, TypeError), _beside(journal).open("rb") as file:
        return int(json.loads(file.readline())["offset"])
    return 0


def write_snapshot(
    journal: Path,
    name: str,
    directions: Sequence[StudyDirection],
    attributes: dict[str, Any],
    trials: Sequence[FrozenTrial],
    offset: int,
) -> None:
    """Write what the first `offset` bytes of the journal come to. A disk that is full costs the snapshot only."""
    records = [*_study(name, directions, attributes), *map(_trial, trials)]
    header = {"schema": _SCHEMA, "offset": offset, "records": len(records), "check": _check(journal, offset)}
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in [header, *records])
    with suppress(OSError, ConfigError):
        place(journal.parent, _beside(journal).name, lambda path: path.write_text(text, encoding="utf-8"))


def _beside(journal: Path) -> Path:
    return journal.with_suffix(".snapshot")


def _check(journal: Path, offset: int) -> str:
    with journal.open("rb") as file:
        file.seek(max(0, offset - _CHECKED))
        tail = file.read(min(offset, _CHECKED))
    if len(tail) < min(offset, _CHECKED):
        raise ValueError("the journal is shorter than its snapshot")
    return hashlib.sha256(tail).hexdigest()


def _study(name: str, directions: Sequence[StudyDirection], attributes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield _operation(CREATE_STUDY, study_name=name, directions=list(directions))
    for key, value in attributes.items():
        yield _operation(SET_STUDY_USER_ATTR, study_id=0, user_attr={key: value})


def _trial(trial: FrozenTrial) -> dict[str, Any]:
    """The record that makes the trial as it is now, as Optuna writes one from a template."""
    several = trial.values is not None and len(trial.values) > 1
    complete = {"datetime_complete": _time(trial.datetime_complete)} if trial.datetime_complete else {}
    return _operation(
        CREATE_TRIAL,
        study_id=0,
        datetime_start=_time(trial.datetime_start) if trial.datetime_start else None,
        **complete,
        state=int(trial.state),
        value=None if several or trial.values is None else trial.values[0],
        values=trial.values if several else None,
        distributions={key: distribution_to_json(kind) for key, kind in trial.distributions.items()},
        params={key: trial.distributions[key].to_internal_repr(value) for key, value in trial.params.items()},
        user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )


def _operation(code: int, **fields: Any) -> dict[str, Any]:
    return {"op_code": code, "worker_id": "", **fields}


def _time(local: datetime) -> str:
    return local.astimezone(UTC).isoformat(timespec="microseconds")
