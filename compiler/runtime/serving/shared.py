"""Rows for an ensemble: the same ones, prepared for each of its runs as that run's training prepared its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from compiler.errors import Fault, Place
from compiler.runtime.data.dataset import Array, Dataset, Input, Inputs, Split
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.data.source import Task
from compiler.runtime.run.files import refused
from compiler.runtime.serving.ensemble import Part, singles
from compiler.runtime.serving.preprocessing import Preprocessing, Report, preprocessing_of

_DIVISION = ("split", "folds", "fold", "limit", "memory", "cache")
"""Keys of a data section that say nothing of how a row is prepared."""

_SHOWN = 5  # rows that a message names

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class PerRun:
    """Inputs of the same N rows for each run of an ensemble, from left to right."""

    inputs: tuple[Inputs, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SharedRows:
    """`NewRows` for an ensemble.

    Attributes:
        x: for each run as its training had them.
        y, ids, class_names: as `NewRows` has them.
    """

    x: PerRun
    y: Array | None
    ids: NDArray[np.generic]
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)


class SharedPreprocessing:
    """How the runs of an ensemble prepared their rows; with it an ensemble is asked as a run is with `Preprocessing`.

    Attributes:
        runs: that are asked, from left to right.
        kept: what each of them keeps of its data.

    Raises:
        ConfigError: E803, a run keeps nothing of its data, or has other classes, or in another order, than the first.
    """

    def __init__(self, part: Part) -> None:
        self.runs = tuple(singles(part))
        self.kept = tuple(preprocessing_of(single.run) for single in self.runs)
        for single, kept in zip(self.runs, self.kept, strict=True):
            if (kept.task, kept.class_names) != (self.task, self.class_names):
                message = f"the member {single.name!r} ('{single.run.root}') has another task, or other classes, than"
                raise refused(f"{message} {self.runs[0].name!r} ('{self.runs[0].run.root}')")

    @property
    def task(self) -> Task:
        """What was learnt."""
        return self.kept[0].task

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the predictions' columns; empty for regression."""
        return self.kept[0].class_names

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of the predictions are called: classes, labels, or targets where these have names."""
        return self.kept[0].names

    def new_rows(self, path: str, place: Place, report: Report, *, labels: bool) -> SharedRows:
        """The rows of a file or folder, read once for all runs that prepared theirs alike.

        Args and raises as `Preprocessing.new_rows` has them.
        """
        warnings: dict[object, Fault] = {}
        found = self._each(lambda kept: kept.new_rows(path, place, lambda w: warnings.update(_by(w)), labels=labels))
        report(warnings.values())
        first = found[0]
        for single, rows in zip(self.runs, found, strict=True):
            self._require(single.name, rows.ids, rows.y, first.ids, first.y)
        return SharedRows(PerRun(tuple(rows.x for rows in found)), first.y, first.ids, first.class_names)

    def own_rows(self, split: str, place: Place) -> SharedRows:
        """Rows of the runs' own data: those that the first run has in `split`, wherever the others have them.

        Raises:
            ConfigError: E7xx, the data are gone; E803, they are not the same for all runs.
        """
        data = self._data(place)
        return self._found(data, getattr(data[0], split))

    def rows_like(self, wanted: Split, place: Place) -> SharedRows:
        """The rows of the runs' own data that have the ids of `wanted`. Raises as `own_rows` does."""
        return self._found(self._data(place), wanted)

    def _data(self, place: Place) -> list[Dataset]:
        return self._each(lambda kept: kept.own_data(place), whole=True)

    def _found(self, data: Sequence[Dataset], wanted: Split) -> SharedRows:
        taken = [_taken(each, wanted.ids) for each in data]
        for single, own, rows in zip(self.runs, data, taken, strict=True):
            if rows is None:
                lacking = np.setdiff1d(wanted.ids, np.concatenate([split.ids for split in _splits(own)]))
                message = f"the data of the member {single.name!r} lack {len(lacking):,} of the rows ({_some(lacking)})"
                raise refused(message, "members without data.limit")
            self._require(single.name, rows.ids, rows.y, wanted.ids, wanted.y)
        return SharedRows(PerRun(tuple(rows.x for rows in taken if rows)), wanted.y, wanted.ids)

    def _each(self, make: Callable[[Preprocessing], T], *, whole: bool = False) -> list[T]:
        """What `make` makes of each run's, once for equal ones.

        Args:
            whole: whether it depends on how the rows are divided, too.
        """
        made: dict[str, T] = {}
        keys = [_key(kept, whole) for kept in self.kept]
        for key, kept in zip(keys, self.kept, strict=True):
            if key not in made:
                made[key] = make(kept)
        return [made[key] for key in keys]

    def _require(self, name: str, ids: Array, y: Array | None, first_ids: Array, first_y: Array | None) -> None:
        """Raise E803 unless a run and the first one are to be asked about the same rows."""
        what = None
        if not np.array_equal(ids, first_ids):
            what = "reads other rows"
        elif y is not None and first_y is not None and not np.array_equal(y, first_y):
            wrong = np.flatnonzero((y != first_y).reshape(len(y), -1).any(axis=1))
            what = f"has other labels for {len(wrong):,} rows ({_some(ids[wrong])})"
        if what:
            raise refused(f"the member {name!r} {what} than is asked about")


def prepared_alike(kept: Preprocessing, other: Preprocessing) -> bool:
    """Whether two runs prepare every row alike."""
    return _key(kept, False) == _key(other, False)


def _key(kept: Preprocessing, whole: bool) -> str:
    section = {key: value for key, value in kept.section.items() if whole or key not in _DIVISION}
    return json.dumps([section, None if whole else kept.fitted], sort_keys=True, default=str)


def _some(rows: Array) -> str:
    return ", ".join(str(row) for row in rows[:_SHOWN]) + (", ..." if len(rows) > _SHOWN else "")


def _splits(data: Dataset) -> tuple[Split, Split, Split]:
    return data.train, data.val, data.test


def _by(warnings: Iterable[Fault]) -> dict[object, Fault]:
    return {fault.identity: fault for fault in warnings}


def _taken(data: Dataset, ids: NDArray[np.int64]) -> Split | None:
    """The rows of a data set that have these ids, whatever its splits; None where it lacks some."""
    splits = _splits(data)
    for split in splits:
        if np.array_equal(split.ids, ids):
            return split
    known = np.concatenate([split.ids for split in splits])
    order = np.argsort(known, kind="stable")
    at = np.searchsorted(known, ids, sorter=order)
    at = order[np.minimum(at, len(known) - 1)]
    if not np.array_equal(known[at], ids):
        return None
    inputs = [split.x if isinstance(split.x, Mapping) else {"": split.x} for split in splits]
    gathered: dict[str, Input] = {name: Gathered(tuple(x[name] for x in inputs), at) for name in inputs[0]}
    y = np.concatenate([split.y for split in splits])[at]
    return Split(gathered.get("", gathered) if len(gathered) == 1 else gathered, y, ids)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered(LazyRows):
    """Rows of several inputs, in an order of its own.

    Attributes:
        parts: the inputs, one after the other.
        at: (N,) positions in all of them together.
    """

    parts: Sequence[Input]
    at: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.at), *self.parts[0].shape[1:])

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        at = self.at[rows]
        made = np.empty((len(at), *self.shape[1:]), np.float32)
        first = 0
        for part in self.parts:
            here = (at >= first) & (at < first + len(part))
            made[here] = part[at[here] - first]
            first += len(part)
        return made
