"""The `experiment` section of the configuration, typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import Field

from compiler.errors import Diagnostics, shown
from compiler.settings import (
    Annotation,
    InvalidSettings,
    Problem,
    Settings,
    Str,
    field_error,
    nested_error,
    validate,
)
from compiler.spec.compose import Composed
from compiler.spec.located import Map, validated


def _check_overrides(value: object, name: str) -> object:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in cast("Mapping[Any, Any]", value)):
        raise field_error("E106", f"{name!r} must be a mapping of overrides (got {shown(value)})")
    return dict(cast("Mapping[str, Any]", value))


Overrides = Annotated[dict[str, Any] | None, Annotation(_check_overrides, lambda: {"type": ["object", "null"]})]


class Step(Settings):
    """One command of `train.py`.

    Fields:
        run: overrides of a single run, or of an ensemble.
        sweep: overrides of a sweep, values in Hydra's sweep grammar: what `-m` takes.
    """

    run: Overrides = None
    sweep: Overrides = None

    @property
    def overrides(self) -> dict[str, Any]:
        """Those of the one that is there."""
        return (self.run if self.sweep is None else self.sweep) or {}


def _check_steps(value: object, name: str) -> object:
    if not isinstance(value, Mapping) or not value:
        raise field_error("E106", f"{name!r} must be a mapping from names to steps (got {shown(value)})")
    steps: dict[str, Step] = {}
    problems: list[Problem] = []
    for key, given in cast("Mapping[Any, Any]", value).items():
        if not re.fullmatch(r"[A-Za-z0-9][\w-]*", str(key)):
            message = f"a step's name is that of its folder: letters, digits, '_' and '-' (got {key!r})"
            problems.append(Problem((key,), "E107", message, at_key=True))
            continue
        if not isinstance(given, Mapping):
            problems.append(Problem((key,), "E106", f"{key!r} must be a mapping with 'run' or 'sweep'"))
            continue
        try:
            steps[str(key)] = step = validate(Step, cast("Mapping[str, object]", given), subject=str(key))
        except InvalidSettings as error:
            problems += (Problem((key, *p.path), p.code, p.message, p.hint, p.at_key) for p in error.problems)
            continue
        if (step.run is None) == (step.sweep is None):
            problems.append(Problem((key,), "E105", f"{key!r} needs one of the keys 'run' and 'sweep'"))
    if problems:
        raise nested_error(problems)
    return steps


class ExperimentSettings(Settings):
    """Commands that are carried out one after the other.

    Fields:
        dir: a folder below which each step has its own, by its name.
        steps: the commands by name, in their order.
    """

    dir: Str
    steps: Annotated[dict[str, Step], Annotation(_check_steps, lambda: {"type": "object"})] = Field(
        default_factory=dict[str, Step]
    )


def read_experiment(section: Map, diagnostics: Diagnostics) -> ExperimentSettings | None:
    """The settings that the `experiment` section describes; None with the faults in `diagnostics`."""
    return validated(ExperimentSettings, section, diagnostics, subject="experiment")


def is_experiment(composed: Composed) -> bool:
    """Whether the configuration is of an experiment with steps."""
    tree = composed.config.get("experiment")
    return isinstance(tree, Map) and "steps" in tree.entries
