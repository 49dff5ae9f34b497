"""Values of a parameter as numbers in [0, 1], equally likely where a random search draws them equally often."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution


def from_unit(distribution: BaseDistribution, unit: float) -> Any:
    """The value at `unit`, in [0, 1].

    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    >>> from_unit(FloatDistribution(1.0, 3.0), 0.5), from_unit(IntDistribution(1, 9, step=4), 0.9)
    (2.0, 9)
    >>> from_unit(CategoricalDistribution(["relu", "tanh"]), 0.4)
    'relu'
    """
    from optuna.distributions import CategoricalDistribution

    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[_index(unit, len(distribution.choices))]
    number = cast("FloatDistribution | IntDistribution", distribution)
    if number.step is not None and not number.log:
        return on_step(number, _index(unit, steps(number)))
    low, high = _edges(number)
    if number.log:
        value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        value = low + unit * (high - low)
    if number.step is not None:
        value = round(value)
    return min(max(value, number.low), number.high)


def to_unit(distribution: BaseDistribution, value: Any) -> float:
    """Where a value stands in [0, 1]; the middle of its share where it has one.

    >>> from optuna.distributions import IntDistribution
    >>> to_unit(IntDistribution(1, 4), 1)
    0.125
    """
    from optuna.distributions import CategoricalDistribution

    if isinstance(distribution, CategoricalDistribution):
        return (distribution.to_internal_repr(value) + 0.5) / len(distribution.choices)
    number = cast("FloatDistribution | IntDistribution", distribution)
    if number.step is not None and not number.log:
        return (round((value - number.low) / number.step) + 0.5) / steps(number)
    low, high = _edges(number)
    if number.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return min(max((value - low) / (high - low), 0.0), 1.0)


def steps(number: FloatDistribution | IntDistribution) -> int:
    """How many values a parameter with a step has."""
    assert number.step is not None, "a parameter without a step has no such number"
    return round((number.high - number.low) / number.step) + 1


def on_step(number: FloatDistribution | IntDistribution, index: int) -> float | int:
    """The value with this index, as a decimal that a user would write.

    >>> from optuna.distributions import FloatDistribution
    >>> on_step(FloatDistribution(0.0, 0.5, step=0.1), 3), 3 * 0.1
    (0.3, 0.30000000000000004)
    """
    return type(number.low)(Decimal(str(number.low)) + index * Decimal(str(number.step)))


def snapped(distribution: BaseDistribution, value: Any) -> Any:
    """A drawn value as a plain Python one, on the nearest step where the parameter has steps."""
    if is_categorical(distribution):
        return value
    number = cast("FloatDistribution | IntDistribution", distribution)
    if number.step is not None and not number.log:
        return on_step(number, round((value - number.low) / number.step))
    return type(number.low)(value)


def is_categorical(distribution: BaseDistribution) -> bool:
    from optuna.distributions import CategoricalDistribution

    return isinstance(distribution, CategoricalDistribution)


def _index(unit: float, count: int) -> int:
    return min(int(unit * count), count - 1)


def _edges(number: FloatDistribution | IntDistribution) -> tuple[float, float]:
    """Where the values end; half a step farther out for integers, so that the outer ones have a whole share too."""
    half = 0.5 if isinstance(number.low, int) and number.log else 0.0
    return number.low - half, number.high + half
