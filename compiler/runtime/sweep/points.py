"""Points of a space that no method draws: a first one, others at random, and those that try one value."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping

from compiler.runtime.sweep.domains import Choices, Domain, Interval, Value
from compiler.runtime.sweep.space import Parameter, Space


def completed(space: Space, wanted: Mapping[str, Value], base: Mapping[str, Value]) -> dict[str, Value]:
    """A point that has the `wanted` values, with those of `base` elsewhere; parents get values that allow for them.

    What `base` does not say has its first value, or that in the middle of an interval.
    """
    forced = dict(wanted)
    for key in wanted:
        _allow(space, key, forced, base)
    values: dict[str, Value] = {}
    for parameter in space.ordered:
        if space.exists(parameter, values):
            first = base[parameter.key] if parameter.key in base else middle(parameter.domain)
            values[parameter.key] = forced.get(parameter.key, first)
    return values


def _allow(space: Space, key: str, forced: dict[str, Value], base: Mapping[str, Value]) -> None:
    for condition in space.by_key[key].only:
        parent = space.by_key[condition.parent].domain
        if condition.parent not in forced:
            given = base.get(condition.parent)
            if given is None or parent.text(given) not in condition.texts:
                given = parent.find_text(condition.texts[0])
            forced[condition.parent] = given
            _allow(space, condition.parent, forced, base)


def at_random(space: Space, seed: int) -> dict[str, Value]:
    """A point of independent draws."""
    chance = random.Random(seed)
    return completed(space, {}, {parameter.key: _drawn(parameter.domain, chance) for parameter in space})


def extremes(parameter: Parameter) -> Iterator[Value]:
    """The values that are tried one at a time: all choices, both ends of a range or an interval."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        yield from domain.texts
    elif isinstance(domain, Interval):
        yield from dict.fromkeys((domain.low, domain.high))
    else:
        yield from dict.fromkeys((min(domain.numbers), max(domain.numbers)))


def middle(domain: Domain) -> Value:
    """The first of several values, or the middle of an interval."""
    if not isinstance(domain, Interval):
        return next(domain.values())
    between = math.sqrt(domain.low * domain.high) if domain.log else (domain.low + domain.high) / 2
    return int(between) if isinstance(domain.low, int) else between


def _drawn(domain: Domain, chance: random.Random) -> Value:
    if isinstance(domain, Choices):
        return chance.choice(domain.texts)
    if not isinstance(domain, Interval):
        return chance.choice(domain.numbers)
    low, high = (math.log(end) if domain.log else end for end in (domain.low, domain.high))
    number = chance.uniform(low, high)
    number = min(max(math.exp(number) if domain.log else number, domain.low), domain.high)
    return round(number) if isinstance(domain.low, int) else number
