"""A saved ensemble, opened: a tree of the runs that it asks, and of blends of what they say. No TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.ensemble.blends import Blend, Weighted, blend_of
from compiler.runtime.ensemble.lock import WEIGHTS, Locked, read_lock, run_of
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused, reported
from compiler.runtime.training.losses import Task

KIND = "ensemble"
"""The kind of an ensemble's run."""


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """A run that is asked itself: a network, or an estimator."""

    name: str
    run: Run


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What blends its parts: an ensemble, or the runs of a cross-validation, of which it is the mean.

    Attributes:
        parts: those that the blend heeds; what has no weight is left out.
        members: how many there are with those.
        run: the ensemble's; None for a cross-validation.
    """

    name: str
    parts: tuple[Part, ...]
    blend: Blend
    members: int
    run: Run | None = None


Part = Single | Pooled


def opened(run: Run) -> Part:
    """What answers for `run`: itself, or the members of an ensemble, those of ensembles in it, and so on.

    Raises:
        ConfigError: E803, a member is gone or changed, or the ensemble's own files are not what it saved.
    """
    return _opened(run, str(run.record.get("name") or run.root.name))


def singles(part: Part) -> Iterator[Single]:
    """The runs of a tree, from left to right."""
    if isinstance(part, Single):
        yield part
    else:
        for inner in part.parts:
            yield from singles(inner)


def said(part: Part, ask: Callable[[Single], NDArray[np.float32]]) -> NDArray[np.float32]:
    """What a tree says, (N, C), where `ask` tells what its runs say; they are asked from left to right."""
    if isinstance(part, Single):
        return ask(part)
    return part.blend(said(inner, ask) for inner in part.parts).astype(np.float32)


def blend_in(run: Run) -> Blend:
    """The blend of an ensemble's run.

    Raises:
        ConfigError: E803, the run has none, or not what it saved.
    """
    path = run.file(WEIGHTS)
    with reported(f"read '{path}'"):
        text = path.read_text("utf-8")
    try:
        return blend_of(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise refused(f"'{path}' is no blend that this program knows: {error}") from None


def _opened(run: Run, name: str) -> Part:
    if run.record.get("kind") != KIND:
        return Single(name, run)
    members, blend = read_lock(run), blend_in(run)
    used = blend.used
    if not used or used[-1] >= len(members):
        raise refused(f"the weights of the ensemble '{run.root}' are not those of its {len(members)} members")
    parts = tuple(_member(members[m], run) for m in used)
    for member, part in zip((members[m] for m in used), parts, strict=True):
        _require_task(member, part, run)
    return Pooled(name, parts, blend.only(used), len(members), run)


def _member(member: Locked, ensemble: Run) -> Part:
    runs = [run_of(locked, ensemble.root) for locked in member.runs]
    if member.form != "folds":
        return _opened(runs[0], member.name)
    mean = Weighted(cast(Task, ensemble.record["task"]), np.full(len(runs), 1 / len(runs)))
    parts = tuple(_opened(run, f"{member.name}.{i}") for i, run in enumerate(runs))
    return Pooled(member.name, parts, mean, len(runs))


def _require_task(member: Locked, part: Part, ensemble: Run) -> None:
    tasks: set[Any] = {single.run.record.get("task") for single in singles(part)}
    if tasks != {ensemble.record.get("task")}:
        said = ", ".join(sorted(map(repr, tasks)))
        message = f"the member {member.name!r} of '{ensemble.root}' learnt {said}"
        raise refused(f"{message}, and the ensemble is of {ensemble.record.get('task')!r}")
