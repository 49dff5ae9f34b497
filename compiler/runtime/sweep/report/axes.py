"""Parameters as axes of figures: numbers, logarithms, or names in a row; and a place for where one does not exist."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from compiler.runtime.sweep.standing import varied
from compiler.runtime.sweep.trials import TrialState

ABSENT = "none"
"""Stands where a trial has no such parameter."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter.

    Attributes:
        key: as the trials have it.
        label: the shortest end of it that no other parameter has.
        names: texts of the choices; empty for numbers.
        log: whether it was drawn on a logarithmic scale.
        ends: the smallest and the largest number that was drawn; of names, the first and the last place.
        partly: whether some trials have no such parameter.
    """

    key: str
    label: str
    names: tuple[str, ...]
    log: bool
    ends: tuple[float, float]
    partly: bool

    def position(self, trial: TrialState) -> float:
        """Where a trial stands on the axis; beyond its end where the trial has no such parameter."""
        if self.key not in trial.params:
            return self._absent
        value: Any = trial.params[self.key]
        if self.names:
            return float(self.names.index(str(value)))
        return math.log10(value) if self.log else float(value)

    def slice_values(self, trials: Sequence[TrialState]) -> list[Any]:
        """The values of trials that have the parameter, as an axis of Plotly takes them."""
        import html

        if not self.names:
            return [trial.params[self.key] for trial in trials]
        short = {name: html.escape(name if len(name) <= 18 else name[:17] + "…", quote=False) for name in self.names}
        return [short[str(trial.params[self.key])] for trial in trials]

    def ticks(self) -> list[tuple[float, str]]:
        """(place, text) where numbers alone would mislead; empty where they do not."""
        absent = [(self._absent, ABSENT)] if self.partly else []
        if self.names:
            return [*((float(i), name) for i, name in enumerate(self.names)), *absent]
        low, high = self.ends
        if self.log:
            steps = [low * (high / low) ** (i / 4) for i in range(5)] if high > low else [low]
            return [*((math.log10(step), f"{step:.3g}") for step in steps), *absent]
        if absent:
            steps = [low + (high - low) * i / 4 for i in range(5)] if high > low else [low]
            return [*((step, f"{step:.4g}") for step in steps), *absent]
        return []

    def range(self) -> dict[str, Any]:
        """The axis's ends for Plotly; empty where it finds them itself."""
        low, high = (math.log10(end) for end in self.ends) if self.log else self.ends
        if self.partly:
            return {"range": [low, self._absent + 1e-6 * (self._absent - low)]}
        return {"range": [low - 0.5, high + 0.5]} if low == high else {}

    @property
    def _absent(self) -> float:
        low, high = (math.log10(end) for end in self.ends) if self.log else self.ends
        return high + (1.0 if self.names else 0.15 * (high - low) or 1.0)


def axes_of(trials: Sequence[TrialState], distributions: Mapping[str, Any]) -> list[Axis]:
    """The axes of all parameters that trials have.

    Args:
        distributions: Optuna's, by key.
    """
    keys = varied(trials)
    return [_axis(key, short, trials, distributions.get(key)) for key, short in zip(keys, labels(keys), strict=True)]


def _axis(key: str, label: str, trials: Sequence[TrialState], distribution: Any) -> Axis:
    values = [trial.params[key] for trial in trials if key in trial.params]
    partly = len(values) < len(trials)
    choices = getattr(distribution, "choices", None)
    if choices is not None or not all(_is_number(value) for value in values):
        seen = {str(value) for value in values}
        known = [str(choice) for choice in choices] if choices is not None else []
        names = (*(name for name in known if name in seen), *sorted(seen - set(known)))
        return Axis(key, label, names, False, (0.0, float(len(names) - 1)), partly)
    numbers = cast("list[float]", values)
    log = bool(getattr(distribution, "log", False)) and min(numbers) > 0
    return Axis(key, label, (), log, (float(min(numbers)), float(max(numbers))), partly)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def labels(keys: Sequence[str]) -> list[str]:
    """The shortest ends of dotted keys that tell them apart.

    >>> labels(["train.optimizer.learning_rate", "model.vars.width", "train.vars.width"])
    ['learning_rate', 'model.vars.width', 'train.vars.width']
    """
    return [_label(key, keys) for key in keys]


def _label(key: str, keys: Sequence[str]) -> str:
    steps = key.split(".")
    for start in range(len(steps) - 1, 0, -1):
        end = ".".join(steps[start:])
        if not any(other != key and (other == end or other.endswith(f".{end}")) for other in keys):
            return end
    return key
