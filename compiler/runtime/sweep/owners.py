"""Who carries out a trial: a process, told apart from all others, and whether it lives."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that may carry out trials.

    Attributes:
        name: of its heartbeat file, `workers/NAME.json`; unique among all that ever worked for the sweep.
        host: where it runs.
        pid: its number there.
        started: when it began, in seconds since the epoch: a pid is given again, a pid with its start is not.
        space: of pids; two containers of one host name have two.
        job: what a scheduler calls it, `slurm:123_4`; None where there is none.
        supervisor: pid and beginning of the process beside it that tells why it died; None where nobody does.
    """

    name: str
    host: str
    pid: int
    started: float
    space: str = ""
    job: str | None = None
    supervisor: tuple[int, float] | None = None

    @classmethod
    def here(cls, name: str | None = None, job: str | None = None, supervisor: int | None = None) -> Owner:
        """This process, and the pid of its supervisor."""
        host, pid = socket.gethostname(), os.getpid()
        begun = None if supervisor is None else _started(supervisor)
        above = None if supervisor is None or begun is None else (supervisor, begun)
        return cls(name or f"{host}-{pid}-{uuid4().hex[:8]}", host, pid, _started(pid) or 0.0, _space(), job, above)

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Owner:
        """What `as_json` gave."""
        known = {key: value[key] for key in cls.__slots__ if key in value}
        return cls(**{**known, "supervisor": tuple(above) if (above := known.get("supervisor")) else None})

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @property
    def local(self) -> bool:
        """Whether it runs, or ran, where this process can see it."""
        return self.host == socket.gethostname() and self.space == _space()

    @property
    def running(self) -> bool | None:
        """Whether the process lives; None where it is not this machine's."""
        if not self.local:
            return None
        return _runs(self.pid, self.started)

    @property
    def supervised(self) -> bool:
        """Whether its supervisor lives, as far as this process can see."""
        return self.local and self.supervisor is not None and _runs(*self.supervisor)


Alive = Callable[[Owner], bool | None]
"""Whether an owner lives, as a scheduler knows it; None where it does not know."""


def lives(owner: Owner, heartbeat: Path, orphan_after: float, scheduler: Alive | None = None) -> bool:
    """Whether `owner` may still be at work: by its process, else by its scheduler, else by its last sign of life.

    Args:
        heartbeat: its heartbeat file.
        orphan_after: seconds without a sign of life from which it counts as dead, where nobody knows better.
        scheduler: asked about a process of another machine.
    """
    known = owner.running
    if known is None and scheduler is not None:
        known = scheduler(owner)
    return silence(heartbeat) <= orphan_after if known is None else known


def silence(heartbeat: Path) -> float:
    """Seconds since the file was last touched, by the clock of its file system; infinite where there is none."""
    try:
        touched = heartbeat.stat().st_mtime
    except OSError:
        return float("inf")
    probe = heartbeat.with_name(f".clock-{uuid4().hex}")  # the clocks of two machines may differ by minutes
    try:
        probe.touch()
        return probe.stat().st_mtime - touched
    finally:
        probe.unlink(missing_ok=True)


def _started(pid: int) -> float | None:
    """When the process with that number began; None where there is none, or only what is left of one."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _runs(pid: int, begun: float) -> bool:
    started = _started(pid)
    return started is not None and abs(started - begun) < 1.0  # the boot time it is counted from is rounded


@cache
def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no such thing outside of Linux
        return ""
