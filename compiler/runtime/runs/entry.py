"""A saved run as its record describes it: fields with dotted names, read from the record when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from compiler.errors import ConfigError
from compiler.runtime.run.reader import read_record

DAMAGED = "damaged"
"""Status of a run whose record cannot be read."""

PARTS = ("config.train", "config.data", "config", "data", "environment", "model", "")
"""Parts of a record, by the beginning of their fields' names; the last has all others. An index keeps each content
once, and reads those that are asked for: runs of a sweep have most of them in common."""

_HEAD = ("status", "kind", "name", "task", "finished", "reason")
_LEFT_OUT = ("schema", "seal", "artefacts", "metrics", "process", *_HEAD)


class Missing:
    """The type of `MISSING`."""


MISSING: Final = Missing()
"""The value of a field that a run has not."""

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A run.

    Attributes:
        path: its folder, as one would type it.
        status: as `run.json` has it; `DAMAGED`, or `killed` where it is said to run and its process is no more.
        head: the fields that most are asked for, by their names: `name`, `kind`, `task`, `status`, `reason`, `started`,
            `finished`, and the metrics, `val.loss`.
        part: gives the mapping that a part of the record is, by its number in `PARTS`.
        computed: metrics that the record has not, by name; None for one that the run's predictions do not give.
    """

    path: str
    status: str
    head: Fields = field(repr=False)
    part: Callable[[int], Fields] = field(repr=False)
    computed: dict[str, float | None] = field(default_factory=dict[str, "float | None"], repr=False)

    @property
    def complete(self) -> bool:
        return self.status == "complete"

    def get(self, name: str) -> Any:
        """The value of a field, or `MISSING`.

        `model.name` is the name; `overrides` the list of them, and `overrides.KEY` the value of one. A mapping is no
        value: its fields are.
        """
        if name == "status":
            return self.status
        if name == "path":
            return self.path
        if name in self.head:
            return self.head[name]
        if name == "model.name":
            return self.head.get("name", MISSING)
        if self.computed.get(name) is not None:
            return self.computed[name]
        for number, part in enumerate(PARTS):
            if not part or name.startswith(f"{part}."):
                return _within(self.part(number), name[len(part) + 1 :] if part else name)
        return MISSING

    def names(self) -> Iterator[str]:
        """All its fields."""
        yield from ("status", "path", *self.head, *(["model.name"] if "name" in self.head else []))
        yield from (name for name, value in self.computed.items() if value is not None)
        for number, part in enumerate(PARTS):
            yield from _leaves(self.part(number), f"{part}." if part else "")


def read_parts(folder: Path) -> tuple[dict[str, Any], tuple[Fields, ...]]:
    """The head of the run in `folder`, and its parts; a damaged one has a `reason`."""
    try:
        record = read_record(folder)
    except ConfigError as error:
        return {"status": DAMAGED, "reason": error.faults[0].message}, ({},) * len(PARTS)
    head: dict[str, Any] = {key: record[key] for key in _HEAD if key in record}
    process: Any = record.get("process")
    if _is_dict(process):
        head |= {key: process[key] for key in ("started", "host", "pid") if key in process}
    for split, metrics in record.get("metrics", {}).items():
        head |= {f"{split}.{name}": value for name, value in metrics.items()}
    rest = {key: value for key, value in record.items() if key not in _LEFT_OUT}
    return head, tuple([_taken(rest, part) for part in PARTS[:-1]] + [rest])


def _taken(tree: dict[str, Any], part: str) -> Fields:
    """The mapping at a dotted name, which is taken out."""
    above, _, last = part.rpartition(".")
    holder: Any = tree.get(above) if above else tree
    if not _is_dict(holder) or not _is_dict(holder.get(last)):
        return {}
    return holder.pop(last)


def _within(part: Fields, name: str) -> Any:
    if name.startswith("overrides."):
        return _override(part.get("overrides"), name.removeprefix("overrides."))
    value: Any = part
    for step in name.split("."):
        if not _is_dict(value) or step not in value:
            return MISSING
        value = value[step]
    return MISSING if _is_dict(value) else value


def _leaves(part: Fields, prefix: str) -> Iterator[str]:
    waiting = [(prefix, part)]
    while waiting:
        prefix, mapping = waiting.pop()
        for key, value in mapping.items():
            if _is_dict(value):
                waiting.append((f"{prefix}{key}.", value))
            else:
                yield prefix + key
    overrides = part.get("overrides")
    for text in cast(list[object], overrides) if isinstance(overrides, list) else []:
        key, equals, _ = str(text).partition("=")
        if equals:
            yield f"overrides.{key.lstrip('+')}"


def _override(overrides: object, key: str) -> Any:
    """The value that the last override of `key` gives: a number, true, false, null or a list, else its text."""
    found: Any = MISSING
    for text in cast(list[object], overrides) if isinstance(overrides, list) else []:
        name, equals, value = str(text).partition("=")
        if equals and name.lstrip("+") == key:
            found = _scalar(value)
    return found


def _scalar(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)
