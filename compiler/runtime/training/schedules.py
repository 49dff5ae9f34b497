"""Learning-rate schedules in epochs, so that a change of the batch size leaves them as they are.

The rate is computed here for every step, outside of Keras: a saved model holds no schedule, and one formula serves
every optimizer. `tests/runtime/test_training.py` holds the values against `keras.optimizers.schedules`.
"""

import math
from abc import abstractmethod
from typing import Self

from pydantic import model_validator

from compiler.runtime.training.named import Named
from compiler.settings import Bool, Fraction, NonNegativeNumber, PositiveInt, PositiveNumber, field_error


class Schedule(Named, family="schedule"):
    """Abstract: the learning rate over time.

    Attributes:
        warmup_epochs: how long the rate rises, linearly from 0. Goyal et al. 2017, arXiv 1706.02677.
    """

    warmup_epochs: NonNegativeNumber = 0.0

    @abstractmethod
    def decayed(self, peak: float, elapsed: float, total: float) -> float:
        """The rate `elapsed` epochs after the warm-up, of `total` after it; `peak` is the optimizer's own."""

    def rate(self, peak: float, elapsed: float, epochs: float) -> float:
        """The rate `elapsed` epochs after the start of a training of `epochs`."""
        if elapsed < self.warmup_epochs:
            return peak * elapsed / self.warmup_epochs
        return self.decayed(peak, elapsed - self.warmup_epochs, max(epochs - self.warmup_epochs, 0.0))

    def rates(self, peak: float, epoch: int, steps: int, epochs: int) -> list[float]:
        """The rate of each of the `steps` steps of `epoch` (from 0)."""
        return [self.rate(peak, epoch + step / steps, epochs) for step in range(steps)]

    def ends(self, epochs: int) -> list[int]:
        """After which of the first `epochs` epochs (from 1) a cycle is over; none where there are no cycles."""
        return []


class Constant(Schedule):
    """The optimizer's rate, always."""

    def decayed(self, peak: float, elapsed: float, total: float) -> float:
        return peak


class Cosine(Schedule):
    """Half a cosine from the rate down to `alpha` times it. Loshchilov & Hutter 2016, arXiv 1608.03983."""

    alpha: Fraction = 0.0

    def decayed(self, peak: float, elapsed: float, total: float) -> float:
        done = min(elapsed / total, 1.0) if total else 1.0
        return peak * (self.alpha + (1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done)))


class CosineRestarts(Schedule, aliases=("cyclic",)):
    """Half a cosine from the rate down to `alpha` times it, again and again.

    Loshchilov & Hutter 2016, arXiv 1608.03983. The warm-up is a part of the first cycle, so that every cycle ends
    with an epoch. The rates do not depend on how many epochs there are.

    Attributes:
        cycle_epochs: of the first cycle.
        growth: each cycle is so many times as long as the one before.
    """

    cycle_epochs: PositiveInt = 5
    growth: PositiveInt = 1
    alpha: Fraction = 0.0

    def decayed(self, peak: float, elapsed: float, total: float) -> float:
        at = round(elapsed + self.warmup_epochs, 9)  # as fractions are summed up, a cycle could end too late
        begin, length = 0, self.cycle_epochs
        while at >= begin + length:
            begin, length = begin + length, length * self.growth
        warmup = 0.0 if begin else self.warmup_epochs
        done = (at - begin - warmup) / (length - warmup)
        return peak * (self.alpha + (1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done)))

    def ends(self, epochs: int) -> list[int]:
        found: list[int] = []
        end, length = self.cycle_epochs, self.cycle_epochs
        while end <= epochs:
            found.append(end)
            length *= self.growth
            end += length
        return found

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.warmup_epochs >= self.cycle_epochs:
            what = f"{self.cycle_epochs} (got {self.warmup_epochs:g})"
            raise field_error("E107", f"'warmup_epochs' must be less than 'cycle_epochs', {what}")
        return self


class Exponential(Schedule):
    """`decay_rate` times the rate every `decay_epochs`; in steps where `staircase`."""

    decay_rate: PositiveNumber = 0.9
    decay_epochs: PositiveNumber = 1.0
    staircase: Bool = False

    def decayed(self, peak: float, elapsed: float, total: float) -> float:
        periods = elapsed / self.decay_epochs
        return peak * self.decay_rate ** (math.floor(periods) if self.staircase else periods)


class Polynomial(Schedule, aliases=("linear",)):
    """From the rate down to `end_learning_rate`; a straight line where `power` is 1."""

    end_learning_rate: NonNegativeNumber = 0.0001
    power: PositiveNumber = 1.0

    def decayed(self, peak: float, elapsed: float, total: float) -> float:
        done = min(elapsed / total, 1.0) if total else 1.0
        return (peak - self.end_learning_rate) * (1 - done) ** self.power + self.end_learning_rate
