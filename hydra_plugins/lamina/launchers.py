"""`hydra/launcher=local`: workers on this machine.

A launcher of ours has `carry`, which carries out all trials of a sweep, besides what Hydra asks of a launcher.

No postponed annotations: Hydra runs the module before it is in `sys.modules`, where dataclasses would look them up.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from compiler.runtime.sweep.sweep import Sweep


@dataclass
class LocalLauncherConf:
    """Workers (null: one a core), and trials after which one is replaced: its memory grows a little by each."""

    _target_: str = "hydra_plugins.lamina.launchers.LocalLauncher"
    workers: int | None = None
    trials_per_worker: int = 50


class CarryingLauncher(Launcher):
    """Abstract: carries out a sweep of `hydra/sweeper=lamina` whole, and no single jobs for another sweeper."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config

    @abstractmethod
    def carry(self, sweep: "Sweep") -> None:
        """Carry out all open trials.

        Raises:
            Interrupted: E807, a signal stopped it; the sweep can go on.
        """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from compiler.errors import ConfigError, Fault
        from compiler.runtime.cli import reporting_faults

        name = self.config.hydra.runtime.choices["hydra/launcher"]
        with reporting_faults():
            message = f"hydra/launcher={name} carries out sweeps of hydra/sweeper=lamina alone"
            raise ConfigError([Fault("E830", message, hint="hydra/launcher=basic with other sweepers")])


class LocalLauncher(CarryingLauncher):
    """A pool of warm worker processes on this machine.

    Args:
        workers: None for one a core.
        trials_per_worker: after which a worker is replaced.
    """

    def __init__(self, workers: int | None = None, trials_per_worker: int = 50) -> None:
        self.workers, self.trials_per_worker = workers, trials_per_worker

    def carry(self, sweep: "Sweep") -> None:
        from compiler.runtime.sweep.pool import Pool

        Pool(sweep.folder, self.workers, self.trials_per_worker).run(sweep.board.update)


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConf, provider="lamina")
