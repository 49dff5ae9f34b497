"""Write a run directory: artefacts first, each whole or absent, and `run.json` last."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from compiler.errors import ConfigError
from compiler.runtime.run.checkpoints import Checkpoints
from compiler.runtime.run.files import (
    RECORD,
    Artefact,
    artefact_name,
    json_text,
    make_folder,
    refused,
    remove_temporaries,
    reported,
    save,
    sync,
)
from compiler.runtime.run.reader import SCHEMA, read_record
from compiler.runtime.run.seal import sealed

if TYPE_CHECKING:
    import numpy as np

_OWN = ("schema", "status", "process", "finished", "reason", "artefacts", "seal")


class RunWriter:
    """The one writer of a run directory, from its opening until `complete`, `pruned` or `fail`.

    As a context manager it fails the run when the block raises, or ends without `complete`:

        with RunWriter(Path("outputs/runs/a"), {"kind": "keras", "name": "mlp"}) as run:
            run.save("model.keras", model.save)
            run.complete({"metrics": {"val": {"loss": 0.1}}})

    Args:
        root: the directory; made where it is missing. What a killed or failed run left there may be overwritten,
            and its temporary files are removed; its checkpoints and Hydra's own files are left alone.
        about: fields of `run.json` that are known from the start, for whoever reads an unfinished run.
        before: is shown the record of an unfinished run that is there, and `about`, before anything is changed. What
            it raises is raised; what it gives are further fields of the new record.

    Raises:
        ConfigError: E803, the directory has a complete or pruned run or is not writable; E805, the disk is full; E806,
            another process is writing it.
    """

    def __init__(
        self,
        root: Path,
        about: Mapping[str, object] | None = None,
        before: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, object]] | None = None,
    ) -> None:
        self.root = Path(root)
        self._about = _callers(about or {})
        self._artefacts: dict[str, Artefact] = {}
        self._process = {"pid": os.getpid(), "host": socket.gethostname(), "started": _now()}
        with reported(f"write a run to '{self.root}'"):
            make_folder(self.root)
            self._lock = _lock(self.root)
        try:
            if (self.root / RECORD).exists():
                record = read_record(self.root)
                if record["status"] in ("complete", "pruned"):
                    hint = "give another folder, or remove this one"
                    raise refused(f"'{self.root}' already has a {record['status']} run", hint)
                if before is not None:
                    self._about |= _callers(before(record, self._about))
            with reported(f"write a run to '{self.root}'"):
                remove_temporaries(self.root)
            self._record({"status": "running"}, self._about)
        except BaseException:  # whatever it was, another process may have the directory again
            self._close()
            raise

    @property
    def about(self) -> Mapping[str, object]:
        """The caller's fields of `run.json` that are known from the start."""
        return dict(self._about)

    def save(self, name: str, write: Callable[[Path], object]) -> Path:
        """Let `write` make the artefact `name` (relative, with `/`), in the place of an earlier one.

        Args:
            name: e.g. ``predictions/val.npz``; `write` gets another path with the same suffix.
            write: makes a file at the path that it gets.

        Raises:
            ConfigError: E803, the file system refuses (read-only, gone); E805, it is full.
            ValueError: `name` is not a plain relative path, or names `run.json`.
            RuntimeError: the run is complete or failed.
        """
        self._require_open()
        legal = artefact_name(name)
        with reported(f"write {name!r} to '{self.root}'"):
            self._artefacts[legal] = save(self.root, legal, write)
        return self.root / name

    def save_text(self, name: str, text: str) -> Path:
        """Save `text` as UTF-8. Raises as `save` does."""
        return self.save(name, lambda path: _write(path, text))

    def save_json(self, name: str, value: Mapping[str, object]) -> Path:
        """Save `value` as JSON. Raises as `save` does, E802 for a NaN, and TypeError for what JSON cannot say."""
        return self.save_text(name, json_text(value))

    def save_predictions(self, split: str, predictions: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> Path:
        """Save what the model says about a split, as `predictions/<split>.npz`.

        Args:
            split: ``val`` or ``test``.
            predictions: probabilities (N, C) or values (N, K); kept as float32.
            rows: (N,) ids of the rows in the data set.
            labels: (N,) classes or (N, K) targets.

        Raises:
            ValueError: the lengths differ, or `predictions` has not two dimensions.
        """
        import numpy as np

        if predictions.ndim != 2 or not len(predictions) == len(rows) == len(labels):
            shapes = f"{predictions.shape}, {rows.shape}, {labels.shape}"
            raise ValueError(f"predictions (N, C), rows (N,) and labels (N, ...) needed, got {shapes}")
        arrays = {"predictions": predictions.astype(np.float32, order="C"), "rows": rows, "labels": labels}
        return self.save(f"predictions/{split}.npz", lambda path: np.savez(path, **arrays, allow_pickle=False))

    def remove(self, name: str) -> None:
        """Remove an artefact that the run needs no more, such as a checkpoint. It need not exist."""
        self._require_open()
        target = self.root / artefact_name(name)
        with reported(f"remove {name!r} from '{self.root}'"):
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                sync(target.parent)
        self._artefacts.pop(name, None)

    def complete(self, record: Mapping[str, object]) -> Path:
        """Write the final `run.json`, remove the checkpoints, and let go of the directory.

        Args:
            record: the caller's fields (see the package's docstring), laid over those given at the opening.

        Returns:
            The run's directory.

        Raises:
            ConfigError: E802, a metric is NaN or infinite; E803 or E805, the file system refuses.
            RuntimeError: the run is complete or failed already.
        """
        return self._end({"status": "complete"}, record)

    def pruned(self, reason: str, record: Mapping[str, object]) -> Path:
        """Say that a sweep ended the run early, remove its checkpoints, and let go of the directory.

        Args and raises as `complete` has them.
        """
        return self._end({"status": "pruned", "reason": reason}, record)

    def fail(self, reason: str) -> None:
        """Say that the run failed and why, and let go of the directory. What was saved stays.

        A run with a checkpoint is not `failed` but `interrupted`: it can go on.
        """
        self._require_open()
        try:
            status = "interrupted" if Checkpoints(self.root).exist() else "failed"
            self._record({"status": status, "reason": reason}, self._about, finished=True)
        finally:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            reason = f"{type(error).__name__}: {error}".rstrip(": ") if error else "it ended before it was complete"
            with suppress(ConfigError):  # the error on its way out says more than a disk that is full besides
                self.fail(reason)

    def _end(self, status: Mapping[str, object], record: Mapping[str, object]) -> Path:
        self._require_open()
        self._record(status, {**self._about, **_callers(record)}, finished=True)
        try:
            Checkpoints(self.root).remove()
        finally:
            self._close()
        return self.root

    def _record(self, status: Mapping[str, object], fields: Mapping[str, object], finished: bool = False) -> None:
        artefacts = {name: {"sha256": made.sha256, "bytes": made.bytes} for name, made in self._artefacts.items()}
        text = json_text(
            {
                "schema": SCHEMA,
                **status,
                "process": self._process,
                **({"finished": _now()} if finished else {}),
                **fields,
                "artefacts": artefacts,
            }
        )
        with reported(f"write '{self.root / RECORD}'"):
            save(self.root, RECORD, lambda path: _write(path, sealed(text)))

    def _require_open(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"the run in '{self.root}' is finished")

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _callers(fields: Mapping[str, object]) -> dict[str, object]:
    taken = [name for name in fields if name in _OWN]
    if taken:
        raise ValueError(f"the writer's own fields: {', '.join(taken)}")
    return dict(fields)


def _lock(root: Path) -> int:
    """Hold `root` for this process; the kernel lets go of it when the process dies, however it dies."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        hint = "wait for it, or give another folder: hydra.run.dir=DIR"
        raise refused(f"'{root}' is being written by {_user(root)}", hint, "E806") from None
    except OSError:
        pass  # some network file systems cannot lock a folder: there, two writers are the user's own care
    return descriptor


def _user(root: Path) -> str:
    """Whoever writes a run to `root` now, as well as the record says it."""
    try:
        process = read_record(root)["process"]
        return f"another process ({process['pid']} on {process['host']}, since {process['started']})"
    except (ConfigError, KeyError, TypeError):
        return "another process"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
