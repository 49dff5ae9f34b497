"""The space of a sweep: its parameters, and the points that a trial, a grid or a user makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from compiler.errors import ConfigError, Diagnostics, Fault, Place, did_you_mean, shown
from compiler.runtime.sweep.domains import Domain, Interval, Value

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class Condition:
    """A parameter exists only where `parent` has one of `texts`, as its overrides say them."""

    parent: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """What differs between the trials of a sweep.

    Attributes:
        key: what an override calls it, such as `train.optimizer.learning_rate` or `model`.
        domain: its values.
        place: where the user wrote it.
        only: the conditions under which it exists; all must hold.
        prefix: `+` or `++` where its overrides add a key.
    """

    key: str
    domain: Domain
    place: Place | None = None
    only: tuple[Condition, ...] = ()
    prefix: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """All values as overrides say them; none of an interval."""
        return self.domain.texts

    def distribution(self) -> BaseDistribution:
        """Optuna's distribution: categorical over the texts of choices, integers or floats of ranges and intervals."""
        return self.domain.distribution()

    def override(self, value: object) -> str:
        """The override that gives it `value`."""
        return f"{self.prefix}{self.key}={self.domain.text(value)}"


@dataclass(frozen=True)
class Space:
    """The parameters of a sweep, in the order of its grid: the last one changes first."""

    parameters: tuple[Parameter, ...] = ()

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    @cached_property
    def by_key(self) -> Mapping[str, Parameter]:
        """The parameters by their keys."""
        return {parameter.key: parameter for parameter in self.parameters}

    @cached_property
    def ordered(self) -> tuple[Parameter, ...]:
        """The parameters, each behind those on which it depends."""
        done: dict[str, Parameter] = {}

        def visit(parameter: Parameter) -> None:
            if parameter.key not in done:
                for condition in parameter.only:
                    visit(self.by_key[condition.parent])
                done[parameter.key] = parameter

        for parameter in self.parameters:
            visit(parameter)
        return tuple(done.values())

    def exists(self, parameter: Parameter, values: Mapping[str, Value]) -> bool:
        """Whether `parameter` exists beside the `values` of those on which it depends."""
        return all(self._holds(condition, values) for condition in parameter.only)

    def _holds(self, condition: Condition, values: Mapping[str, Value]) -> bool:
        value = values.get(condition.parent)
        return value is not None and self.by_key[condition.parent].domain.text(value) in condition.texts

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distributions by key."""
        return {parameter.key: parameter.distribution() for parameter in self.parameters}

    def draw(self, trial: Trial) -> dict[str, Value]:
        """The values that the sampler gives to `trial`: of those parameters that exist beside each other."""
        values: dict[str, Value] = {}
        for parameter in self.ordered:
            if self.exists(parameter, values):
                values[parameter.key] = parameter.domain.suggest(trial, parameter.key)
        return values

    def overrides(self, values: Mapping[str, Value]) -> list[str]:
        """The overrides of a point, in the order of the parameters."""
        return [parameter.override(values[parameter.key]) for parameter in self.parameters if parameter.key in values]

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every point once, in the order of Hydra's own sweeps; nothing is enumerated before it is asked for.

        Raises:
            ConfigError: E654, an interval cannot be enumerated.
        """
        faults = [_not_enumerable(parameter) for parameter in self.parameters if isinstance(parameter.domain, Interval)]
        if faults:
            raise ConfigError(faults)
        return self._points(0, {})

    def _points(self, depth: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if depth == len(self.ordered):
            yield dict(values)
            return
        parameter = self.ordered[depth]
        if not self.exists(parameter, values):
            yield from self._points(depth + 1, values)
            return
        for value in parameter.domain.values():
            yield from self._points(depth + 1, {**values, parameter.key: value})

    def parse(self, values: Mapping[str, object], place: Place | None = None) -> dict[str, Value]:
        """A point that a user gives, by keys of parameters; those that are left out are for the sampler to draw.

        Args:
            values: each what an override would say, as its text or as what that stands for.
            place: where the point was written.

        Raises:
            ConfigError: E653, a key is no parameter, a value is none of its parameter's, or it does not exist there.
        """
        diagnostics = Diagnostics()
        found: dict[str, Value] = {}
        for key, given in values.items():
            parameter = self.by_key.get(key.lstrip("+"))
            if parameter is None:
                hint = did_you_mean(key, self.by_key) or f"the sweep has {', '.join(self.by_key) or 'no parameters'}"
                diagnostics.report("E653", f"{key!r} is no parameter of the sweep", place, hint=hint)
                continue
            value = parameter.domain.find(given)
            if value is None:
                message = f"{parameter.key!r} cannot be {shown(given)} here"
                diagnostics.report("E653", message, place, hint=f"it is one of {_described(parameter)}")
                continue
            found[parameter.key] = value
        for parameter in self.parameters:
            excluding = next((c for c in parameter.only if c.parent in found and not self._holds(c, found)), None)
            if parameter.key in found and excluding:
                given = f"{excluding.parent}={found[excluding.parent]}"
                message = f"{parameter.key!r} does not exist where {given}"
                diagnostics.report("E653", message, place, hint="leave it out; see search.conditions")
        diagnostics.raise_errors()
        return found


def _described(parameter: Parameter, limit: int = 8) -> str:
    texts = parameter.texts
    if not texts:
        return str(parameter.domain)
    return ", ".join(texts[:limit]) + (f", ... ({len(texts)} of them)" if len(texts) > limit else "")


def _not_enumerable(parameter: Parameter) -> Fault:
    message = f"a grid cannot enumerate {parameter.key!r}, which is {parameter.domain}"
    return Fault(
        "E654", message, parameter.place, hint="search=tpe or search=random draws from it; or choice(), range()"
    )
