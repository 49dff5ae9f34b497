"""Workers elsewhere that take trial after trial from the study, as many as are wanted, until no trial is open."""

from __future__ import annotations

from compiler.runtime.sweep.engines.engine import PoolCommand
from compiler.runtime.sweep.engines.watching import Watch


def pull(watch: Watch, trials_per_worker: int, wait: bool = True) -> bool:
    """Keep as many workers as there are trials for, and give back what dead ones had.

    The workers need nobody, so whoever calls this may end at any time, and call it again later.

    Args:
        wait: false: start the workers, and leave.

    Returns:
        Whether no trial is open.

    Raises:
        ConfigError: E840, the engine refuses, or its workers end and do nothing.
        Interrupted: E807, a signal came.
    """
    command = PoolCommand.make(watch.study.folder, trials_per_worker)
    for jobs in watch.rounds():
        counts = watch.study.counts()
        there = sum(not job.over for job in jobs)
        lacking = min(watch.several, counts.waiting + counts.running) - there
        if lacking > 0 and counts.waiting and not watch.study.ended():
            watch.submit([command] * lacking, {})
        if not wait:
            return False
    return True
