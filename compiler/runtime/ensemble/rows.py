"""Whether members speak of the same rows; and whether one was trained on rows that another is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Diagnostics
from compiler.runtime.data.dataset import labels_fingerprint
from compiler.runtime.run import Predictions, Run

if TYPE_CHECKING:
    from compiler.runtime.ensemble.members import Member, Split

Array = NDArray[Any]

_SHOWN = 5  # row ids in a message


def check_rows(members: Sequence[Member], said: Sequence[Predictions], split: Split, diagnostics: Diagnostics) -> None:
    """Report each member whose rows, labels or their fingerprints are not those of the first: E851, E853, E803."""
    first, one = members[0], said[0]
    for member, other in zip(members, said, strict=True):
        whose = f"{split} of '{member.name}' and of '{first.name}'"
        if not np.array_equal(one.rows, other.rows):
            _other_rows(first, one.rows, member, other.rows, split, diagnostics)
        elif one.predictions.shape != other.predictions.shape:
            widths = f"{other.predictions.shape[1]} and {one.predictions.shape[1]}"
            diagnostics.report("E851", f"{whose} have {widths} values a row", member.place)
        elif not np.array_equal(one.labels, other.labels):
            apart = (one.labels != other.labels).reshape(len(one.rows), -1).any(axis=1)
            message = f"{whose} have other labels in {some_rows(one.rows[apart], len(apart))}"
            diagnostics.report("E851", message, member.place)
        elif member.fingerprint("labels", split) != labels_fingerprint(other.labels):
            message = f"the labels in {split} of '{member.name}' are not those that its run.json describes"
            diagnostics.report("E803", message, member.place, hint="it was changed since: train it again")
        elif member.fingerprint("rows", split) != first.fingerprint("rows", split):
            message = f"{whose} have the same row ids and labels, but other inputs"
            diagnostics.report("E851", message, member.place, hint="members of one data set")


def some_rows(ids: Array, of: int) -> str:
    """So many of so many rows, and the first of their ids.

    >>> some_rows(np.arange(7), 90), some_rows(np.arange(1), 90)
    ('7 of 90 rows (ids 0, 1, 2, 3, 4, ...)', '1 of 90 rows (id 0)')
    """
    listed = ", ".join(str(row) for row in ids[:_SHOWN])
    more = ", ..." if len(ids) > _SHOWN else ""
    return f"{len(ids)} of {of} rows (id{'s' if len(ids) > 1 else ''} {listed}{more})"


def _other_rows(
    first: Member, rows: Array, member: Member, others: Array, split: Split, diagnostics: Diagnostics
) -> None:
    hint = "the same data.split, data.folds and data.limit for all members"
    for one, other, own in ((member, first, rows), (first, member, others)):
        learnt = trained_on(one.runs[0], own) if split == "val" and one.form != "folds" else None
        if learnt is not None and len(learnt) and same_source(one.runs[0], other.runs[0]):
            where = f"'{one.name}' was trained on {some_rows(learnt, len(own))} by which '{other.name}' is judged"
            diagnostics.report("E853", where, member.place, hint=hint)
            return
    only, missing = np.setdiff1d(others, rows), np.setdiff1d(rows, others)
    if not len(only) and not len(missing):
        message = f"'{member.name}' has the rows of {split} in another order than '{first.name}'"
        diagnostics.report("E851", message, member.place)
        return
    parts = [
        f"{'has' if has else 'lacks'} {some_rows(ids, len(others if has else rows))}"
        for ids, has in ((only, True), (missing, False))
        if len(ids)
    ]
    message = f"'{member.name}' predicts other rows of {split} than '{first.name}': it {' and '.join(parts)}"
    diagnostics.report("E851", message, member.place, hint=hint)


def trained_on(run: Run, rows: Array) -> Array | None:
    """Which of the row ids the run was trained on, where it had every row of its source that was not in `val` or
    `test`; None where that cannot be told."""
    section = run.section("data")
    if section.get("limit") is not None:
        return None
    try:
        held = [run.predictions(split).rows for split in ("val", "test") if f"predictions/{split}.npz" in run.artefacts]
    except ConfigError:  # its own faults are reported where it is a member
        return None
    return np.setdiff1d(rows, np.concatenate(held)) if len(held) == 2 else None


def same_source(run: Run, other: Run) -> bool:
    """Whether the ids of both mean the same rows, as far as the records tell: one source with as many rows."""
    mine, its = run.record["data"], other.record["data"]
    total, its_total = sum(mine["rows"].values()), sum(its["rows"].values())
    paths = run.section("data").get("path"), other.section("data").get("path")
    return mine.get("name") == its.get("name") and total == its_total and paths[0] == paths[1]
