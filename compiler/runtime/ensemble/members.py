"""Members of an ensemble: saved runs that were opened, and what they say about the rows of a split."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Diagnostics, Place
from compiler.runtime.ensemble.lock import run_id
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.rows import check_rows
from compiler.runtime.ensemble.selectors import Form, resolve
from compiler.runtime.ensemble.votes import read_all
from compiler.runtime.run import Predictions, Run, read_run
from compiler.runtime.run.files import RECORD, refused
from compiler.runtime.run.out_of_fold import out_of_fold
from compiler.runtime.training.losses import Task
from compiler.spec.located import Tree

Split = Literal["val", "test"]

SPLITS: tuple[Split, Split] = ("val", "test")


@dataclass(frozen=True, eq=False)
class Member:
    """One member.

    Attributes:
        name: unique among the members.
        form: a run; an ensemble's run; or `folds`, the runs of a cross-validation, which are one member.
        runs: those that it is made of; more than one for `folds` alone.
        place: of the selector that found it.
    """

    name: str
    form: Form
    runs: tuple[Run, ...]
    place: Place

    @property
    def record(self) -> Mapping[str, Any]:
        """`run.json` of its first run."""
        return self.runs[0].record

    @property
    def task(self) -> Task:
        return self.record["task"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels, in order; empty for values."""
        return tuple(self.record["data"]["classes"])

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """What identifies each of its runs: the sha256 of its `run.json`."""
        return tuple(run_id(run.root) for run in self.runs)

    def fingerprint(self, what: str, split: str) -> str | None:
        """The fingerprint of `rows`, `labels` or `classes`, as the run's data had it; None where it has none."""
        # all rows but those of test are validation rows of one fold or the other
        key = "folds" if self.form == "folds" and split == "val" else split
        return self.record["data"]["fingerprints"].get(what, {}).get(key)

    def has(self, split: Split) -> bool:
        """Whether it has predictions of a split."""
        return all(f"predictions/{split}.npz" in run.artefacts for run in self.runs)


def open_members(members: Tree, diagnostics: Diagnostics, root: Path = Path()) -> tuple[Member, ...]:
    """Open the runs that `ensemble.members` selects; every fault goes to `diagnostics`, at its selector.

    Args:
        root: where relative paths begin.
    """
    selected = resolve(members, diagnostics, root)
    opened: list[Member] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:  # hashlib lets others work meanwhile
        runs = threads.map(_opened, [path for one in selected for path in one.runs])
        for one in selected:
            own = [next(runs) for _ in one.runs]
            for run in own:
                if isinstance(run, ConfigError):
                    _collect(run, diagnostics, one.place)
            whole = tuple(run for run in own if isinstance(run, Run))
            if len(whole) == len(own):
                opened.append(Member(one.name, one.form, whole, one.place))
    return tuple(opened)


def _opened(path: Path) -> Run | ConfigError:
    """The run, if it is complete and what it was, or why not. Its predictions are hashed when they are read."""
    try:
        run = read_run(path, verify=False)
        for name in run.artefacts:
            if not name.startswith("predictions/"):
                run.file(name)
        return _described(run)
    except ConfigError as error:
        return error


def _described(run: Run) -> Run:
    """`run`, if its record says what it was trained for, as `Member` reads it; else E803."""
    data: Any = run.record.get("data")
    data = data if isinstance(data, dict) else {}
    classes, rows, prints = data.get("classes"), data.get("rows"), data.get("fingerprints")
    wrong = [
        name
        for name, right in (
            ("task", run.record.get("task") in get_args(Task)),
            ("kind", isinstance(run.record.get("kind"), str)),
            ("data.classes", isinstance(classes, list) and all(isinstance(each, str) for each in classes)),
            ("data.rows", isinstance(rows, dict) and all(type(count) is int for count in rows.values())),
            ("data.fingerprints", isinstance(prints, dict) and all(_is_prints(each) for each in prints.values())),
        )
        if not right
    ]
    if wrong:
        message = f"the run '{run.root}' does not say what it was trained for: {', '.join(wrong)} in {RECORD}"
        raise refused(message, "only a complete run of train.py can be a member")
    return run


def _is_prints(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def read_pool(members: Sequence[Member], split: Split, diagnostics: Diagnostics) -> Pool | None:
    """What the members say about a split; None, with the faults in `diagnostics`, where that is no pool.

    Faults: E803, a file is not what its run saved, or holds no predictions of the task; E851 and E853, other rows or
    labels.
    """
    votes = read_all([run for member in members for run in member.runs], split)
    said: list[Predictions] = []
    truths: list[NDArray[np.float32] | None] = []
    for member in members:
        own, votes = votes[: len(member.runs)], votes[len(member.runs) :]
        for one in own:
            if isinstance(one, ConfigError):
                _collect(one, diagnostics, member.place)
        if diagnostics.has_errors:
            continue
        if member.form == "folds":
            with collected(diagnostics, member.place):
                said.append(_of_folds(member, split))
                truths.append(None)
        else:
            (one,) = own
            assert not isinstance(one, ConfigError), "it is reported"
            said.append(Predictions(one.said, one.rows, one.labels))
            truths.append(one.truth)
    if diagnostics.has_errors:
        return None
    check_rows(members, said, split, diagnostics)
    if diagnostics.has_errors:
        return None
    known = [truth for truth in truths if truth is not None]
    return Pool(
        task=members[0].task,
        classes=members[0].classes,
        names=tuple(member.name for member in members),
        said=tuple(one.predictions for one in said),
        labels=said[0].labels,
        rows=said[0].rows,
        known_truth=np.stack(known, axis=1) if len(known) == len(members) else None,
    )


def _of_folds(member: Member, split: Split) -> Predictions:
    """What the runs of a cross-validation say: of `val` each about its own fold, of `test` on average."""
    if split == "val":
        return out_of_fold(member.runs)
    parts = [run.predictions(split) for run in member.runs]
    first = parts[0]
    for run, part in zip(member.runs, parts, strict=True):
        if part.predictions.shape != first.predictions.shape or not np.array_equal(part.rows, first.rows):
            raise refused(f"the run '{run.root}' was tested on other rows than '{member.runs[0].root}'")
    mean: Any = np.mean(np.stack([part.predictions for part in parts]), axis=0, dtype=np.float64)
    return Predictions(mean.astype(np.float32), first.rows, first.labels)


@contextmanager
def collected(diagnostics: Diagnostics, place: Place) -> Iterator[None]:
    """Faults of what is done within go to `diagnostics`; those without a place get this one."""
    try:
        yield
    except ConfigError as error:
        _collect(error, diagnostics, place)


def _collect(error: ConfigError, diagnostics: Diagnostics, place: Place) -> None:
    for fault in error.faults:
        diagnostics.add(replace(fault, place=fault.place or place))
