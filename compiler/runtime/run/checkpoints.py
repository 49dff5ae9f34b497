"""Checkpoints of an unfinished run: whole or absent, the newest and one before it, each with checksums, never pickled.

One file is a zip archive without compression, as `np.savez` writes it: an `.npy` for each array, and `state.json`. Zip
keeps a checksum of each member. What NumPy has no name for (bfloat16, float8) lies there as bytes, and
`state.json` says what they are.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from compiler.errors import Fault
from compiler.runtime.run.files import place, remove_folder, reported, sync

if TYPE_CHECKING:
    import numpy as np

FOLDER = "checkpoints"
"""Where a run keeps them; a complete run has none."""

FORM = 1
"""Version of the form of a checkpoint."""

_STATE = "state.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A moment of a training, from which it goes on to the same bits.

    Attributes:
        arrays: by name, dtype and all.
        state: the rest, as JSON has it; NaN and infinity are allowed.
    """

    arrays: Mapping[str, np.ndarray]
    state: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of the run in `root`.

    Args:
        root: the run's directory.
        seconds: at least so many pass between two of them ...
        share: ... and so many that writing takes no greater share of the time.
    """

    def __init__(self, root: Path, seconds: float = 0.0, share: float = 1.0) -> None:
        self.root, self.seconds, self.share = root, seconds, share
        self._last, self._cost = perf_counter(), 0.0

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return perf_counter() - self._last >= max(self.seconds, self._cost / self.share)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the newest one, and leave the one before it for the case that the newest gets damaged.

        Raises:
            ConfigError: E803 or E805, the file system refuses; those before stand.
        """
        start = perf_counter()
        before = self._files()
        number = int(before[0].stem) + 1 if before else 1
        with reported(f"write a checkpoint to '{self.root}'"):
            place(self.root, f"{FOLDER}/{number:06d}.npz", lambda path: write(path, checkpoint))
            for old in before[1:]:
                old.unlink(missing_ok=True)
        self._last = perf_counter()
        self._cost = self._last - start

    def newest(self) -> tuple[Checkpoint | None, list[Fault]]:
        """The newest that is whole, with a warning for each that is not; None where there is none."""
        warnings: list[Fault] = []
        paths = self._files()
        for i, path in enumerate(paths):
            try:
                return read(path), warnings
            except Exception as error:  # what a damaged archive makes zipfile and json raise has no end
                instead = "the one before it is taken" if i + 1 < len(paths) else "there is no other"
                reason = str(error) or type(error).__name__
                warnings.append(Fault("W811", f"the checkpoint '{path}' is damaged ({reason}): {instead}"))
        return None, warnings

    def exist(self) -> bool:
        """Whether there is any, whole or damaged."""
        return bool(self._files())

    def remove(self) -> None:
        """Remove all of them: the run needs them no more."""
        with reported(f"remove the checkpoints of '{self.root}'"):
            remove_folder(self.root / FOLDER)
            sync(self.root)

    def _files(self) -> list[Path]:
        """The newest first."""
        found = (path for path in (self.root / FOLDER).glob("*.npz") if path.stem.isdecimal())
        return sorted(found, key=lambda path: int(path.stem), reverse=True)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to the file `path`."""
    import numpy as np

    dtypes = {name: array.dtype.name for name, array in checkpoint.arrays.items()}
    head = {"form": FORM, "dtypes": dtypes, "state": checkpoint.state}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr(_STATE, json.dumps(head))
        for name, array in checkpoint.arrays.items():
            own = array.dtype.kind == "V"  # a dtype that NumPy knows by a library alone: its bytes are kept
            plain = np.asarray(array, order="C").view(f"u{array.dtype.itemsize}") if own else array
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, plain, allow_pickle=False)


def read(path: Path) -> Checkpoint:
    """The checkpoint in the file `path`.

    Raises:
        Exception: of some kind, where it is not whole or not a checkpoint of this version.
    """
    import numpy as np

    with zipfile.ZipFile(path) as archive:
        head: Any = json.loads(archive.read(_STATE))
        if head["form"] != FORM:
            raise ValueError(f"it has the form {head['form']}, and this program reads {FORM}")
        arrays: dict[str, np.ndarray] = {}
        for name, dtype in head["dtypes"].items():  # a member is read whole, so that its checksum is compared
            array = np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
            arrays[name] = array if array.dtype.name == dtype else array.view(np.dtype(dtype))
        return Checkpoint(arrays, head["state"])
