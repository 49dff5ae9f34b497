"""SLURM: pools as a job array or single jobs, submitted through submitit; `squeue` and `sacct` tell how they are."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from compiler.errors import ConfigError, Fault
from compiler.runtime.sweep.engines.engine import Engine, Job, PoolCommand, Resources, Stage
from compiler.runtime.sweep.engines.task import Task

if TYPE_CHECKING:
    from compiler.runtime.sweep.engines.settings import SlurmSettings
    from compiler.runtime.sweep.folder import SweepFolder
    from compiler.runtime.sweep.owners import Owner

FOLDER = "slurm"
"""Below the sweep's: scripts, what submitit passes to its jobs, and what they print."""

_QUEUED = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT")
_RUNNING = ("RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED")
_PICKLE = re.compile(r"^(\d+(?:_\d+)?)_submitted\.pkl$")
_PATIENCE = 60  # seconds that a command of SLURM's may take


class Slurm(Engine):
    """Jobs of this sweep in SLURM.

    What submitit leaves in `FOLDER` is the record of what was submitted: whoever comes back finds the jobs of before.
    """

    name: ClassVar[str] = "slurm"
    lasting: ClassVar[bool] = True

    def __init__(self, folder: SweepFolder, settings: SlurmSettings) -> None:
        self._folder, self._settings = folder.root.absolute() / FOLDER, settings
        self._known: dict[str, Job] = {}

    def submit(self, commands: Sequence[PoolCommand], resources: Resources, trial: int | None = None) -> None:
        import submitit

        try:
            executor = submitit.SlurmExecutor(
                self._folder / ("pull" if trial is None else f"{trial:05d}"), max_num_timeout=self._settings.requeues
            )
            executor.update_parameters(**self._parameters(resources, len(commands)))
            with _outside_of_jobs():
                executor.submit_array([Task(command) for command in commands])
        except (RuntimeError, OSError) as error:
            raise _refused(error) from None

    def jobs(self) -> Sequence[Job]:
        submitted = {job.id: job for job in self._submitted()}
        told = _squeue()
        if told is None:  # it does not answer: nobody is dead for that
            return [replace(self._known.get(id, job), stage="unknown") for id, job in submitted.items()]
        over = {id for id, job in self._known.items() if job.over}
        silent = [id for id in submitted if id not in told and id not in over]
        told |= _sacct(silent)
        for id, job in submitted.items():
            if id in told:
                word, restarts = told[id]
                self._known[id] = replace(job, stage=_stage(word), word=word, restarts=restarts)
            elif id not in over:
                self._known[id] = replace(job, stage="ended", word="forgotten by SLURM")
        return [self._known[id] for id in submitted]

    def alive(self, owner: Owner) -> bool | None:
        engine, _, rest = (owner.job or "").partition(":")
        id, _, restarts = rest.partition("/")
        job = self._known.get(id)
        if engine != self.name or job is None or job.stage == "unknown":
            return None
        return job.stage == "running" and job.restarts <= int(restarts or 0)

    def stop(self) -> None:
        queued = [job.id for job in self.jobs() if job.stage == "queued"]
        if queued:
            _lines(["scancel", *queued])

    def follow(self) -> str:
        return f"squeue --me shows the jobs; they print to {self._folder}"

    def _parameters(self, resources: Resources, count: int) -> dict[str, Any]:
        """What submitit calls them."""
        own = self._settings
        given: dict[str, object] = {
            "job_name": own.job_name,
            "partition": own.partition,
            "account": own.account,
            "qos": own.qos,
            "constraint": own.constraint,
            "exclude": own.exclude,
            "time": resources.get("timeout_min", own.timeout_min),
            "cpus_per_task": resources.get("cpus_per_task", own.cpus_per_task),
            "gpus_per_node": resources.get("gpus", own.gpus),
            "mem": _memory(resources.get("mem_gb", own.mem_gb)),
            "array_parallelism": own.array_parallelism or count,
            "signal_delay_s": own.signal_delay_s,
            "setup": list(own.setup) or None,
            "additional_parameters": {"requeue": True, **own.sbatch},
        }
        return {name: value for name, value in given.items() if value is not None}

    def _submitted(self) -> Iterator[Job]:
        for path in sorted(self._folder.glob("*/*_submitted.pkl")):
            if found := _PICKLE.match(path.name):
                trial = int(path.parent.name) if path.parent.name.isdigit() else None
                yield Job(found[1], trial, log=path.with_name(f"{found[1]}_0_log.err"))


def _memory(gigabytes: Any) -> str | None:
    return None if gigabytes is None else f"{max(1, round(gigabytes * 1024))}MB"


def _stage(word: str) -> Stage:
    return "queued" if word in _QUEUED else "running" if word in _RUNNING else "ended"


def _squeue() -> dict[str, tuple[str, int]] | None:
    """State and restarts of all the user's jobs that SLURM still holds; None where it does not answer."""
    form = "JobArrayID:|,State:|,RestartCnt:|"
    lines = _lines(["squeue", f"--user={getpass.getuser()}", "--array", "--noheader", "--states=all", "-O", form])
    if lines is None:
        return None
    rows = (line.split("|") for line in lines if line.count("|") >= 3)
    return {id.strip(): (state.strip(), int(restarts or 0)) for id, state, restarts, *_ in rows}


def _sacct(ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """The same of jobs that SLURM has dropped from its memory, where there is accounting."""
    if not ids or not shutil.which("sacct"):
        return {}
    lines = _lines(["sacct", "-X", "--noheader", "--parsable2", "--format=JobID,State", "--jobs", ",".join(ids)])
    rows = (line.partition("|") for line in lines or [])
    return {id: (state.split()[0], 0) for id, _, state in rows if state}


def _lines(command: list[str]) -> list[str] | None:
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.splitlines()


@contextmanager
def _outside_of_jobs() -> Iterator[None]:
    """Without what a job's environment would ask of a job submitted from it; where SLURM is stays."""
    found = [name for name in os.environ if name.startswith(("SLURM_", "SRUN_", "SUBMITIT_")) and name != "SLURM_CONF"]
    inside = {name: os.environ.pop(name) for name in found} if "SLURM_JOB_ID" in found else {}
    try:
        yield
    finally:
        os.environ.update(inside)


def _refused(error: Exception) -> ConfigError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return no_slurm(next((line for line in lines if "error" in line.lower()), lines[-1] if lines else repr(error)))


def no_slurm(why: str) -> ConfigError:
    """E840: SLURM takes no job."""
    hint = "hydra/launcher=local runs the same sweep on this machine"
    return ConfigError([Fault("E840", f"SLURM takes no job: {why}", hint=hint)])
