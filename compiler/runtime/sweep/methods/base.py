"""What a search method is: settings, and the Optuna sampler that they make for one trial."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from compiler.runtime.training.named import Named

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.search_space import IntersectionSearchSpace

    from compiler.runtime.sweep.space import Space


@dataclass(frozen=True)
class Draw:
    """One trial that is to be drawn.

    Attributes:
        search_seed: `search.seed`, the same for all trials.
        number: the trial's.
        space: all parameters, those under a condition too.
        n_trials: how many the sweep is planned to have.
        common: finds the parameters that all finished trials have; the same one for all draws of a process, for it
            remembers those that it has seen.
    """

    search_seed: int
    number: int
    space: Space
    n_trials: int
    common: IntersectionSearchSpace

    @property
    def seed(self) -> int:
        """The trial's own seed, 32 bits: no two trials of a sweep share a stream of random numbers."""
        import numpy as np

        return int(np.random.SeedSequence([self.search_seed, self.number]).generate_state(1)[0])

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """By key, those under a condition too, without such as have one value only."""
        return {key: d for key, d in self.space.distributions().items() if not d.single()}

    @property
    def conditional(self) -> bool:
        """Whether any parameter exists only under a condition."""
        return any(parameter.only for parameter in self.space.parameters)


class Method(Named, family="search method"):
    """Abstract: how the next point is drawn.

    Class attributes:
        several: whether it optimises several objectives.
        extra: of Lamina, that brings what it needs.
    """

    several: ClassVar[bool] = False
    extra: ClassVar[str] = ""

    @property
    def packages(self) -> tuple[str, ...]:
        """What it needs besides Lamina's own dependencies, as it is imported."""
        return ()

    @abstractmethod
    def sampler(self, draw: Draw) -> BaseSampler:
        """Optuna's sampler for one trial. All that it knows of others it must read from the study."""
