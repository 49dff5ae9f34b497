"""What ends a trial early, by the names that `search.pruner` takes: Optuna's pruners."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from compiler.runtime.training.named import Named
from compiler.settings import NonNegativeInt

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class Pruner(Named, family="pruner"):
    """Abstract: which trials are not worth going on with."""

    @abstractmethod
    def pruner(self) -> BasePruner:
        """Optuna's pruner."""


class Keep(Pruner, aliases=("none",)):
    """Every trial runs to its end."""

    def pruner(self) -> BasePruner:
        from optuna.pruners import NopPruner

        return NopPruner()


class Median(Pruner):
    """A trial ends when its best value so far is worse than the median of the others' at that epoch.

    Fields:
        n_startup_trials: finished before any trial is pruned.
        n_warmup_steps: epochs in which no trial is pruned.
    """

    n_startup_trials: NonNegativeInt = 5
    n_warmup_steps: NonNegativeInt = 0

    def pruner(self) -> BasePruner:
        from optuna.pruners import MedianPruner

        return MedianPruner(self.n_startup_trials, self.n_warmup_steps)
