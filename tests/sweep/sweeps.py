"""Sweeps of which nothing was trained: a definition, and trials as a study tells them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.parameters import read_space
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trials import TrialState
from compiler.spec.located import Map, located

START = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
RATE = "train.optimizer.learning_rate"
ACCURACY = Objective("val.accuracy", "maximize")
LOSS = Objective("val.loss", "minimize")
PARAMS = Objective("model.params", "minimize")


@dataclass
class Told:
    """What stands in for a study: it tells the trials that it is given."""

    folder: SweepFolder
    definition: Definition
    objectives: Sequence[Objective]
    told: list[TrialState] = field(default_factory=list)

    def trials(self) -> list[TrialState]:
        return list(self.told)


def study(
    root: Path,
    arguments: Sequence[str] = ("model=mlp,convnet", f"{RATE}=tag(log, interval(1e-4, 1e-1))"),
    objectives: Sequence[Objective] = (ACCURACY,),
    search: Mapping[str, Any] | None = None,
) -> Study:
    """What tells the trials that it is given (`tell`), of the sweep that `arguments` describe."""
    definition = defined(arguments, search or {})
    return cast(Study, Told(SweepFolder(root), definition, tuple(objectives)))


def defined(arguments: Sequence[str], search: Mapping[str, Any]) -> Definition:
    """The sweep that `arguments` describe."""
    section = located({"method": "tpe", **search}, Place(Source("search", ""), 1, 1))
    diagnostics = Diagnostics()
    fixed, space = read_space(list(arguments), cast(Map, section), diagnostics)
    diagnostics.raise_errors()
    return Definition.make(fixed, space, cast(Map, section))


def tell(to: Study, *trials: TrialState) -> None:
    """The study's trials from now on."""
    cast(Any, to).told = list(trials)


def trial(number: int, state: str = "complete", *values: float, seconds: float = 30.0, **more: Any) -> TrialState:
    """A trial that began a minute after the one before."""
    begun = START + timedelta(minutes=number) if state != "waiting" else None
    ended = begun + timedelta(seconds=seconds) if begun and state not in ("running", "waiting") else None
    return TrialState(
        number=number,
        state=cast(Any, state),
        values=values if state == "complete" else None,
        started=begun,
        finished=ended,
        **more,
    )


def drawn(count: int, *, two: bool = False, seed: int = 0) -> tuple[list[str], list[TrialState]]:
    """A sweep with something of everything: (its arguments, its trials)."""
    arguments = [
        "model=mlp,convnet", "data=digits", f"{RATE}=tag(log, interval(1e-4, 1e-1))",
        "model.vars.width=choice(16,32,64,128)", "model.vars.dropout=interval(0, 0.6)",
        "train.optimizer.op=SGD,Adam,AdamW", "train.batch_size=range(16,129,16)",
    ]  # fmt: skip
    source = random.Random(seed)
    return arguments, [_drawn(number, source, two) for number in range(count)]


def _drawn(number: int, source: random.Random, two: bool) -> TrialState:
    width = source.choice([16, 32, 64, 128])
    params: dict[str, Any] = {
        "model": source.choice(["mlp", "convnet"]),
        RATE: 10 ** source.uniform(-4, -1),
        "model.vars.width": str(width),
        "train.optimizer.op": source.choice(["SGD", "Adam", "AdamW"]),
        "train.batch_size": source.randrange(16, 129, 16),
    }
    if params["model"] == "mlp":  # a conditional one
        params["model.vars.dropout"] = source.uniform(0, 0.6)
    good = 0.97 - 0.08 * (math.log10(params[RATE]) + 2.4) ** 2 - 0.4 / width + source.gauss(0, 0.01)
    steps = {epoch: max(good * (1 - math.exp(-epoch / 3)), 0.05) + source.gauss(0, 0.006) for epoch in range(1, 13)}
    chance = source.random()
    if chance < 0.05:
        reason = "the training diverged: the loss is NaN in epoch 2"
        return trial(number, "failed", params=params, code="E802", reason=reason, steps={1: steps[1]})
    if chance < 0.09:
        reason = "'kernel_size' 9 is larger than the input"
        return trial(number, "infeasible", params=params, code="E402", reason=reason, seconds=0.02)
    if chance < 0.35 and good < 0.93:
        steps = {epoch: value for epoch, value in steps.items() if epoch <= source.randint(2, 6)}
        reason = "no better than the others at that epoch (median)"
        return trial(number, "pruned", params=params, reason=reason, steps=steps, seconds=9.0)
    values = (steps[12], float(width * 900 + source.randrange(2000))) if two else (steps[12],)
    return trial(number, "complete", *values, params=params, steps={} if two else steps)
