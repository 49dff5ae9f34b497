"""All runs below a folder, and what their records say, kept there from one time to the next.

The file is a cache: it may be deleted at any time, and where it cannot be written all goes on without it. A record that
has another time of change, size or inode than the index knows is read again. Writers never wait for each other: each
leaves a whole file, and what the last one did not know is read again.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from compiler.runtime.run.files import TEMPORARY
from compiler.runtime.runs.entry import DAMAGED, PARTS, Entry, Fields, read_parts
from compiler.runtime.runs.folders import RunFolder, run_folders
from compiler.runtime.runs.measures import measure

INDEX = ".runs.index"
"""Its name, in the folder where a search begins."""

VERSION = 1

_WORTH = 100
"""Records that were read, or given up, from which on an index is written."""

_encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclass(slots=True)
class _Line:
    """What is known of one run: its record's stamp, `RunFolder.alone`, head, computed metrics, numbers of its parts."""

    stamp: tuple[int, int, int]
    alone: int
    head: Fields
    computed: dict[str, float | None]
    parts: Sequence[int]


@dataclass
class _Contents:
    """The contents of parts, each once: as lines of JSON, and as mappings where they were asked for."""

    lines: bytes = b""
    read: dict[int, Fields] = field(default_factory=dict[int, Fields])

    @cached_property
    def texts(self) -> list[bytes]:
        return self.lines.split(b"\n") if self.lines else []

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        return {text: number for number, text in enumerate(self.texts)}

    def number(self, part: Fields) -> int:
        from pydantic_core import to_json  # json takes three times as long for 100,000 small values

        text = to_json(part)
        found = self.numbers.setdefault(text, len(self.texts))
        if found == len(self.texts):
            self.texts.append(text)
        return found

    def of(self, numbers: Sequence[int], which: int) -> Fields:
        number = numbers[which]
        if number not in self.read:
            self.read[number] = json.loads(self.texts[number])
        return self.read[number]


class Runs:
    """The runs at and below a folder, whatever their status, in the order of their paths.

    Args:
        root: where to search.
        depth: how far below it at most; None for any distance.

    Raises:
        ConfigError: E803, the root cannot be read.
    """

    def __init__(self, root: Path, depth: int | None = None) -> None:
        self._root = root
        self._prefix = "" if root == Path() else f"{root}/"
        known, self._contents = _load(root / INDEX)
        alone = {path: line.alone for path, line in known.items()}
        folders = sorted(run_folders(root, depth, alone), key=_path_of)
        deeper = {path: line for path, line in known.items() if depth is not None and path.count("/") >= depth}
        self._lines, self._changes = deeper, 0
        entries: list[Entry] = []
        for folder in folders:
            line = known.get(folder.path)
            if line is None or line.stamp != folder.stamp:
                line = self._read(folder)
                self._changes += 1
            line.alone = folder.alone
            self._lines[folder.path] = line
            entries.append(self._entry(folder.path, line))
        self._changes += len(known.keys() - self._lines.keys())
        self.entries = tuple(entries)

    def inside(self, run: Entry) -> str:
        """The path of one of the entries, from the folder on where the search began."""
        return run.path[len(self._prefix) :] if run.path != str(self._root) else ""

    def measure(self, runs: Sequence[Entry], names: Iterable[str]) -> None:
        """Compute metrics that records have not, for some of `entries`. See `measures.measure`."""
        self._changes += 10 * measure(runs, names)  # each took a file of predictions

    def keep(self) -> None:
        """Write the index, where enough has changed that the next time gains by it."""
        if self._changes >= _WORTH:
            _write(self._root, self._lines, self._contents)
            self._changes = 0

    def _read(self, folder: RunFolder) -> _Line:
        head, parts = read_parts(self._root / folder.path)
        try:
            numbers = [self._contents.number(part) for part in parts]
        except (ValueError, RecursionError):  # half a surrogate pair, or a thousand mappings in each other
            head = {"status": DAMAGED, "reason": "its record has values that no program of ours writes"}
            numbers = [self._contents.number({})] * len(parts)
        return _Line(folder.stamp, folder.alone, head, {}, numbers)

    def _entry(self, path: str, line: _Line) -> Entry:
        status: str = line.head["status"]
        if status == "running" and _gone(line.head):
            status = "killed"
        whole = self._prefix + path if path else str(self._root)
        return Entry(whole, status, line.head, partial(self._contents.of, line.parts), line.computed)


def _path_of(folder: RunFolder) -> str:
    return folder.path


def _gone(head: Fields) -> bool:
    """Whether the process that wrote the record is known to be no more."""
    pid = head.get("pid")
    if head.get("host") != socket.gethostname() or type(pid) is not int or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's
        return False
    return False


def _load(path: Path) -> tuple[dict[str, _Line], _Contents]:
    """What an index knows; nothing where there is none, or it is damaged or of another version."""
    try:
        first, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(first)
        if header != {"version": VERSION, "parts": list(PARTS), "crc": zlib.crc32(body)}:
            return {}, _Contents()
        runs, _, lines = body.partition(b"\n")
        return {path: _Line(tuple(stamp), *rest) for path, stamp, *rest in json.loads(runs)}, _Contents(lines)
    except (OSError, ValueError):
        return {}, _Contents()


def _write(root: Path, lines: dict[str, _Line], contents: _Contents) -> None:
    used: dict[int, int] = {}
    runs: list[object] = []
    for path, line in lines.items():
        parts = [used.setdefault(number, len(used)) for number in line.parts]
        runs.append([path, line.stamp, line.alone, line.head, line.computed, parts])
    body = b"\n".join([_encoded(runs).encode(), *(contents.texts[number] for number in used)])
    header = {"version": VERSION, "parts": PARTS, "crc": zlib.crc32(body)}
    with suppress(OSError):  # a cache that cannot be written is none
        descriptor, aside = tempfile.mkstemp(prefix=TEMPORARY, dir=root)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encoded(header).encode() + b"\n" + body)
            Path(aside).replace(root / INDEX)
        except OSError:
            Path(aside).unlink(missing_ok=True)
            raise
