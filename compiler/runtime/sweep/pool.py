"""A pool: keeps warm workers at a sweep until no trial is open. It imports no TensorFlow, and computes nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

from compiler.errors import ConfigError, Fault
from compiler.runtime.job import as_typed
from compiler.runtime.signals import Signals
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.owners import Alive
from compiler.runtime.sweep.study import Counts, Study
from compiler.runtime.sweep.supervise import Allowance, Death, Worker
from compiler.runtime.sweep.threads import cores, threads_environment
from compiler.runtime.sweep.trials import state_of
from compiler.runtime.sweep.worker import NO_ROOM

_PAUSE = 0.1  # seconds between two looks at the processes
_LOOK = 1.0  # ... at the study, and at what the workers hold
_RECOVER = 5.0  # ... for trials whose workers died elsewhere
_GRACE = 60.0  # for a worker to keep a checkpoint


class Pool:
    """Workers of a sweep on this machine.

    Args:
        folder: of the sweep.
        workers: how many at a time; None for one a core.
        trials_per_worker: after which a worker is replaced, since its memory grows a little by each; None for never.
        only: the number of the one trial that they may take; None for all.
        linger: whether it waits for trials that others run, to take them over where those die.
        scheduler: says of a worker on another machine whether it lives.
        job: what a scheduler calls this process.
    """

    def __init__(
        self,
        folder: SweepFolder | Path,
        workers: int | None = None,
        trials_per_worker: int | None = None,
        only: int | None = None,
        *,
        linger: bool = True,
        scheduler: Alive | None = None,
        job: str | None = None,
    ) -> None:
        folder = folder if isinstance(folder, SweepFolder) else SweepFolder(folder)
        self.folder = SweepFolder(folder.root.absolute())
        self.count = 1 if only is not None else workers or cores()
        self.trials_per_worker, self.only, self.linger = trials_per_worker, only, linger
        self._scheduler, self._job = scheduler, job
        self._name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
        self._begun = 0
        self._workers: list[Worker] = []
        self._allowance = Allowance()
        self._looked = self._recovered = float("-inf")
        self._stop = False

    def run(self, tick: Callable[[], object] | None = None, signals: Signals | None = None) -> None:
        """Keep workers at it until no trial is open, or the sweep has ended early.

        Args:
            tick: called about once a second.
            signals: what asks to stop, where the process listens to that already.

        Raises:
            Interrupted: E807, a signal came; the workers have kept checkpoints, and the sweep can go on.
            ConfigError: E805, the disk is full; E803, workers die before they have a trial. The sweep can go on.
        """
        study = Study.open(self.folder)
        with signals or Signals() as listening, listening.held():
            try:
                while self._open(study):
                    if listening.received is not None or self._stop:
                        break
                    if tick is not None and monotonic() - self._looked < _PAUSE:  # it has just looked
                        tick()
                    sleep(_PAUSE)
                self._ask_to_stop(tick)
            finally:
                for worker in self._workers:
                    worker.kill(Death("killed", "it was ended with its supervisor"))
                self._look_after(study, stopping=True)
            if listening.received is not None:
                listening.kept = self._kept(study)
                raise listening.interrupted()

    def stop(self) -> None:
        """Ask it to stop, from a signal handler or another thread; `run` then returns, and the sweep can go on."""
        self._stop = True

    def _open(self, study: Study) -> bool:
        """Look after the workers and the study; whether there is something left to do."""
        ended = self._look_after(study)
        now = monotonic()
        if not ended and now - self._looked < _LOOK:
            return True
        self._looked = now
        if now - self._recovered >= _RECOVER:
            self._recovered = now
            study.recover(self._scheduler)
        search = study.definition.search
        for worker in self._workers:
            held = worker.memory() / 2**30
            if search.trial_memory is not None and held > search.trial_memory:
                reason = f"its worker held {held:.2f} GiB, more than search.trial_memory={search.trial_memory:g}"
                worker.kill(Death("memory", reason))
            elif search.trial_timeout is not None and worker.overdue(search.trial_timeout):
                reason = f"it took longer than search.trial_timeout={search.trial_timeout:g} seconds"
                worker.kill(Death("timeout", reason))
        waiting, running = self._left(study)
        self._fill(waiting)
        return bool(waiting or self._workers or (running and self.linger))

    def _left(self, study: Study) -> tuple[int, int]:
        """How many trials wait for these workers, and how many run anywhere."""
        if self.only is not None:
            state = state_of(study.storage.get_trial(study.trial_id(self.only)))
            counts = Counts(waiting=state == "waiting", running=state == "running")
        else:
            counts = study.counts()
        return 0 if study.ended() else counts.waiting, counts.running

    def _fill(self, waiting: int) -> None:
        """Begin workers for the trials that wait."""
        free = sum(worker.beat.trial is None for worker in self._workers)
        while len(self._workers) < self.count and free < waiting and self._allowance.now():
            self._workers.append(self._begin())
            free += 1

    def _begin(self) -> Worker:
        self._begun += 1
        arguments: list[str] = []
        for option, value in (("--trial", self.only), ("--trials", self.trials_per_worker), ("--job", self._job)):
            if value is not None:
                arguments += [option, str(value)]
        environment = threads_environment(max(1, cores() // self.count))
        return Worker(self.folder, f"{self._name}-{self._begun}", arguments, environment)

    def _look_after(self, study: Study, stopping: bool = False) -> bool:
        """Bury workers that have ended, and tell what became of their trials; whether there were any."""
        gone = [worker for worker in self._workers if stopping or worker.ended()]
        for worker in gone:
            worker.bury()
            self._workers.remove(worker)
            death = worker.death() or Death("killed", "its worker ended without it", retry=True)
            lost = study.lost(worker.name, death.code, death.reason, retry=death.retry, died=not stopping)
            beat = worker.beat
            self._allowance.ended(worker.status, fruitful=bool(lost or beat.done))
            if stopping:
                continue
            if worker.status == NO_ROOM:
                message = f"the disk of '{as_typed(self.folder.root)}' is full: the sweep stopped, and no trial is lost"
                raise ConfigError([Fault("E805", message, hint="make room, and start it again")])
            if self._allowance.hopeless:
                log = as_typed(self.folder.workers / f"{worker.name}.log")
                message = f"no worker of '{as_typed(self.folder.root)}' comes to a trial: {death.reason}"
                raise ConfigError([Fault("E803", message, hint=f"'{log}' has all that the last one said")])
        return bool(gone)

    def _ask_to_stop(self, tick: Callable[[], object] | None) -> None:
        """Let the workers keep checkpoints."""
        for worker in self._workers:
            worker.stop()
        until = monotonic() + _GRACE
        while any(not worker.ended() for worker in self._workers) and monotonic() < until:
            sleep(_PAUSE)

    def _kept(self, study: Study) -> tuple[str, str]:
        counts = study.counts()
        what = f"{counts.finished} of {counts.slots} trials are finished, and those at work keep their checkpoints"
        return what, f"the same command goes on, as search.resume={as_typed(self.folder.root)} does"
