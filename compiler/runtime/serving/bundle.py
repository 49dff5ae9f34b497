"""A bundle: an ensemble's run with its members inside, each in its own files, without what only training needs.

    run.json            of the kind `ensemble`; `bundle` says what it was made of
    members.lock.yaml   names the members, all of which are below
    weights.json
    members/NAME/       a run with its model and its preparation of rows; an ensemble is a bundle itself

It is a run directory like any other: each file has its hash, and whatever asks a run can ask a bundle. No TensorFlow.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from compiler.runtime.ensemble.lock import LOCK, WEIGHTS, Locked, LockedRun, lock_text, run_id
from compiler.runtime.run import Run
from compiler.runtime.run.files import RECORD, Artefact, json_text, save
from compiler.runtime.run.seal import sealed
from compiler.runtime.serving.ensemble import Part, Pooled, opened, singles
from compiler.runtime.serving.forms import placed

MEMBERS = "members"
"""The folder of a bundle that holds its members."""

_LEFT_OUT = ("predictions/", "snapshots/", "history.csv", "rows.csv", "report.html")
"""How the names of artefacts begin that nothing new is predicted with."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """What became of an ensemble.

    Attributes:
        runs: how many it took along.
        left_out: how many members had no weight.
        bytes: of all files.
    """

    path: Path
    runs: int
    left_out: int
    bytes: int


def bundle(run: Run, path: Path) -> Bundled:
    """Write the ensemble `run` to the new folder `path`, whole or not at all.

    Raises:
        ConfigError: E803, a member is gone or is not what it was; E006 or E805, the file system refuses.
    """
    part = opened(run)
    assert isinstance(part, Pooled), "an ensemble has members"
    with placed(path) as made:
        _write_ensemble(part, run, made)
        size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
    return Bundled(path, len(list(singles(part))), part.members - len(part.parts), size)


def _write_ensemble(part: Pooled, run: Run, root: Path) -> None:
    """The bundle of one ensemble; those of ensembles in it lie inside."""
    locked: list[Locked] = []
    for number, inner in enumerate(part.parts):
        folder = f"{MEMBERS}/{number}-{_plain(inner.name)}"
        if isinstance(inner, Pooled) and inner.run is None:
            folds = [(one, f"{folder}/{fold}") for fold, one in enumerate(inner.parts)]
            runs = tuple(_write_member(one, root, place) for one, place in folds)
            locked.append(Locked(inner.name, "folds", str(next(singles(inner)).run.record["kind"]), runs))
            continue
        kind = str(inner.run.record["kind"]) if inner.run else ""
        form = "ensemble" if isinstance(inner, Pooled) else "run"
        locked.append(Locked(inner.name, form, kind, (_write_member(inner, root, folder),)))
    files = {
        LOCK: save(root, LOCK, lambda file: file.write_text(lock_text(locked), encoding="utf-8")),
        WEIGHTS: save(root, WEIGHTS, lambda file: file.write_text(json_text(part.blend.as_json()), encoding="utf-8")),
    }
    _write_record(run, root, files)


def _write_member(part: Part, root: Path, folder: str) -> LockedRun:
    target = root / folder
    assert part.run is not None, "folds have no folds"
    if isinstance(part, Pooled):
        _write_ensemble(part, part.run, target)
    else:
        names = [name for name in part.run.artefacts if not name.startswith(_LEFT_OUT)]
        files = {name: save(target, name, partial(shutil.copyfile, part.run.file(name))) for name in names}
        _write_record(part.run, target, files)
    return LockedRun(folder, run_id(target))


def _write_record(run: Run, root: Path, files: Mapping[str, Artefact]) -> None:
    """`run.json`, last: what the run's own says, but of the files that are here."""
    artefacts: dict[str, Any] = {name: {"sha256": made.sha256, "bytes": made.bytes} for name, made in files.items()}
    record = {**run.record, "bundle": {"of": run_id(run.root)}, "artefacts": artefacts}
    record.pop("seal", None)  # there will be a new one
    save(root, RECORD, lambda file: file.write_text(sealed(json_text(record)), encoding="utf-8"))


def _plain(name: str) -> str:
    """A member's name as that of a folder."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)[-60:].lstrip(".") or "run"
