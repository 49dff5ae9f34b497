"""Whether saved runs can be the members of one ensemble, by what their records say; rows are compared in `rows`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from compiler.errors import ConfigError, Diagnostics, Place
from compiler.runtime.ensemble.lock import LOCK, read_lock
from compiler.runtime.ensemble.members import Member, collected
from compiler.runtime.ensemble.rows import same_source, some_rows, trained_on
from compiler.runtime.run import Run, read_run
from compiler.runtime.run.files import RECORD

_SHOWN = 3  # members in a warning


def check_members(
    members: Sequence[Member], folder: Path, learns: bool, place: Place, diagnostics: Diagnostics
) -> None:
    """Report what keeps runs from being pooled.

    Faults: E851, another task or other classes; E853, a member began with weights that were trained on its validation
    rows; E854, a run is there twice; E855, the ensemble in `folder` would contain itself. Warnings: W856, the
    validation rows chose a member's epoch too, or it cannot be told whether initial weights were trained on them.

    Args:
        learns: whether the weights are learnt from validation rows.
        place: of `ensemble.members`.
    """
    for member in members[1:]:
        _same_task(members[0], member, diagnostics)
    _once(members, diagnostics)
    for member in members:
        for run in member.runs:
            with collected(diagnostics, member.place):
                _not_itself(run, (folder.resolve(),), (), member, diagnostics)
                _fair_start(run, run, member, diagnostics)
    if learns:
        _served_twice(members, place, diagnostics)


def _same_task(first: Member, member: Member, diagnostics: Diagnostics) -> None:
    if member.task != first.task:
        message = f"'{member.name}' is of the task {member.task!r}, and '{first.name}' of {first.task!r}"
        diagnostics.report("E851", message, member.place)
        return
    mine, its = member.classes, first.classes
    if mine == its and member.fingerprint("classes", "all") == first.fingerprint("classes", "all"):
        return
    if sorted(mine) == sorted(its):
        at = next((i for i, pair in enumerate(zip(mine, its, strict=True)) if pair[0] != pair[1]), None)
        told = "but their fingerprints differ" if at is None else f"in another order: number {at} is {mine[at]!r}, and "
        message = (
            f"'{member.name}' has the classes of '{first.name}' {told}{'' if at is None else f'{its[at]!r} there'}"
        )
    else:
        message = f"'{member.name}' has {len(mine)} classes ({_few(mine)}), and '{first.name}' {len(its)} ({_few(its)})"
    diagnostics.report("E851", message, member.place, hint="members of one data set, with its classes in one order")


def _few(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _once(members: Sequence[Member], diagnostics: Diagnostics) -> None:
    """No run is there twice, by its folder, its record or its predictions."""
    seen: dict[object, Member] = {}
    for member in members:
        what: dict[object, str] = {}
        for run, identity in zip(member.runs, member.ids, strict=True):
            what[run.root.resolve()] = f"'{member.name}' is a member twice"
            what[identity] = f"'{member.name}' is a copy of '{{}}'"
        said = tuple(
            run.artefacts[name].sha256 for run in member.runs if (name := "predictions/val.npz") in run.artefacts
        )
        what[said] = f"'{member.name}' predicts the same as '{{}}', to the last bit"
        twice = next(((key, text) for key, text in what.items() if key in seen), None)
        if twice is not None and twice[0] != ():
            hint = "each run once: a second copy only doubles its weight"
            message = twice[1].format(seen[twice[0]].name)
            diagnostics.report("E854", message, member.place, hint=hint)
        for key in what:
            seen.setdefault(key, member)


def _not_itself(
    run: Run, above: tuple[Path, ...], names: tuple[str, ...], member: Member, diagnostics: Diagnostics
) -> None:
    """Neither the run nor what it is made of is one of `above`."""
    here = run.root.resolve()
    if here in above:
        way = " > ".join([*names, str(run.root)])
        what = "the folder of the ensemble itself" if here == above[0] else f"an ensemble that contains itself: {way}"
        diagnostics.report("E855", f"'{member.name}' is {what}", member.place)
        return
    if run.record.get("kind") != "ensemble" or LOCK not in run.artefacts:
        return
    for path in (Path(os.path.normpath(run.root / locked.path)) for each in read_lock(run) for locked in each.runs):
        if (path / RECORD).is_file():  # a member that is gone can be no cycle
            try:
                inner = read_run(path, verify=False)
            except ConfigError:  # it was good when it was taken; what it said then is what counts
                continue
            _not_itself(inner, (*above, here), (*names, str(run.root)), member, diagnostics)


def _fair_start(run: Run, start: Run, member: Member, diagnostics: Diagnostics) -> None:
    """The weights that `start` began with were not trained on the validation rows of `run`, as far as is known."""
    for _ in range(_MOST_STARTS):
        initial: Any = start.record.get("initial")
        if not isinstance(initial, dict) or not isinstance(initial.get("weights"), str):
            return
        file = Path(initial["weights"])
        origin = _origin(file, str(initial.get("sha256")))
        if origin is None:
            message = f"'{member.name}' began with '{file}', and what that was trained on is not known here"
            diagnostics.report("W856", message, member.place, hint="validation rows among its rows flatter the member")
            return
        if same_source(run, origin):
            rows = run.predictions("val").rows
            learnt = trained_on(origin, rows)
            if learnt is None or len(learnt):
                begun = f"'{member.name}' began with the weights of '{origin.root}'"
                if learnt is None:
                    message = f"{begun}, which may have been trained on rows of its 'val'"
                    diagnostics.report("W856", message, member.place)
                else:
                    message = f"{begun}, which was trained on {some_rows(learnt, len(rows))} of its 'val'"
                    diagnostics.report("E853", message, member.place)
                return
        start = origin


_MOST_STARTS = 20  # fine-tunings of fine-tunings that are followed


def _origin(file: Path, sha256: str) -> Run | None:
    """The run that saved the file, if it is there and is still the one."""
    for folder in _above(file):
        if (folder / RECORD).is_file():
            try:
                run = read_run(folder, verify=False)
            except ConfigError:
                return None
            known = {artefact.sha256 for artefact in run.artefacts.values()}
            return run if sha256 in known and "data" in run.record else None
    return None


def _above(file: Path) -> Iterator[Path]:
    yield from list(file.parents)[:3]


def _served_twice(members: Sequence[Member], place: Place, diagnostics: Diagnostics) -> None:
    chosen = [member.name for member in members if any(_chosen_by_val(run) for run in member.runs)]
    if chosen:
        names = ", ".join(f"'{name}'" for name in chosen[:_SHOWN])
        more = f" and {len(chosen) - _SHOWN} more" if len(chosen) > _SHOWN else ""
        message = (
            f"the validation rows chose the epoch of {names}{more}, and choose the weights too: 'val' flatters them"
        )
        hint = "'test' does not; or members by {folds: GLOB}, or without train.early_stopping"
        diagnostics.report("W856", message, place, hint=hint)


def _chosen_by_val(run: Run) -> bool:
    """Whether early stopping, or the choice of the best of several epochs, looked at `val`."""
    train = run.section("train")
    best, stopping = train.get("best"), train.get("early_stopping")
    soup: Any = run.record.get("soup")
    if isinstance(soup, dict):
        return soup.get("recipe") == "greedy"
    sections = (stopping,) if "snapshot" in run.record else (best, stopping)
    monitors = [section.get("monitor") for section in sections if isinstance(section, dict)]
    epochs, kept = run.record.get("epochs_run"), run.record.get("best_epoch")
    chosen = type(epochs) is int and epochs > 1 and (run.record.get("kind") == "keras" or kept != epochs)
    return chosen and any(isinstance(name, str) and name.startswith("val.") for name in monitors)
