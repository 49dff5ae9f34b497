"""What a parameter's values are: choices, a range or an interval, each with its Optuna distribution.

A choice's value is its text in an override, because Optuna's categories are scalars and Hydra's choices need not be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

Value = str | int | float
"""A parameter's value as Optuna keeps it: the text of a choice, or a number."""


@dataclass(frozen=True)
class Choices:
    """Values without an order, by the texts that stand for them in an override."""

    texts: tuple[str, ...]

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.texts)

    def suggest(self, trial: Trial, name: str) -> Value:
        return trial.suggest_categorical(name, self.texts)

    def values(self) -> Iterator[Value]:
        """All of them, in the order of a grid."""
        return iter(self.texts)

    def text(self, value: object) -> str:
        """How an override says `value`."""
        return str(value)

    def find(self, given: object) -> Value | None:
        """The value that a user means by `given`, its text or what that stands for; None where it is none."""
        matching = [text for text, read in self._read.items() if _same(read, given)]
        return next(iter(matching), given if isinstance(given, str) and given in self.texts else None)

    def find_text(self, text: str) -> Value:
        """The value that `text` stands for."""
        return text

    @cached_property
    def _read(self) -> dict[str, object]:
        return {text: read_text(text) for text in self.texts}

    @property
    def source(self) -> str:
        """What an override says of them all: no `choice()`, which takes no null; a value alone stands twice."""
        return ",".join(self.texts if len(self.texts) > 1 else self.texts * 2)

    def __str__(self) -> str:
        return f"choice({','.join(self.texts)})"


@dataclass(frozen=True)
class Range:
    """Numbers at equal distances.

    Attributes:
        numbers: all of them, in the order of a grid; a negative step goes down.
        step: their distance, positive.
        source: what an override says of them all.
        log: whether they are drawn by their logarithm.
    """

    numbers: tuple[int, ...] | tuple[float, ...]
    step: int | float
    source: str
    log: bool = False

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        low, high = min(self.numbers), max(self.numbers)
        if isinstance(low, int):
            return IntDistribution(low, int(high), log=self.log, step=int(self.step))
        if self._even:
            return FloatDistribution(low, high, step=self.step)
        return CategoricalDistribution(self.numbers)

    def suggest(self, trial: Trial, name: str) -> Value:
        low, high = min(self.numbers), max(self.numbers)
        if isinstance(low, int):
            return trial.suggest_int(name, low, int(high), step=int(self.step), log=self.log)
        if self._even:
            return trial.suggest_float(name, low, high, step=self.step)
        return trial.suggest_categorical(name, self.numbers)

    def values(self) -> Iterator[Value]:
        """All of them, in the order of a grid."""
        return iter(self.numbers)

    def text(self, value: object) -> str:
        """How an override says `value`, or the number next to it: Optuna's sums round in their own way."""
        assert isinstance(value, (int, float)), "Optuna gives numbers"
        return str(min(self.numbers, key=lambda number: abs(number - value)))

    def find(self, given: object) -> Value | None:
        """The number that a user means by `given`; None where it is none of them."""
        number = _number(given)
        if number is None:
            return None
        near = min(self.numbers, key=lambda other: abs(other - number))
        return near if math.isclose(near, number, rel_tol=1e-9, abs_tol=abs(self.step) * 1e-9) else None

    def find_text(self, text: str) -> Value:
        """The value that `text` stands for."""
        return next(number for number in self.numbers if str(number) == text)

    @property
    def _even(self) -> bool:
        """Whether Optuna's arithmetic, which is decimal, comes to the same highest number."""
        from decimal import Decimal

        low, high = Decimal(str(min(self.numbers))), Decimal(str(max(self.numbers)))
        return (high - low) % Decimal(str(self.step)) == 0

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(str(number) for number in self.numbers)

    def __str__(self) -> str:
        return f"one of {len(self.numbers)} numbers from {min(self.numbers)} to {max(self.numbers)}"


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, both included; integers where they are integers."""

    low: int | float
    high: int | float
    log: bool = False

    texts = ()

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        if isinstance(self.low, int):
            return IntDistribution(self.low, int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def suggest(self, trial: Trial, name: str) -> Value:
        if isinstance(self.low, int):
            return trial.suggest_int(name, self.low, int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def values(self) -> Iterator[Value]:
        raise TypeError("an interval cannot be enumerated")

    def text(self, value: object) -> str:
        """How an override says `value`."""
        return str(value)

    def find(self, given: object) -> Value | None:
        """The number that a user means by `given`; None where it is outside."""
        number = _number(given)
        if number is None or not self.low <= number <= self.high:
            return None
        if isinstance(self.low, int):
            return int(number) if number == int(number) else None
        return float(number)

    def find_text(self, text: str) -> Value:
        """The value that `text` stands for."""
        return int(text) if isinstance(self.low, int) else float(text)

    @property
    def source(self) -> str:
        """What an override says of them all."""
        text = f"interval({self.low},{self.high})"
        text = f"int({text})" if isinstance(self.low, int) else text
        return f"tag(log,{text})" if self.log else text

    def __str__(self) -> str:
        return self.source


Domain = Choices | Range | Interval


def read_text(text: str) -> object:
    """What a value's text means in an override; the text itself where Hydra cannot read it."""
    try:
        return OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        return text


def _same(value: object, given: object) -> bool:
    """Equal, and both or neither a truth value: `1` is not `true`."""
    return value == given and isinstance(value, bool) == isinstance(given, bool)


def _number(given: object) -> int | float | None:
    value = read_text(given) if isinstance(given, str) else given
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
