"""Whether the weights of several networks can be averaged: one graph, one start, the same rows prepared alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from compiler.errors import Diagnostics
from compiler.runtime.ensemble.members import Member
from compiler.runtime.resume import is_free, leaves
from compiler.runtime.run import Run

_FREE = ("data.path", "data.memory", "data.cache")  # where the rows are: the fingerprints tell whether they are others


def check_one_start(members: Sequence[Member], diagnostics: Diagnostics) -> None:
    """Report members whose weights have no common mean, at their selectors.

    Faults: E851, no network, another graph, precision or preparation of rows, or other rows; E857, a member began with
    other weights than the first.
    """
    for member in members:
        kind = member.record["kind"]
        if kind != "keras" or member.form != "run":
            what = f"its kind is {kind!r}" if kind != "keras" else "it is several runs"
            message = f"'{member.name}' has no weights to average: {what}"
            diagnostics.report("E851", message, member.place, hint="ensemble=optimal pools what such members predict")
    if diagnostics.has_errors:
        return
    first = members[0]
    for member in members[1:]:
        other = next(_others(first.runs[0], member.runs[0]), None)
        if other is not None:
            message = f"'{member.name}' has {other} than '{first.name}': their weights have no common mean"
            diagnostics.report("E851", message, member.place, hint="ensemble=optimal pools what such members predict")
        elif _start(member.runs[0]) != _start(first.runs[0]):
            message = f"'{member.name}' began with other weights than '{first.name}': their mean would be no network"
            hint = "snapshots of one run, or runs with the same train.initial.weights, or the same train.seed"
            diagnostics.report("E857", message, member.place, hint=hint)


def _others(first: Run, run: Run) -> Iterator[str]:
    """In what else the two differ."""
    if run.record.get("spec_hash") != first.record.get("spec_hash"):
        yield "another graph"
    if run.section("train").get("precision") != first.section("train").get("precision"):
        yield "another precision"
    for what in ("classes", "rows", "labels"):
        if run.record["data"]["fingerprints"].get(what) != first.record["data"]["fingerprints"].get(what):
            yield f"other {what}"
    was, now = (dict(leaves(each.section("data"), "data")) for each in (first, run))
    for key in {**was, **now}:
        if was.get(key) != now.get(key) and not is_free(key, _FREE):
            yield f"another {key}"


def _start(run: Run) -> object:
    """What the weights followed from that a run began with: a file, and the seed of all that it did not have."""
    initial: Any = run.record.get("initial")
    seeds: Any = run.record.get("seeds") or {}
    if not isinstance(initial, dict):
        return seeds.get("train")
    random = initial.get("random") or []
    return initial.get("sha256"), initial.get("pair"), seeds.get("train") if random else None
