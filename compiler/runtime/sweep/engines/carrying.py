"""A sweep carried out by an engine, in either of its two forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shutil import which
from typing import TYPE_CHECKING

from compiler.errors import ConfigError, Fault
from compiler.runtime.extras import require
from compiler.runtime.sweep.engines.handing import hand_out
from compiler.runtime.sweep.engines.pulling import pull
from compiler.runtime.sweep.engines.ray import RayCluster
from compiler.runtime.sweep.engines.resources import check_resources
from compiler.runtime.sweep.engines.settings import RaySettings, SlurmSettings, launcher_place, read_launcher
from compiler.runtime.sweep.engines.slurm import Slurm, no_slurm
from compiler.runtime.sweep.engines.watching import Watch

if TYPE_CHECKING:
    from compiler.runtime.sweep.engines.engine import Engine
    from compiler.runtime.sweep.engines.settings import EngineSettings
    from compiler.runtime.sweep.sweep import Sweep

SLURM_RESOURCES = ("cpus_per_task", "gpus", "mem_gb", "timeout_min")
RAY_RESOURCES = ("memory_gb", "num_cpus", "num_gpus")


def slurm_settings(values: Mapping[str, object], overrides: Sequence[str]) -> SlurmSettings:
    """The launcher's configuration, checked before a sweep begins.

    Args:
        values: as Hydra composed them.
        overrides: those that may have given them, for the places of faults.

    Raises:
        ConfigError: faults of the configuration; E808, submitit is missing; E840, SLURM is; E841, resources.
    """
    settings = read_launcher(SlurmSettings, "slurm", values, overrides)
    check_resources(settings.resources, SLURM_RESOURCES, settings.mode, overrides)
    if settings.mode == "job" and not settings.wait:
        message = "wait=false is for mode=pull: what hands out a job for each trial has to stay"
        hint = "mode=pull, or the whole command as a job of its own"
        raise ConfigError([Fault("E107", message, launcher_place("wait", overrides), hint)])
    require(["submitit"], "slurm", "hydra/launcher=slurm")
    if not which("sbatch"):
        raise no_slurm("there is no sbatch on this machine")
    return settings


def on_slurm(sweep: Sweep, settings: SlurmSettings) -> None:
    """Carry out a sweep on SLURM; with `wait=false`, have it begin.

    Raises:
        ConfigError: E840, the cluster does not carry the sweep; E841, resources of a trial.
        Interrupted: E807, a signal came.
    """
    engine = Slurm(sweep.folder, settings)
    if _carry(sweep, engine, settings, settings.workers, settings.wait):
        engine.stop()
    else:
        text = f"the workers are queued, and need nobody: {engine.follow()}"
        sweep.console.print(text, markup=False, highlight=False, soft_wrap=True)


def ray_settings(values: Mapping[str, object], overrides: Sequence[str]) -> RaySettings:
    """The same for Ray. Arguments and errors as of `slurm_settings`."""
    settings = read_launcher(RaySettings, "ray", values, overrides)
    check_resources(settings.resources, RAY_RESOURCES, settings.mode, overrides)
    require(["ray"], "ray", "hydra/launcher=ray")
    return settings


def on_ray(sweep: Sweep, settings: RaySettings) -> None:
    """Carry out a sweep on a Ray cluster. Errors as of `on_slurm`."""
    with RayCluster(sweep.folder, settings) as engine:
        _carry(sweep, engine, settings, settings.workers or engine.processors)


def _carry(sweep: Sweep, engine: Engine, settings: EngineSettings, workers: int, wait: bool = True) -> bool:
    """Whether no trial is open at the end."""
    watch = Watch(sweep.study, engine, settings.poll, sweep.board.update, workers)
    if settings.mode == "pull":
        return pull(watch, settings.trials_per_worker, wait)
    from compiler.runtime.sweep.composer import Composer

    hand_out(watch, Composer.for_folder(sweep.folder), settings.resources)
    return True
