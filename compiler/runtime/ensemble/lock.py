"""`members.lock.yaml`: the runs that an ensemble was made of, each by its place, its id and what was used of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from compiler.runtime.run.files import RECORD, digest, refused, reported
from compiler.runtime.run.reader import Run, read_run

LOCK = "members.lock.yaml"
"""What the file is called in an ensemble's run."""

WEIGHTS = "weights.json"
"""The file of an ensemble's run that has its blend, as `Blend.as_json` gives it."""

FORM = 1
"""Version of the form of the lock."""

Form = Literal["run", "folds", "ensemble"]


@dataclass(frozen=True, slots=True)
class LockedRun:
    """A run as it was when the ensemble was made.

    Attributes:
        path: its directory, relative to the ensemble's, with `/`.
        id: sha256 of its `run.json`, which has those of all its files.
        predictions: sha256 of those that were used, by split.
    """

    path: str
    id: str
    predictions: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Locked:
    """A member: one run, or all runs of a cross-validation.

    Attributes:
        name: what the ensemble calls it; unique.
        kind: what its runs are of, as `run.json` says it.
    """

    name: str
    form: Form
    kind: str
    runs: tuple[LockedRun, ...]


def run_id(root: Path) -> str:
    """The id of the run in `root`."""
    return digest(root / RECORD).sha256


def locked_run(root: Path, ensemble: Path, predictions: Mapping[str, str]) -> LockedRun:
    """The run in `root` as the lock of the ensemble in the folder `ensemble` has it."""
    path = Path(os.path.relpath(root.resolve(), ensemble.resolve())).as_posix()
    return LockedRun(path, run_id(root), dict(predictions))


def lock_text(members: Sequence[Locked]) -> str:
    """The members as YAML."""
    from omegaconf import OmegaConf

    listed = [
        {
            "name": member.name,
            "form": member.form,
            "kind": member.kind,
            "runs": [
                {"path": run.path, "id": run.id, **({"predictions": dict(run.predictions)} if run.predictions else {})}
                for run in member.runs
            ],
        }
        for member in members
    ]
    return OmegaConf.to_yaml(OmegaConf.create({"form": FORM, "members": listed}))


def read_lock(run: Run) -> tuple[Locked, ...]:
    """The members of the ensemble whose run this is, in the order of its weights.

    Raises:
        ConfigError: E803, the run is of no ensemble, or its lock is not what it saved, or of a newer version.
    """
    import yaml

    path = run.file(LOCK)
    with reported(f"read '{path}'"):
        text = path.read_text("utf-8")
    try:
        tree: Any = yaml.safe_load(text)
        if type(tree["form"]) is int and tree["form"] > FORM:
            raise refused(f"'{path}' is of version {tree['form']}, and this program reads up to {FORM}")
        return tuple(_member(item) for item in tree["members"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise refused(f"'{path}' is not the lock of an ensemble: {type(error).__name__} {error}") from None


def _member(item: Mapping[str, Any]) -> Locked:
    runs = tuple(
        LockedRun(str(run["path"]), str(run["id"]), {str(k): str(v) for k, v in (run.get("predictions") or {}).items()})
        for run in item["runs"]
    )
    if item["form"] not in ("run", "folds", "ensemble") or not runs or (item["form"] != "folds" and len(runs) > 1):
        raise ValueError(f"the member {item.get('name')!r}")
    return Locked(str(item["name"]), cast(Form, item["form"]), str(item["kind"]), runs)


def run_of(locked: LockedRun, ensemble: Path) -> Run:
    """The run that a lock names; its files are compared with their hashes when they are used.

    Args:
        ensemble: the folder of the ensemble.

    Raises:
        ConfigError: E803, it is gone, or another one than it was.
    """
    root = Path(os.path.normpath(ensemble / locked.path))
    if not (root / RECORD).is_file():
        hint = "put it back there; an export with to=bundle takes the members along"
        raise refused(f"the member '{root}' of the ensemble '{ensemble}' is gone", hint)
    with reported(f"read '{root / RECORD}'"):
        same = run_id(root) == locked.id
    if not same:
        message = f"the member '{root}' is not the run that the ensemble '{ensemble}' was made of: it was changed since"
        raise refused(message, "make the ensemble anew")
    return read_run(root, verify=False)
