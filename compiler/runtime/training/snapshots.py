"""Which epochs of a training are kept as members of an ensemble: `train.snapshots`."""

from abc import abstractmethod

from compiler.runtime.training.named import Named
from compiler.runtime.training.schedules import Schedule
from compiler.settings import MaybePositiveInt, PositiveInt


class Snapshots(Named, family="choice of snapshots"):
    """Abstract: the epochs whose weights and predictions are kept besides those of the best.

    Attributes:
        keep: so many, the latest; None: all.
    """

    keep: MaybePositiveInt = None

    @abstractmethod
    def taken(self, epochs: int, schedule: Schedule) -> list[int]:
        """Which of the first `epochs` epochs are candidates, from 1, ascending."""

    def kept(self, epochs: int, schedule: Schedule) -> list[int]:
        """Those that are kept by the end of epoch `epochs`."""
        taken = self.taken(epochs, schedule)
        return taken[-self.keep :] if self.keep else taken


class Last(Snapshots):
    """The last epochs, each or `every` so many."""

    keep: PositiveInt = 5
    every: PositiveInt = 1

    def taken(self, epochs: int, schedule: Schedule) -> list[int]:
        return list(range(self.every, epochs + 1, self.every))


class Cycles(Snapshots):
    """The ends of the schedule's cycles, where the rate is lowest. Huang et al. 2017, arXiv 1704.00109."""

    def taken(self, epochs: int, schedule: Schedule) -> list[int]:
        return schedule.ends(epochs)
