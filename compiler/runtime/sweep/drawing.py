"""From a sweep's definition to what Optuna draws and prunes with. Optuna is imported with this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.samplers.seeded import Seeded
from compiler.runtime.sweep.space import Parameter, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def sampler_of(definition: Definition) -> Seeded:
    """What draws the sweep's trials, each from the seed and its number."""
    search = definition.search
    planned = search.n_trials or len(definition.space)
    return Seeded(search.method, search.seed, _Seen.of(definition.space), planned)


@dataclass(frozen=True)
class _SeenParameter:
    """A parameter as a method asks about it."""

    parameter: Parameter

    @property
    def key(self) -> str:
        return self.parameter.key

    @property
    def only(self) -> Mapping[str, tuple[str, ...]]:
        return {condition.parent: condition.texts for condition in self.parameter.only}

    def distribution(self) -> BaseDistribution:
        return self.parameter.distribution()


@dataclass(frozen=True)
class _Seen:
    """A space as a method asks about it: parents before their children."""

    parameters: tuple[_SeenParameter, ...]

    @classmethod
    def of(cls, space: Space) -> _Seen:
        return cls(tuple(_SeenParameter(parameter) for parameter in space.ordered))
