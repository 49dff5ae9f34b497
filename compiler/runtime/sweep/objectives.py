"""What a sweep optimises: names of metrics, sizes or times, each with its direction."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from compiler.errors import Diagnostics, did_you_mean
from compiler.runtime.sweep.settings import Direction, SearchSettings
from compiler.runtime.training.metrics import Metric
from compiler.runtime.training.named import snake
from compiler.runtime.training.settings import TrainSettings
from compiler.spec.located import Map, at

_SPLITS = ("val", "train")
_SIZES = ("layers", "params", "trainable_params", "flops", "activation_bytes")
_DIRECTIONS: dict[str, Direction] = {"min": "minimize", "max": "maximize"}


@dataclass(frozen=True, slots=True)
class Objective:
    """A number of a trial, and whether it is to be small or large.

    Attributes:
        name: its path in the facts of a run: `val.loss`, `model.params`, `timings.fit`.
    """

    name: str
    direction: Direction

    def of(self, facts: Mapping[str, Any]) -> float:
        """Its value in `facts`: `run.json`'s `metrics` with `model` and `timings` beside the splits.

        Raises:
            KeyError: there is none.
        """
        value: Any = facts
        for step in self.name.split(".", 1):
            value = value[step]
        return float(value)


def settle_objectives(
    search: SearchSettings, section: Map, train: TrainSettings | None, diagnostics: Diagnostics
) -> tuple[Objective, ...]:
    """What the sweep optimises, each with a direction; faults (E601) go to `diagnostics`.

    Args:
        section: the `search` section, for places.
        train: whose `best.monitor` stands in where `search.objectives` is null, and whose metrics are known.
    """
    asked = search.objectives
    if not asked:
        asked = ((train.best.monitor if train else "val.loss", None),)
    settled: list[Objective] = []
    for i, (name, direction) in enumerate(asked):
        place = at(section, ("objectives", name) if _is_mapping(section) else ("objectives", i))[0]
        known = _direction(name, train)
        if direction is None and known is None:
            message = f"whether {name!r} is to be small or large is not known"
            meant = did_you_mean(name, _names(train))
            hint = f"{meant} or " * bool(meant) + f"search.objectives={{{name}: minimize}}, or maximize"
            diagnostics.report("E601", message, place, hint=hint)
        elif not _can_be(name):
            hint = did_you_mean(name, _names(train)) or "val.METRIC, train.METRIC, model.params or timings.fit"
            diagnostics.report("E601", f"a trial has no {name!r}", place, hint=hint)
        else:
            settled.append(Objective(name, direction or cast("Direction", known)))
    return tuple(settled)


def _is_mapping(section: Map) -> bool:
    return isinstance(section.get("objectives"), Map)


def _can_be(name: str) -> bool:
    group, _, rest = name.partition(".")
    return bool(rest) and (group in (*_SPLITS, "timings") or (group == "model" and rest in _SIZES))


def _direction(name: str, train: TrainSettings | None) -> Direction | None:
    """The direction that lies in the nature of what is measured; None for what nobody declared."""
    group, _, rest = name.partition(".")
    if group in ("model", "timings") or (group in _SPLITS and rest == "loss"):
        return "minimize"
    return _DIRECTIONS[best] if group in _SPLITS and (best := _metrics(train).get(_plain(rest))) else None


def _plain(key: str) -> str:
    """A metric's key without its argument: `top_3_accuracy` is one with `top_5_accuracy`."""
    return re.sub(r"^top_\d+_", "top_k_", re.sub(r"^f1_\w+$", "f1", key))


def _metrics(train: TrainSettings | None) -> dict[str, str]:
    """Whether large or small is better, by the keys of all metrics, and of those that the training names."""
    known = {_plain(snake(name)): metric.best for name, metric in cast("Mapping[str, Any]", Metric.known).items()}
    named = train.metrics if train and isinstance(train.metrics, tuple) else ()
    return known | {_plain(metric.key): metric.best for metric in named}


def _names(train: TrainSettings | None) -> Sequence[str]:
    metrics = [f"{split}.{key}" for split in _SPLITS for key in ("loss", *_metrics(train))]
    return [*metrics, *(f"model.{size}" for size in _SIZES), "timings.fit"]
