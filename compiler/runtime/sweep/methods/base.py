"""What a search method is: settings, and the Optuna sampler that they make."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from compiler.runtime.training.named import Named

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Method(Named, family="search method"):
    """Abstract: how the next point is drawn."""

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Optuna's sampler, seeded.

        Raises:
            ConfigError: E808, its package is not installed.
        """
