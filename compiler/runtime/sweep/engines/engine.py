"""An engine starts pools of workers on other machines, and knows what became of them."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from compiler.runtime.sweep.threads import threads_environment

if TYPE_CHECKING:
    from compiler.runtime.sweep.folder import SweepFolder
    from compiler.runtime.sweep.owners import Owner

Stage = Literal["queued", "running", "ended", "unknown"]
Resources = Mapping[str, object]

PROGRAM = "compiler.runtime.sweep.engines.program"


@dataclass(frozen=True, slots=True)
class Job:
    """A pool of one worker that an engine was asked for.

    Attributes:
        id: what the scheduler calls it.
        trial: the number of the one trial that it carries out; None: it takes whatever is open.
        stage: queued, running or ended; unknown while the scheduler does not answer.
        word: the scheduler's own word for it, for messages.
        restarts: how often it was started again, after it was pre-empted.
        log: the file that it writes to.
    """

    id: str
    trial: int | None = None
    stage: Stage = "queued"
    word: str = ""
    restarts: int = 0
    log: Path | None = None

    @property
    def over(self) -> bool:
        return self.stage == "ended"


@dataclass(frozen=True, slots=True)
class PoolCommand:
    """A pool of one worker, as it is started elsewhere: the same Python, in the same folder, with the same modules.

    Attributes:
        arguments: the command.
        directory: where it runs.
        path: its PYTHONPATH.
    """

    arguments: tuple[str, ...]
    directory: str = field(default_factory=os.getcwd)
    path: str = field(default_factory=lambda: module_path())

    @classmethod
    def make(cls, folder: SweepFolder, trials_per_worker: int, trial: int | None = None) -> PoolCommand:
        """A pool for the sweep of `folder`; of one trial alone where its number is given."""
        which = ("--trial", str(trial)) if trial is not None else ("--trials", str(trials_per_worker))
        return cls((sys.executable, "-m", PROGRAM, str(folder.root.absolute()), *which))

    def named(self, job: str) -> list[str]:
        """The command, with what the scheduler calls it: `slurm:123_4/0`."""
        return [*self.arguments, "--job", job]

    def environment(self, cpus: int | None) -> dict[str, str]:
        """What the pool needs over the environment that it is started in.

        Args:
            cpus: processors that are its own, where the scheduler says so without binding it to them.
        """
        return {"PYTHONPATH": self.path, **(threads_environment(cpus) if cpus else {})}


class Engine(ABC):
    """Abstract: starts pools of one worker, and tells what became of them.

    Class attributes:
        name: as messages and owners call it.
        lasting: whether its jobs go on when the process that asked for them has ended.
    """

    name: ClassVar[str]
    lasting: ClassVar[bool]

    @abstractmethod
    def submit(self, commands: Sequence[PoolCommand], resources: Resources, trial: int | None = None) -> None:
        """Ask for pools with the same resources: some that pull, or one for the trial of that number.

        Raises:
            ConfigError: E840, the scheduler refuses.
        """

    @abstractmethod
    def jobs(self) -> Sequence[Job]:
        """Every pool that this sweep ever asked for, as it stands now."""

    @abstractmethod
    def alive(self, owner: Owner) -> bool | None:
        """Whether the scheduler says that a worker may still run; None where it does not know.

        It is asked about what `jobs()` found last.
        """

    @abstractmethod
    def stop(self) -> None:
        """No trial is open: take back what is only queued. Jobs that run find nothing to do, and end."""

    @abstractmethod
    def follow(self) -> str:
        """How a user looks after the jobs, in one line."""


def module_path() -> str:
    """Where this process finds modules beside the installed ones: the checkout, and the user's own."""
    ours = str(Path(__file__).parents[4])
    given = (sys.path[0], *os.environ.get("PYTHONPATH", "").split(os.pathsep))
    own = (str(Path(entry).absolute()) for entry in given if entry)
    folders = [entry for entry in (ours, *own) if Path(entry).is_dir()]
    return os.pathsep.join(dict.fromkeys(folders))
