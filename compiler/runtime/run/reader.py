"""Read a run directory: refused by name unless it is complete and every file is what the run saved."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from compiler.runtime.run.files import RECORD, Artefact, artefact_name, digest, refused, reported
from compiler.runtime.run.seal import is_sealed

if TYPE_CHECKING:
    import numpy as np

SCHEMA = 2
"""Version of the form of `run.json`; raised when a reader of the version before could not read it rightly. From 2 on
a record has a seal."""

STATUSES = ("running", "complete", "pruned", "failed", "interrupted")

_MOST_BYTES = 16 * 2**20  # of a run.json: a run with 10,000 artefacts has 2 MB


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says about the rows of a split.

    Attributes:
        predictions: float32 (N, C) probabilities or (N, K) values.
        rows: (N,) ids of the rows in the data set.
        labels: (N,) classes or (N, K) targets.
    """

    predictions: np.ndarray
    rows: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, slots=True)
class Run:
    """A complete run.

    Attributes:
        root: its directory.
        record: `run.json`.
        verified: whether the hashes of all artefacts were compared when it was read; else each is when it is used.
    """

    root: Path
    record: Mapping[str, Any]
    verified: bool

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Metrics by split and name: `run.metrics["val"]["loss"]`."""
        return self.record.get("metrics", {})

    def section(self, name: str) -> dict[str, Any]:
        """The resolved section `name` (``train``, ``data``) of the configuration; empty where the run kept none."""
        config: Any = self.record.get("config")
        found: Any = cast(dict[str, Any], config).get(name) if isinstance(config, dict) else None
        return cast(dict[str, Any], found) if isinstance(found, dict) else {}

    @property
    def artefacts(self) -> dict[str, Artefact]:
        """What the run saved, by name."""
        return {name: Artefact(made["sha256"], made["bytes"]) for name, made in self.record["artefacts"].items()}

    def file(self, name: str) -> Path:
        """The path of an artefact.

        Raises:
            ConfigError: E803, the run saved no such file, or it is not what the run saved.
        """
        artefacts = self.artefacts
        if name not in artefacts:
            raise refused(f"the run '{self.root}' has no {name!r}", f"it has {', '.join(artefacts) or 'no files'}")
        if not self.verified:
            _verify(self.root, name, artefacts[name])
        return self.root / name

    def predictions(self, split: str) -> Predictions:
        """What the model said about `split` (``val`` or ``test``).

        Raises:
            ConfigError: E803, the run saved none, or they are not what the run saved.
        """
        import numpy as np

        name = f"predictions/{split}.npz"
        path = self.file(name)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                return Predictions(arrays["predictions"], arrays["rows"], arrays["labels"])
        except (OSError, ValueError, KeyError) as error:  # KeyError: an array is missing
            raise refused(f"{name!r} of the run '{self.root}' cannot be read: {error}") from error


def read_run(root: Path, *, verify: bool = True) -> Run:
    """Read a complete run.

    Args:
        root: its directory.
        verify: compare the sha256 of every artefact now; else its presence and size now, and its hash on use.

    Raises:
        ConfigError: E803, the run is not complete, is of a newer version, or a file is missing or changed.
    """
    root = Path(root)
    record = read_record(root)
    if record["status"] != "complete":
        reason = f": {record['reason']}" if record.get("reason") else ""
        hint = "it is still at work, or was killed" if record["status"] == "running" else None
        raise refused(f"the run '{root}' is not complete: its status is {record['status']!r}{reason}", hint)
    run = Run(root, record, verified=verify)
    for name, artefact in run.artefacts.items():
        _verify(root, name, artefact, content=verify)
    return run


def read_record(root: Path) -> dict[str, Any]:
    """The content of `run.json`, whatever the run's status; its form is checked, its files are not.

    Raises:
        ConfigError: E803, there is none, it is not a run's, or it is of a newer version.
    """
    path = Path(root) / RECORD
    if not path.is_file():
        raise refused(f"'{root}' is not a run: it has no {RECORD}", "give the folder that train.py printed")
    with reported(f"read '{path}'"), path.open("rb") as file:
        text = file.read(_MOST_BYTES + 1)
    from pydantic_core import from_json  # twice as fast as json, and there are folders with 10,000 runs

    try:
        record: Any = from_json(text, allow_inf_nan=False) if len(text) <= _MOST_BYTES else None
    except ValueError:
        record = None
    schema = cast(dict[str, Any], record).get("schema") if isinstance(record, dict) else None
    if type(schema) is int and schema > SCHEMA:  # before all else: what follows may have another form there
        message = f"'{path}' is of version {schema}, and this program reads up to {SCHEMA}"
        raise refused(message, "install a newer version of lamina")
    if isinstance(record, dict) and ((type(schema) is int and schema > 1) or "seal" in record) and not is_sealed(text):
        message = f"'{path}' is not what the run wrote: it was changed or damaged since"
        raise refused(message, "train it again, or restore the file")
    if not _is_record(record):
        raise refused(f"'{path}' is not the record of a run")
    return record


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict):
        return False
    fields = cast(dict[str, Any], record)
    metrics: Any = fields.get("metrics", {})
    artefacts: Any = fields.get("artefacts")
    return (
        type(schema := fields.get("schema")) is int
        and schema >= 1
        and fields.get("status") in STATUSES
        and _all_mappings(metrics)
        and _all_mappings(artefacts)
        and all(_is_artefact(name, made) for name, made in artefacts.items())
    )


def _all_mappings(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) for item in cast(dict[str, Any], value).values())


def _is_artefact(name: str, made: Mapping[str, Any]) -> bool:
    return _is_inside(name) and type(made.get("sha256")) is str and type(made.get("bytes")) is int


@lru_cache(10_000)
def _is_inside(name: str) -> bool:
    """Whether a name may be an artefact's: no path of a record leads out of its directory."""
    try:
        artefact_name(name)
    except ValueError:
        return False
    return True


def _verify(root: Path, name: str, artefact: Artefact, content: bool = True) -> None:
    path = root / name
    if not path.is_file():
        raise refused(f"the run '{root}' lacks its file {name!r}")
    with reported(f"read '{path}'"):
        same = path.stat().st_size == artefact.bytes and (not content or digest(path) == artefact)
    if not same:
        raise refused(f"{name!r} of the run '{root}' is not what the run saved: it was changed or damaged since")
