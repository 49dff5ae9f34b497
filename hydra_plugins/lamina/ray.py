"""`hydra/launcher=ray`: workers as tasks of a Ray cluster, or a task for each trial (docs/clusters.md).

No postponed annotations: Hydra runs the module before it is in `sys.modules`, where dataclasses would look them up.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.lamina.launchers import CarryingLauncher

if TYPE_CHECKING:
    from compiler.runtime.sweep.sweep import Sweep


@dataclass
class RayLauncherConf:
    """The fields and defaults of `RaySettings`, which checks them: a test holds the two together."""

    _target_: str = "hydra_plugins.lamina.ray.RayLauncher"
    mode: Any = "pull"
    workers: Any = None
    trials_per_worker: Any = 50
    poll: Any = 1.0
    resources: Any = None
    address: Any = "local"
    num_cpus: Any = 1.0
    num_gpus: Any = 0.0
    memory_gb: Any = None


class RayLauncher(CarryingLauncher):
    """Workers, or a task for each trial, on Ray.

    Args:
        values: the fields of `RaySettings`.
    """

    def __init__(self, **values: Any) -> None:
        self.values = values

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from compiler.runtime.cli import reporting_faults
        from compiler.runtime.sweep.engines.carrying import ray_settings

        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        with reporting_faults():
            self.settings = ray_settings(self.values, list(config.hydra.overrides.hydra))

    def carry(self, sweep: "Sweep") -> None:
        from compiler.runtime.sweep.engines.carrying import on_ray

        on_ray(sweep, self.settings)


ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayLauncherConf, provider="lamina")
