"""A saved run as its record describes it: fields with dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from compiler.errors import ConfigError
from compiler.runtime.run.reader import read_record

DAMAGED = "damaged"
"""Status of a run whose record cannot be read."""

_LEFT_OUT = frozenset(("schema", "artefacts", "metrics", "warnings"))
_MOVED = {"process.started": "started", "process.host": "host", "process.pid": "pid"}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A run.

    Attributes:
        path: its folder, from where the search began.
        status: as `run.json` has it, or `DAMAGED`.
        fields: what `run.json` says, by dotted names: `name` (also `model.name`), `kind`, `val.loss`, `test.accuracy`,
            `config.train.epochs`, `seeds.train`, `overrides` (the list) and `overrides.KEY` (the value of one).
    """

    path: Path
    status: str
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def complete(self) -> bool:
        return self.status == "complete"


def read_entry(folder: Path) -> tuple[str, dict[str, Any]]:
    """Status and fields of the run in `folder`; of a damaged one with its `reason`."""
    try:
        record = read_record(folder)
    except ConfigError as error:
        return DAMAGED, {"status": DAMAGED, "reason": error.faults[0].message}
    return record["status"], fields_of(record)


def fields_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record. Lists stay whole; those of mappings, and what artefacts there are, are left out.

    >>> fields_of({"name": "mlp", "metrics": {"val": {"loss": 0.5}}, "overrides": ["train.epochs=3"]})
    {'name': 'mlp', 'overrides': ['train.epochs=3'], 'val.loss': 0.5, 'overrides.train.epochs': 3, 'model.name': 'mlp'}
    """
    found: dict[str, Any] = {}
    for name, value in _flat({key: value for key, value in record.items() if key not in _LEFT_OUT}, ""):
        found[_MOVED.get(name, name)] = value
    found |= _flat(record.get("metrics") or {}, "")
    overrides = found.get("overrides")
    for text in cast(list[object], overrides) if isinstance(overrides, list) else []:
        key, equals, value = str(text).partition("=")
        if equals:
            found[f"overrides.{key.lstrip('+')}"] = _scalar(value)
    if "name" in found:
        found["model.name"] = found["name"]
    return found


def _flat(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(cast(dict[str, Any], item), f"{prefix}{key}.")
        elif not isinstance(item, list) or not any(isinstance(each, dict) for each in cast(list[Any], item)):
            yield prefix + key, item


def _scalar(text: str) -> object:
    """The value of an override, as JSON and YAML alike have it; else its text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
