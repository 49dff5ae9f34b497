"""Weights that are given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, cast

import numpy as np

from compiler.errors import did_you_mean, shown
from compiler.runtime.ensemble.methods.base import Weighting
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.settings import Annotation, field_error, is_number
from compiler.settings import Problem as Fault


def _check(value: object, name: str) -> object:
    items = list(cast("Mapping[object, object]", value).items()) if isinstance(value, Mapping) else None
    if items is None and isinstance(value, (list, tuple)):
        items = list(enumerate(cast("list[object]", value)))
    if not items or not all(_is_weight(weight) for _, weight in items):
        expected = "a mapping from members to weights, or a list of weights, of 0 or more"
        raise field_error("E106", f"{name!r} must be {expected} (got {shown(value)})")
    if not any(weight for _, weight in items):
        raise field_error("E107", f"{name!r} are all 0")
    if isinstance(value, Mapping):
        return {str(key): float(cast("float", weight)) for key, weight in items}
    return tuple(float(cast("float", weight)) for _, weight in items)


def _is_weight(value: object) -> bool:
    return is_number(value) and math.isfinite(cast("float", value)) and cast("float", value) >= 0


def _schema() -> dict[str, object]:
    weight = {"type": "number", "minimum": 0}
    return {"anyOf": [{"type": "object", "additionalProperties": weight}, {"type": "array", "items": weight}]}


class Fixed(Weighting):
    """The weights that the configuration gives; nothing is fitted.

    Fields:
        weights: by the members' names, 0 for those that are not named; or one for each member, in their order. They
            are divided by their sum.
    """

    learns: ClassVar[bool] = False

    weights: Annotated[Any, Annotation(_check, _schema)]

    def weigh(self, problem: Problem) -> Solution:
        given, pool = self.weights, problem.pool
        weights = np.array([given.get(name, 0.0) for name in pool.names] if isinstance(given, Mapping) else given)
        return problem.solution(weights / weights.sum())

    def unsuitable(self, pool: Pool) -> Iterator[Fault]:
        given = self.weights
        if not isinstance(given, Mapping):
            if len(given) != pool.size:
                message = f"there are {len(given)} weights for {pool.size} members"
                yield Fault(("weights",), "E107", message, f"one for each of {', '.join(pool.names)}")
            return
        for name in given:
            if name not in pool.names:
                hint = did_you_mean(name, pool.names) or f"the members are {', '.join(pool.names)}"
                yield Fault(("weights", name), "E107", f"there is no member {name!r}", hint, at_key=True)
