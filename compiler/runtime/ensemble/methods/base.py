"""What a weighting method is: settings, and a function from a problem to a solution."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import ClassVar

from compiler.runtime.ensemble.blends import Pooling
from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.problem import Problem, Solution
from compiler.runtime.training.losses import Task
from compiler.runtime.training.named import Named
from compiler.settings import Problem as Fault


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: the matrices are small, and where other processes work too its threads, which wait for
    each other in a loop, take 5 to 10 times as long."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "blas")


class Weighting(Named, family="weighting method"):
    """Abstract: how the members' weights are found.

    Class attributes:
        learns: whether they follow from the validation rows.
        instead: what to do where `refusal` says why not, for the user.
    """

    learns: ClassVar[bool] = True
    instead: ClassVar[str | None] = None

    def refusal(self, task: Task, objective: Objective, pooling: Pooling) -> str | None:
        """Why it finds no weights for these, in a sentence for the user; None where it does."""
        return None

    @abstractmethod
    def weigh(self, problem: Problem) -> Solution:
        """The weights for the members of `problem`. The same problem gives the same weights."""

    def unsuitable(self, pool: Pool) -> Iterator[Fault]:
        """Why its settings do not suit the members of a pool, with paths from its own fields on."""
        yield from ()
