"""What runs inside a SLURM job: submitit calls it, and asks it to stop before the job is taken away."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compiler.runtime.sweep.engines.engine import PoolCommand

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

GIVEN_BACK = 75
"""EX_TEMPFAIL: the pool was asked to stop, and its trial waits with its checkpoint."""

_PATIENCE = 60  # seconds that a command of SLURM's may take


@dataclass
class Task:
    """A pool as a process of its own, which outlives no signal and no end of its job.

    SLURM sends its signals to all processes of a job. SIGUSR2, which submitit asks for some time before the end, is
    ignored by the pool: submitit calls `checkpoint`, which ends the pool with SIGTERM and waits until its trial is
    given back. SIGTERM the pool and its worker take themselves, and submitit leaves it to them; where it was no
    `scancel` but a pre-emption that announces itself so, the job asks to be queued again.
    """

    command: PoolCommand
    _pid: int | None = field(default=None, init=False, repr=False)

    def __call__(self) -> int:
        """Run the pool.

        Returns:
            Its exit status: 0, or 75 where it gave its trial back.

        Raises:
            RuntimeError: it failed, so that the scheduler counts the job among the failed.
        """
        process = subprocess.Popen(
            self.command.named(job_name()),
            cwd=self.command.directory,
            env={**os.environ, **self.command.environment(int(os.environ.get("SLURM_CPUS_PER_TASK", 0)))},
            stdin=subprocess.PIPE,  # it ends when this process does
            preexec_fn=_ignore_usr2,  # no thread but this one
        )
        self._pid = process.pid
        status = process.wait()
        self._pid = None
        if status not in (0, GIVEN_BACK):
            raise RuntimeError(f"the pool ended with status {status}")
        if status == GIVEN_BACK and _goes_on():
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False, timeout=_PATIENCE)
        return status

    def checkpoint(self) -> DelayedSubmission:
        """End the pool once its trial is given back; the same anew is what goes on after a requeue."""
        from submitit.helpers import DelayedSubmission

        if self._pid is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGTERM)
                # not Popen.wait, which the interrupted one above holds the lock of
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(Task(self.command))

    def __getstate__(self) -> dict[str, Any]:
        return {"command": self.command, "_pid": None}


def job_name() -> str:
    """What owners call this job: `slurm:12_3/0`, the last number how often it was started again."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    number = f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
    return f"slurm:{number}/{os.environ.get('SLURM_RESTART_COUNT', 0)}"


def _goes_on() -> bool:
    """Whether SLURM still means the job to run: it was asked to stop, and not cancelled."""
    command = ["squeue", "--noheader", "--jobs", os.environ["SLURM_JOB_ID"], "--format=%T"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return False
    return told.stdout.strip() == "RUNNING"


def _ignore_usr2() -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
