"""What took long to read, kept in files below a folder: made once, whole or not at all, and again when it is stale.

An entry is a folder with the files that its maker wrote, and `entry.json`, which says what they were made of and what
they hold. One process makes an entry while others that want it wait.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compiler.runtime.data.source import Blame
from compiler.runtime.run.files import FULL, TEMPORARY, sync

_ENTRY = "entry.json"
_SCHEMA = 1
_BLOCK = 1 << 22


def cached(
    folder: Path,
    name: str,
    settings: Mapping[str, object],
    state: str,
    make: Callable[[Path], None],
    blame: Blame,
) -> Path | None:
    """The folder of an entry, made where there is none, or where it is stale or damaged.

    Args:
        folder: where caches are kept.
        name: begins the entry's name, for a reader's eye.
        settings: what makes one entry different from another, in JSON's values.
        state: what the files that it is made of look like; another state replaces the entry.
        make: writes its files into the folder that it is given. What it raises is passed on, but for an `OSError`: so
            what it raises about the files that it reads must be another.

    Returns:
        None where `blame` was told why not: E006, the folder cannot be used; E805, there is no room.
    """
    key = json.dumps([_SCHEMA, name, settings], sort_keys=True)
    entry = folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(entry):
            if not _is_whole(entry, key, state):
                _make(entry, key, state, make)
        return entry
    except OSError as error:
        code = "E805" if error.errno in FULL else "E006"
        message = f"cannot keep a cache in {str(folder)!r}: {error.strerror or error}"
        blame(code, message, "cache", hint="data.cache=FOLDER puts it elsewhere")
        return None


def _make(entry: Path, key: str, state: str, make: Callable[[Path], None]) -> None:
    prefix = f"{TEMPORARY}{entry.name}-"
    for leftover in entry.parent.glob(f"{prefix}*"):  # of a killed process: nobody else is at work here
        shutil.rmtree(leftover)
    aside = Path(tempfile.mkdtemp(prefix=prefix, dir=entry.parent))
    try:
        made = aside / "made"
        made.mkdir()
        make(made)
        files = {path.name: _content(path) for path in sorted(made.iterdir())}
        record = {"key": key, "state": state, "files": files}
        (made / _ENTRY).write_text(json.dumps(record, indent=1), "utf-8")
        for path in (*made.iterdir(), made):
            sync(path)
        if entry.exists():
            entry.rename(aside / "old")  # who has its files mapped keeps them
        made.rename(entry)
        sync(entry.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _is_whole(entry: Path, key: str, state: str) -> bool:
    try:
        record: Any = json.loads((entry / _ENTRY).read_text("utf-8"))
        if record["key"] != key or record["state"] != state:
            return False
        return all(content == _content(entry / name) for name, content in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # absent, or no longer what was written
        return False


def _content(path: Path) -> dict[str, int]:
    """A file's size and CRC-32: enough against a disk's mistakes, and quick."""
    checksum = size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum, size = zlib.crc32(block, checksum), size + len(block)
    return {"bytes": size, "crc32": checksum}


@contextmanager
def _alone(entry: Path) -> Iterator[None]:
    """Keep other processes from making the same entry meanwhile; the system lets go of the lock of one that dies."""
    try:
        import fcntl
    except ImportError:  # Windows: two may make it, and the last one's stays
        yield
        return
    with entry.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
