"""`hydra/launcher=slurm`: workers as a job array, or a job for each trial (docs/clusters.md).

No postponed annotations: Hydra runs the module before it is in `sys.modules`, where dataclasses would look them up.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.lamina.launchers import CarryingLauncher

if TYPE_CHECKING:
    from compiler.runtime.sweep.sweep import Sweep


@dataclass
class SlurmLauncherConf:
    """The fields and defaults of `SlurmSettings`, which checks them: a test holds the two together."""

    _target_: str = "hydra_plugins.lamina.slurm.SlurmLauncher"
    mode: Any = "pull"
    workers: Any = 4
    trials_per_worker: Any = 50
    poll: Any = 10.0
    resources: Any = None
    wait: Any = True
    partition: Any = None
    account: Any = None
    qos: Any = None
    constraint: Any = None
    exclude: Any = None
    job_name: Any = "lamina"
    timeout_min: Any = 60
    cpus_per_task: Any = 1
    mem_gb: Any = None
    gpus: Any = None
    array_parallelism: Any = None
    signal_delay_s: Any = 120
    requeues: Any = 100
    setup: Any = field(default_factory=list)
    sbatch: Any = None


class SlurmLauncher(CarryingLauncher):
    """Workers, or a job for each trial, on SLURM.

    Args:
        values: the fields of `SlurmSettings`.
    """

    def __init__(self, **values: Any) -> None:
        self.values = values

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from compiler.runtime.cli import reporting_faults
        from compiler.runtime.sweep.engines.carrying import slurm_settings

        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        with reporting_faults():
            self.settings = slurm_settings(self.values, list(config.hydra.overrides.hydra))

    def carry(self, sweep: "Sweep") -> None:
        from compiler.runtime.sweep.engines.carrying import on_slurm

        on_slurm(sweep, self.settings)


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="lamina")
