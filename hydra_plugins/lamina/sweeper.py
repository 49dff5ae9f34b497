"""`hydra/sweeper=lamina`: what `python train.py -m` runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class LaminaSweeperConf:
    """`params` are parameters in Hydra's sweep grammar, as its own sweepers take them."""

    _target_: str = "hydra_plugins.lamina.sweeper.LaminaSweeper"
    params: dict[str, Any] = field(default_factory=dict)


class LaminaSweeper(Sweeper):
    """Trials drawn by a search method and carried out by a launcher; `compiler.runtime.sweep` has all of it."""

    def __init__(self, params: dict[str, Any] | None = None) -> None:
        self.params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> float | None:
        """Carry out the sweep; the best value, or None where there is none or several are optimised."""
        from compiler.runtime.sweep.sweep import run_sweep

        assert self.config is not None, "Hydra calls `setup` first"
        return run_sweep(list(arguments), self.config, self.launcher)


ConfigStore.instance().store(group="hydra/sweeper", name="lamina", node=LaminaSweeperConf, provider="lamina")
