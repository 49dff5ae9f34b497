"""Looking after workers elsewhere: the sweep is shown, the scheduler asked now and then, and given up on in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from typing import TYPE_CHECKING

from compiler.errors import ConfigError, Fault
from compiler.runtime.signals import Signals
from compiler.runtime.sweep.engines.engine import Engine, Job, PoolCommand, Resources

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

LOOK = 0.5
"""Seconds between two looks at the study, which are cheap; the scheduler is asked as often as `poll` says."""

IN_VAIN = 3
"""How often all workers are started without one trial being finished, until something must be wrong with them."""

_TAIL = 12  # lines of a job's log that are shown


class Watch:
    """A sweep whose workers an engine starts.

    Args:
        poll: seconds between two questions to the scheduler.
        look: called at every look, to show how the sweep stands.
        several: how many workers there are at most.
    """

    def __init__(self, study: Study, engine: Engine, poll: float, look: Callable[[], None], several: int) -> None:
        self.study, self.engine, self.several = study, engine, several
        self._poll, self._look = poll, look
        self._begun, self._finished = 0, -1
        self._signals = Signals()

    def rounds(self) -> Iterator[Sequence[Job]]:
        """The engine's jobs, at every question to the scheduler, until no trial is open; orphans are given back before.

        Raises:
            Interrupted: E807, a signal came.
        """
        asked = float("-inf")
        with self._signals as signals:
            signals.kept = self._kept()
            while True:
                self._look()
                if self.over():
                    return
                if monotonic() - asked >= self._poll:
                    with signals.held():
                        jobs = self.engine.jobs()
                        self.study.recover(self.engine.alive)
                        yield jobs
                    asked = monotonic()
                    if signals.received:
                        raise signals.interrupted()
                sleep(min(LOOK, self._poll))

    def over(self) -> bool:
        """Whether there is nothing left to start, and nothing that runs."""
        counts = self.study.counts()
        return counts.running == 0 and (counts.waiting == 0 or self.study.ended() is not None)

    def submit(self, commands: Sequence[PoolCommand], resources: Resources, trial: int | None = None) -> None:
        """Have the engine start them.

        Raises:
            ConfigError: E840, the engine refuses, or those before ended and did nothing.
        """
        finished = self.study.counts().finished
        if finished > self._finished:
            self._finished, self._begun = finished, 0
        if self._begun >= IN_VAIN * self.several:
            raise _in_vain(self.engine, self._begun)
        self._begun += len(commands)
        self.engine.submit(commands, resources, trial)

    def _kept(self) -> tuple[str, str]:
        what = "the workers go on without this process" if self.engine.lasting else "its workers were stopped"
        return what, f"python train.py -m search.resume={self.study.folder.root} goes on; {self.engine.follow()}"


def _in_vain(engine: Engine, begun: int) -> ConfigError:
    ended = [job for job in engine.jobs() if job.over]
    said = f"; the last one: {ended[-1].word}" if ended else ""
    lines = _tail(ended[-1]) if ended else []
    hint = "what it printed:\n" + "\n".join(f"    {line}" for line in lines) if lines else engine.follow()
    return ConfigError([Fault("E840", f"{begun} workers in a row ended and finished no trial{said}", hint=hint)])


def _tail(job: Job) -> list[str]:
    try:
        text = job.log.read_text(encoding="utf-8", errors="replace") if job.log else ""
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-_TAIL:]
