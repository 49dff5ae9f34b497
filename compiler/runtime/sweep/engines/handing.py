"""A job for each trial: its point is drawn and checked here, and the job asks for what that trial needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compiler.errors import ConfigError
from compiler.runtime.sweep.engines.engine import PoolCommand, Resources
from compiler.runtime.sweep.engines.resources import resources_of
from compiler.runtime.sweep.engines.watching import Watch
from compiler.runtime.sweep.owners import Owner

if TYPE_CHECKING:
    from compiler.runtime.sweep.claims import Claim
    from compiler.runtime.sweep.composer import Composer

QUEUED = "its job is queued"


def hand_out(watch: Watch, composer: Composer, wanted: Mapping[str, object]) -> None:
    """Submit a job whenever one of the `watch.several` is free, until no trial is open.

    A trial waits with its point until its job takes it, so a dead controller loses nothing: whoever comes back finds
    the jobs, and the trials that have none.

    Args:
        composer: of the sweep.
        wanted: resources of a job, over those that all have (`resources_of`).

    Raises:
        ConfigError: E840, the engine refuses, or its jobs end and do nothing; E841, a fault in `wanted`.
        Interrupted: E807, a signal came.
    """
    owner = Owner.here()
    for jobs in watch.rounds():
        there = {job.trial for job in jobs if not job.over}
        trials = watch.study.trials()
        waiting = [trial.number for trial in trials if trial.state == "waiting" and trial.number not in there]
        for number in waiting:
            if len(there) >= watch.several:
                break
            claim = watch.study.claim(owner, number)
            if claim is None:
                continue
            resources = _checked(claim, composer, wanted)
            if resources is not None:
                there.add(number)
                watch.submit([PoolCommand.make(watch.study.folder, 1, number)], resources, number)


def _checked(claim: Claim, composer: Composer, wanted: Mapping[str, object]) -> Resources | None:
    """What the trial's job asks for; None where its point has faults, which is told then."""
    try:
        plan = composer.plan(claim.overrides)
    except ConfigError as error:
        claim.infeasible(error.faults)
        return None
    try:
        resources = resources_of(wanted, plan, claim.overrides)
    finally:
        claim.give_back(QUEUED)
    return resources
