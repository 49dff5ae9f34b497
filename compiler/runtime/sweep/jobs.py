"""Launchers of Hydra's own, and of others: a trial is one of Hydra's jobs, and runs `train.py`'s task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.errors import ConfigError, Fault
from compiler.runtime.cli import STATUSES, TRIAL
from compiler.runtime.sweep.composer import Composer
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.owners import Owner

if TYPE_CHECKING:
    from compiler.runtime.sweep.claims import Claim
    from compiler.runtime.sweep.sweep import Sweep


class Jobs:
    """Carries out a sweep through `Launcher.launch`.

    A trial is drawn and checked here and given back, so that its job shows its overrides, and claims it. A launcher
    that works on several jobs at once, such as joblib's, gets as many as it has places for, and returns after all.
    """

    def __init__(self, launcher: Any) -> None:
        self.launcher = launcher

    def carry(self, sweep: Sweep) -> None:
        """Carry out all open trials.

        Raises:
            ConfigError: E830, the launcher returns without having begun a trial.
        """
        owner, composer = Owner.here(), Composer.for_folder(sweep.folder)
        while claims := self._drawn(sweep, owner, composer):
            jobs = [[*sweep.study.definition.fixed, *claim.overrides, *_own(sweep, claim)] for claim in claims]
            self.launcher.launch(jobs, initial_job_idx=claims[0].number)
            sweep.study.recover()
            sweep.board.update()
            idle = {trial.number for trial in sweep.study.trials() if trial.state == "waiting"}
            if untouched := [claim.number for claim in claims if claim.number in idle and not _was_begun(claim)]:
                name = type(self.launcher).__name__
                message = f"{name} returned without having begun trial {', '.join(map(str, untouched))}"
                raise ConfigError([Fault("E830", message, hint="hydra/launcher=local")])

    def _drawn(self, sweep: Sweep, owner: Owner, composer: Composer) -> list[Claim]:
        """The next trials without faults, as many as the launcher has places for."""
        drawn: list[Claim] = []
        while len(drawn) < self._places() and (claim := sweep.study.claim(owner)):
            try:
                composer.plan(claim.overrides)
            except ConfigError as error:
                claim.infeasible(error.faults)
                continue
            drawn.append(claim)
        for claim in drawn:
            claim.give_back("its job is to begin")
        return drawn

    def _places(self) -> int:
        """How many jobs joblib's launcher works on at once; one for a launcher that does not say."""
        settings: Mapping[str, Any] = getattr(self.launcher, "joblib", {})
        count = int(settings.get("n_jobs") or 1)
        return count if count > 0 else max(1, (os.cpu_count() or 1) + 1 + count)


def _own(sweep: Sweep, claim: Claim) -> list[str]:
    """What tells a job which trial it is, and where it writes."""
    root = sweep.folder.root.absolute()
    return [
        f"hydra.sweep.dir='{root}'",
        f"hydra.sweep.subdir={claim.folder.relative_to(sweep.folder.root)}",
        f"+hydra.job.env_set.{TRIAL}='{claim.number}:{root}'",
    ]


def _was_begun(claim: Claim) -> bool:
    return (claim.folder / "run.json").exists()


def work_as_job(trial: str) -> float | None:
    """Carry out, in this process, the trial that the environment variable names; its first value, if it has one."""
    from compiler.runtime.signals import Signals
    from compiler.runtime.sweep.heartbeat import Heartbeat
    from compiler.runtime.sweep.study import Study
    from compiler.runtime.sweep.worker import work

    number, _, root = trial.partition(":")
    folder, owner = SweepFolder(Path(root)), Owner.here()
    with Signals() as signals, signals.held(), Heartbeat(folder.worker(owner.name), owner) as heart:
        status = work(folder, owner, heart, signals, int(number), 1)
    if status == STATUSES["E807"]:
        raise KeyboardInterrupt
    found = next(each for each in Study.open(folder).trials() if each.number == int(number))
    return found.values[0] if found.values else None
