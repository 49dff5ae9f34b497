"""Snapshots of a training: epochs whose weights are kept aside while it goes on, and become runs when it is over.

While it goes on they lie beside its checkpoints, in the same form: `checkpoints/epoch-012.npz`. The rest of them can
be made at the end alone, since the test split is not looked at before.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compiler.errors import Fault
from compiler.runtime.run import checkpoints
from compiler.runtime.run.checkpoints import Checkpoint
from compiler.runtime.run.files import place, remove_folder, reported, sync
from compiler.runtime.run.writer import RunWriter

FOLDER = "snapshots"

_COPIED = ("model.yaml", "preprocessing.json", "rows.csv")  # what all epochs of a run have in common


class SnapshotFolder:
    """The snapshots of the run in `root`.

    Args:
        root: the run's directory.
        about: the fields of its `run.json` that were known from the start.
    """

    def __init__(self, root: Path, about: Mapping[str, object]) -> None:
        self.root, self._about = root, about

    def save(self, epoch: int, snapshot: Checkpoint) -> None:
        """Keep an epoch aside.

        Raises:
            ConfigError: E803 or E805, the file system refuses.
        """
        with reported(f"write a snapshot to '{self.root}'"):
            place(self.root, self._aside(epoch), lambda path: checkpoints.write(path, snapshot))

    def keep(self, epochs: Collection[int]) -> None:
        """Remove all that were kept aside but those of `epochs`."""
        kept = {self.root / self._aside(epoch) for epoch in epochs}
        gone = [path for path in (self.root / checkpoints.FOLDER).glob("epoch-*.npz") if path not in kept]
        with reported(f"remove snapshots from '{self.root}'"):
            for path in gone:
                path.unlink(missing_ok=True)
            if gone:
                sync(self.root / checkpoints.FOLDER)

    def read(self, epoch: int) -> Checkpoint | Fault:
        """The epoch that was kept aside; W811 where it is gone or damaged."""
        path = self.root / self._aside(epoch)
        try:
            return checkpoints.read(path)
        except Exception as error:  # what a damaged archive makes zipfile and json raise has no end
            reason = "it is gone" if not path.exists() else str(error) or type(error).__name__
            return Fault("W811", f"the snapshot '{path}' is damaged ({reason}): there is no run of it")

    def clear(self) -> None:
        """Remove the runs that an earlier process has made of snapshots."""
        with reported(f"remove '{self.root / FOLDER}'"):
            remove_folder(self.root / FOLDER)

    @contextmanager
    def run(self, epoch: int) -> Iterator[RunWriter]:
        """Write the run of an epoch, with what it has in common with its training's; the caller completes it."""
        snapshot: dict[str, Any] = {"epoch": epoch, "run": self.root.name}
        with RunWriter(self.root / FOLDER / _name(epoch), {**self._about, "snapshot": snapshot}) as writer:
            for name in _COPIED:
                if (self.root / name).is_file():
                    writer.save(name, lambda path, name=name: shutil.copyfile(self.root / name, path))
            yield writer

    def _aside(self, epoch: int) -> str:
        return f"{checkpoints.FOLDER}/{_name(epoch)}.npz"


def _name(epoch: int) -> str:
    return f"epoch-{epoch:03d}"
