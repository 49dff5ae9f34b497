"""What `hydra/launcher=slurm` and `ray` take, typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from compiler.errors import ConfigError, Fault, Place, shown
from compiler.runtime.sweep.settings import Mapped, strings
from compiler.settings import (
    Annotation,
    Bool,
    InvalidSettings,
    MaybePositiveInt,
    MaybePositiveNumber,
    MaybeStr,
    NonNegativeInt,
    NonNegativeNumber,
    PositiveInt,
    PositiveNumber,
    S,
    Settings,
    Str,
    field_error,
    validate,
)
from compiler.spec.overrides import override_place, parsed

MODES = ("pull", "job")


def _check_mode(value: object, name: str) -> object:
    if value not in MODES:
        hint = "pull: workers that take trial after trial; job: a job for each trial"
        raise field_error("E117", f"{name!r} must be pull or job (got {shown(value)})", hint)
    return value


Mode = Annotated[Literal["pull", "job"], Annotation(_check_mode, lambda: {"enum": list(MODES)})]
Lines = Annotated[tuple[str, ...], strings("shell lines")]


class EngineSettings(Settings):
    """What both engines take.

    Fields:
        mode: `pull`: workers that take trial after trial from the study; `job`: a job for each trial.
        workers: pools that pull, or jobs at once.
        trials_per_worker: after which a pool replaces its worker's process.
        poll: seconds between two looks at the jobs.
        resources: of a job, over what all have: a number, an expression of the trial's plan
            (`"$2 + params * 16e-9"`), or numbers by the values of one of its parameters. For `mode=job`.
    """

    mode: Mode = "pull"
    workers: PositiveInt = 4
    trials_per_worker: PositiveInt = 50
    poll: PositiveNumber = 10.0
    resources: Mapped = Field(default_factory=dict)


class SlurmSettings(EngineSettings):
    """`hydra/launcher=slurm`. What is null is the cluster's default.

    Fields:
        wait: false: submit the array and leave; its workers need nobody. For `mode=pull`.
        partition, account, qos, constraint, exclude: as `sbatch` takes them.
        job_name: in `squeue`.
        timeout_min: of a job. One that reaches it gives its trial back and is queued again.
        cpus_per_task, mem_gb, gpus: of a job.
        array_parallelism: tasks of the array that may run at once; null: all.
        signal_delay_s: how long before its end a job is told to write a checkpoint.
        requeues: how often a job may reach its time.
        setup: shell lines before it starts (`module load cuda`).
        sbatch: further options of `sbatch`, without their dashes: `{reservation: night}`.
    """

    wait: Bool = True
    partition: MaybeStr = None
    account: MaybeStr = None
    qos: MaybeStr = None
    constraint: MaybeStr = None
    exclude: MaybeStr = None
    job_name: Str = "lamina"
    timeout_min: PositiveInt = 60
    cpus_per_task: PositiveInt = 1
    mem_gb: MaybePositiveNumber = None
    gpus: MaybePositiveInt = None
    array_parallelism: MaybePositiveInt = None
    signal_delay_s: PositiveInt = 120
    requeues: NonNegativeInt = 100
    setup: Lines = ()
    sbatch: Mapped = Field(default_factory=dict)


class RaySettings(EngineSettings):
    """`hydra/launcher=ray`.

    Fields:
        poll: asking Ray costs little.
        address: `local` starts Ray on this machine for as long as the sweep runs; `auto` finds the cluster that this
            machine belongs to; or `HOST:PORT`.
        num_cpus, num_gpus, memory_gb: that a pool reserves.
        workers: null: as many as the cluster has processors for.
    """

    workers: MaybePositiveInt = None
    poll: PositiveNumber = 1.0
    address: Str = "local"
    num_cpus: PositiveNumber = 1.0
    num_gpus: NonNegativeNumber = 0.0
    memory_gb: MaybePositiveNumber = None


def read_launcher(cls: type[S], name: str, values: Mapping[str, object], overrides: Sequence[str]) -> S:
    """The settings of `hydra/launcher=name`.

    Args:
        overrides: of which some may have given them, as places of faults.

    Raises:
        ConfigError: with all that is wrong.
    """
    try:
        return validate(cls, values, subject=f"hydra/launcher={name}")
    except InvalidSettings as error:
        faults = [
            Fault(problem.code, problem.message, launcher_place(str(problem.path[0]), overrides), problem.hint)
            for problem in error.problems
        ]
        raise ConfigError(faults) from None


def launcher_place(key: str, overrides: Sequence[str]) -> Place | None:
    """The override that says `hydra.launcher.KEY`, or a part of it; None where a file does."""
    own = f"hydra.launcher.{key}"
    for override in reversed(parsed(overrides)):
        if (override.key_or_group or "") == own or (override.key_or_group or "").startswith(f"{own}."):
            return override_place(override)
    return None
