"""Files that are whole or absent: written aside, synced to disk, renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast

from compiler.errors import ConfigError, Fault

TEMPORARY = ".tmp-"
"""How the names of unfinished work begin."""

RECORD = "run.json"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Artefact:
    """A saved file's content: its sha256 in hex, and its size."""

    sha256: str
    bytes: int


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROOM = "make room, or lift the quota or file-size limit"


def refused(message: str, hint: str | None = None, code: str = "E803") -> ConfigError:
    """The error of a run directory that cannot be used."""
    return ConfigError([Fault(code, message, hint=hint)])


@contextmanager
def reported(doing: str, code: str = "E803") -> Iterator[None]:
    """Turn an error of the file system into a fault that says what was being done: E805 where no more can be written
    (disk, quota, file-size limit), else `code` (read-only, gone)."""
    try:
        yield
    except OSError as error:
        number = error.errno or _number_in(str(error))
        reason = os.strerror(number) if number else str(error)
        full = number in FULL
        raise refused(f"cannot {doing}: {reason}", _ROOM if full else None, "E805" if full else code) from error


def _number_in(text: str) -> int | None:
    """The number of an error in HDF5's text, which is all that h5py keeps of it."""
    found = re.search(r"\berrno = (\d+)", text)
    return int(found[1]) if found else None


def artefact_name(name: str) -> str:
    """`name` where it is a plain relative path that an artefact may have; else ValueError."""
    parts = PurePosixPath(name).parts
    legal = parts and "/".join(parts) == name and not {"/", "..", "."} & set(parts) and "\\" not in name
    if not legal or name == RECORD or any(part.startswith(TEMPORARY) for part in parts):
        raise ValueError(f"not the name of an artefact: {name!r}")
    return name


def save(root: Path, name: str, write: Callable[[Path], object]) -> Artefact:
    """Let `write` make the file `root/name`, as `place` does; gives what it has become."""

    def written(path: Path) -> Artefact:
        write(path)
        return digest(path)

    return place(root, name, written)


def place(root: Path, name: str, write: Callable[[Path], T]) -> T:
    """Let `write` make the file `root/name`, which appears whole or not at all; gives what `write` gave.

    `write` gets a path with the same last part in a temporary folder of `root`: libraries look at the suffix, and
    some put files of their own beside what they write.

    Raises:
        OSError: from the file system, or where `write` made no file.
    """
    target = root / name
    make_folder(target.parent)
    aside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=root))
    try:
        made = aside / target.name
        given = write(made)
        sync(made)
        made.replace(target)
        sync(target.parent)
        return given
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, durably."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until `path` (a file's content, or a folder's names) is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> Artefact:
    """The artefact that the file is, read in pieces."""
    with path.open("rb") as file:
        return Artefact(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())


def remove_temporaries(root: Path) -> None:
    """Remove what a killed process left unfinished."""
    for leftover in root.glob(f"{TEMPORARY}*"):
        shutil.rmtree(leftover)


def remove_folder(folder: Path) -> None:
    """Remove `folder` and all that is in it; it need not exist."""
    if folder.is_dir():
        shutil.rmtree(folder)


def json_text(value: Mapping[str, object]) -> str:
    """`value` as indented JSON with a last newline.

    Raises:
        ConfigError: E802, a number is NaN or infinite.
        TypeError: a value has no JSON form.
    """
    return json.dumps(_json_value(value, ()), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _json_value(value: object, path: tuple[str, ...]) -> object:
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return {str(key): _json_value(item, (*path, str(key))) for key, item in items}
    if isinstance(value, (list, tuple)):
        items = cast(list[object] | tuple[object, ...], value)
        return [_json_value(item, (*path, str(i))) for i, item in enumerate(items)]
    if isinstance(value, Path):
        return value.as_posix()
    scalar = value.item() if hasattr(value, "item") else value  # pyright: ignore[reportAttributeAccessIssue]  # a NumPy scalar, told by its method: NumPy stays unimported
    if isinstance(scalar, float) and (scalar != scalar or abs(scalar) == float("inf")):
        message = f"{'.'.join(path)!r} must be a finite number (got {scalar})"
        raise ConfigError([Fault("E802", message, hint="the training diverged: try a smaller learning rate")])
    return cast(Any, scalar)
