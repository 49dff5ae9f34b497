"""What watches the history: early stopping, a rate lowered on a plateau, and which epoch's weights are kept."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from compiler.settings import (
    NonNegativeInt,
    NonNegativeNumber,
    PositiveInt,
    Settings,
    Str,
    is_number,
    rule,
)

Mode = Literal["min", "max"]


class Best(Settings):
    """Which epoch's weights are kept: those with the best `monitor`."""

    monitor: Str = "val.loss"


class EarlyStopping(Settings):
    """Stop after `patience` epochs that did not improve `monitor` by more than `min_delta`.

    Epochs before `start_from_epoch` (from 0) are not counted: BatchNormalization's moving averages need some hundred
    steps before `val` says anything.
    """

    monitor: Str = "val.loss"
    patience: NonNegativeInt = 8
    min_delta: NonNegativeNumber = 0.0
    start_from_epoch: NonNegativeInt = 0


class ReduceOnPlateau(Settings):
    """Multiply the learning rate by `factor` after `patience` epochs that did not improve `monitor` by more than
    `min_delta`; then wait `cooldown` epochs before counting again."""

    monitor: Str = "val.loss"
    factor: Annotated[float, rule("a number in (0, 1)", is_number, lambda v: 0 < v < 1, {"type": "number"})] = 0.1
    patience: PositiveInt = 10
    min_delta: NonNegativeNumber = 1e-4
    cooldown: NonNegativeInt = 0
    min_learning_rate: NonNegativeNumber = 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """The best value of a monitor so far, and how many epochs ago it was.

    Attributes:
        best: None before the first finite value.
        waited: epochs since the last improvement; 0 just after one.
    """

    mode: Mode
    min_delta: float = 0.0
    best: float | None = None
    waited: int = 0

    def improved_by(self, value: float) -> bool:
        """Whether `value` is better than the best so far by more than `min_delta`; NaN never is."""
        if self.best is None:
            return math.isfinite(value)
        return value < self.best - self.min_delta if self.mode == "min" else value > self.best + self.min_delta

    def seen(self, value: float) -> "Watch":
        """After one more epoch."""
        if self.improved_by(value):
            return replace(self, best=value, waited=0)
        return replace(self, waited=self.waited + 1)


@dataclass(frozen=True, slots=True)
class Plateau:
    """The state of `ReduceOnPlateau`: its watch, the rate it has come to, and how long it still rests."""

    settings: ReduceOnPlateau
    watch: Watch
    learning_rate: float
    resting: int = 0

    def seen(self, value: float) -> "Plateau":
        """After one more epoch; the steps are those of Keras's `ReduceLROnPlateau`."""
        resting = max(self.resting - 1, 0)
        watch = replace(self.watch, waited=0) if self.resting else self.watch
        watch = replace(watch.seen(value), waited=0) if resting else watch.seen(value)
        if resting or watch.waited < self.settings.patience or self.learning_rate <= self.settings.min_learning_rate:
            return replace(self, watch=watch, resting=resting)
        lowered = max(self.learning_rate * self.settings.factor, self.settings.min_learning_rate)
        return replace(self, watch=replace(watch, waited=0), learning_rate=lowered, resting=self.settings.cooldown)
