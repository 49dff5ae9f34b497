"""A worker process as its supervisor has it: begun, looked after, ended, and what its end means."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import compiler
from compiler.runtime.cli import USER_ERROR
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.heartbeat import Beat
from compiler.runtime.sweep.worker import NO_ROOM, STOPPED

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1)
"""Signals that others send: what was killed by one of them may do better the next time."""

_TAIL = 3  # lines of its output that are shown
_WIDTH = 160


@dataclass(frozen=True, slots=True)
class Death:
    """Why a worker's trial ended with it.

    Attributes:
        code: `killed`, `crashed`, `exit`, `timeout` or `memory`.
        retry: whether the trial may do better the next time.
    """

    code: str
    reason: str
    retry: bool = False


class Worker:
    """A running worker.

    Args:
        folder: of the sweep.
        name: that no other worker of the sweep ever had.
        arguments: of `compiler.runtime.sweep.worker`, besides.
        environment: variables besides those of this process.
    """

    def __init__(
        self,
        folder: SweepFolder,
        name: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self._folder = name, folder
        self._log = folder.workers / f"{name}.log"
        self.killed_for: Death | None = None
        folder.workers.mkdir(parents=True, exist_ok=True)
        own = (str(folder.root), "--id", name, "--supervisor", str(os.getpid()))
        command = [sys.executable, "-m", "compiler.runtime.sweep.worker", *own, *arguments]
        with self._log.open("ab") as log:
            # a session of its own: Ctrl-C on the terminal reaches its supervisor alone
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": _import_path(), "PYTHONUNBUFFERED": "1", **(environment or {})},
            )
        self.largest = 0  # bytes

    @property
    def beat(self) -> Beat:
        """What it is doing."""
        return Beat.read(self._folder.worker(self.name))

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    @property
    def status(self) -> int:
        """Of one that has ended, as `subprocess` has it."""
        return self._process.returncode

    def memory(self) -> int:
        """Bytes that it and the processes that it started hold now."""
        import psutil

        held = 0
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            for one in (process, *process.children(recursive=True)):
                with suppress(psutil.Error):
                    held += one.memory_info().rss
        self.largest = max(self.largest, held)
        return held

    def overdue(self, timeout: float) -> bool:
        """Whether its trial has taken longer than `timeout` seconds; importing Keras does not count."""
        beat = self.beat
        return beat.since is not None and not beat.importing and time.time() - beat.since > timeout

    def stop(self) -> None:
        """Ask it to keep a checkpoint and end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self, why: Death | None = None) -> None:
        """End it and all that it started, at once."""
        self.killed_for = self.killed_for or why
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> None:
        """End what it started and left behind; call it when it has ended."""
        self.kill()
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()

    def death(self) -> Death | None:
        """What its end means for a trial that it had in hand; None where it ended as it should."""
        status = self.status
        if self.killed_for is not None:
            return self.killed_for
        if status in (0, STOPPED, NO_ROOM):
            return None
        if status < 0:
            name = signal.Signals(-status).name
            if -status not in FROM_OUTSIDE:
                return Death("crashed", f"its process crashed with {name}{self._said()}")
            held = f"; it held {self.largest / 2**30:.1f} GiB at the last look" if self.largest else ""
            memory = ", as the kernel does where memory runs out" if -status == signal.SIGKILL else ""
            return Death("killed", f"its process was killed by {name}{memory}{held}", retry=True)
        return Death("exit", f"its process ended with status {status}{self._said()}")

    def tail(self) -> str:
        """The last lines of its output."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(line[:_WIDTH] for line in [line for line in lines if line.strip()][-_TAIL:])

    def _said(self) -> str:
        tail = " / ".join(self.tail().splitlines())
        return f": {tail}" if tail else ""


class Allowance:
    """How soon another worker may be begun: at once, and ever later after those that died without a trial."""

    FRUITLESS = 5
    """So many in a row show that none will work."""

    def __init__(self) -> None:
        self._fruitless, self._from = 0, 0.0

    @property
    def hopeless(self) -> bool:
        """Whether no worker will do better."""
        return self._fruitless >= self.FRUITLESS

    def now(self) -> bool:
        """Whether one may be begun."""
        return monotonic() >= self._from

    def ended(self, status: int, fruitful: bool) -> None:
        """A worker has ended with that status, and had a trial or none."""
        if fruitful:
            self._fruitless, self._from = 0, 0.0
            return
        if status:
            self._fruitless += self.FRUITLESS if status == USER_ERROR else 1
        self._from = monotonic() + min(2.0**self._fruitless, 30.0)


def _import_path() -> str:
    """Where the worker finds this very code, and what was to be found before."""
    here = str(Path(compiler.__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
