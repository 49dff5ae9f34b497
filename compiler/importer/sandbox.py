"""Reading what others wrote, in a process of its own: that one may die, be slow or want all memory, this one does not.

The child (`child.py`) runs one named task under limits on address space, processor time, wall time and the size of
files that it writes. What it gives is JSON of a bounded size, and files in a temporary folder; nothing is unpickled. It
is no jail: it has the user's rights, and guards against what a file makes a parser do, not against a parser taken over.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import cast

from compiler.errors import ConfigError, Fault, Place, Source
from compiler.importer.child import OUT_OF_ANSWER, OUT_OF_DISK, OUT_OF_MEMORY

_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from compiler.importer.child import main; main()"
_LIMIT_SIGNALS = (signal.SIGKILL, signal.SIGXCPU)
_HINT = "if the file is sound, load it in Keras and save it again"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the child may use.

    Attributes:
        memory: bytes of address space, its libraries included.
        seconds: of processor time; of wall time it may take four times as many, since others may be at work.
        answer: bytes of the JSON that it gives.
        written: bytes of the largest file that it writes.
    """

    memory: int = 768 << 20
    seconds: int = 20
    answer: int = 32 << 20
    written: int = 32 << 20


def for_size(size: int) -> Limits:
    """Limits for reading the arrays of a file of `size` bytes: a second more for each 20 MB."""
    return Limits(seconds=20 + size // 20_000_000, written=max(8 * size, 64 << 20))


def run(task: str, path: Path, request: Mapping[str, object], limits: Limits, place: Place | None = None) -> object:
    """What the task gives for the file at `path`, which nobody vouches for.

    Args:
        task: a function of the request, as ``module:name``; only the child imports it.
        request: plain values for the task.
        place: where the user names the file, for faults; the file itself by default.

    Raises:
        ConfigError: E006, there is no such file; E901, it cannot be read; E902, it has what is refused; E903, reading
            it takes more memory or time than allowed; and whatever else the task reports.
    """
    place = place or place_of(path)
    name = "the file" if place.source.name == str(path) else repr(str(path))
    if not path.is_file():  # a device or a pipe may never end
        reason = "is not a file" if path.exists() else "does not exist"
        raise ConfigError([Fault("E006", f"{str(path)!r} {reason}", place)])
    asked = json.dumps({**request, "task": task, "path": os.fspath(path.absolute()), "limits": _as_json(limits)})
    with TemporaryFile() as answer:
        status = _status(asked, answer.fileno(), limits)
        answer.seek(0)
        text = answer.read(limits.answer)
    if status != 0:
        raise ConfigError([_died(name, status, limits, place)])
    given = cast(dict[str, object], json.loads(text))
    if "given" in given:
        return given["given"]
    message = "".join(c if c.isprintable() else " " for c in str(given["message"])[:500])
    hint = cast(str | None, given["hint"])
    raise ConfigError([Fault(str(given["code"]), f"{name} {message}", place, hint)])


def place_of(path: Path) -> Place:
    """The file itself as a place, for faults of files that have no lines."""
    return Place(Source(str(path), ""), 1, 1)


def _as_json(limits: Limits) -> dict[str, int]:
    return {**asdict(limits), "written": max(limits.written, limits.answer)}


def _status(asked: str, answer: int, limits: Limits) -> int | None:
    """The child's exit status, negative for a signal; None where it took too long."""
    paths = json.dumps([path for path in sys.path if os.path.isabs(path)])  # noqa: PTH117  # entries are plain text
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    environment = {
        **kept,
        "HDF5_PLUGIN_PRELOAD": "::",  # HDF5 loads no libraries because a file names them
        "HDF5_USE_FILE_LOCKING": "FALSE",
        "OPENBLAS_NUM_THREADS": "1",  # each thread would take address space
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-I", "-B", "-c", _START, paths]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=answer, stderr=subprocess.DEVNULL, env=environment, cwd="/"
    )
    with process:
        try:
            process.communicate(asked.encode("ascii"), timeout=4 * limits.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
        except BaseException:  # Ctrl-C too: no child is left behind
            process.kill()
            raise
    return process.returncode


def _died(name: str, status: int | None, limits: Limits, place: Place) -> Fault:
    if status is None or -status in _LIMIT_SIGNALS:
        return _over(name, f"more than {limits.seconds} seconds", place)
    over = {
        OUT_OF_MEMORY: f"more than {limits.memory >> 20:,} MB of memory",
        OUT_OF_DISK: f"more than {limits.written:,} bytes of disk",
        OUT_OF_ANSWER: f"more than {limits.answer:,} bytes of content",
    }
    if status in over:
        return _over(name, over[status], place)
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return Fault("E901", f"{name} cannot be read: the process that read it died ({how})", place, _HINT)


def _over(name: str, what: str, place: Place) -> Fault:
    return Fault("E903", f"reading {name} takes {what}", place, _HINT)
