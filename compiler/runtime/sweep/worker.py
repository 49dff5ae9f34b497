"""A worker: a process that takes one trial after another, until none waits.

    python -m compiler.runtime.sweep.worker DIR --id ID [--trial N] [--trials K]

It says what it does in `workers/ID.json`. When its standard input, a pipe, ends, whoever started it is dead: it
finishes its trial and ends. A signal that asks to stop makes it keep a checkpoint and give the trial back.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from compiler.runtime.cli import STATUSES, reporting_faults
from compiler.runtime.signals import Interrupted, Signals
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.heartbeat import Heartbeat
from compiler.runtime.sweep.owners import Owner

STOPPED = STATUSES["E807"]
"""Exit status after a signal."""

NO_ROOM = STATUSES["E805"]
"""Exit status where the disk is full."""


def main(argv: Sequence[str] | None = None) -> int:
    """Work as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m compiler.runtime.sweep.worker")
    parser.add_argument("folder", type=Path, help="of the sweep")
    parser.add_argument("--id", required=True, help="a name that no other worker of the sweep ever had")
    parser.add_argument("--supervisor", type=int, help="the process that tells why this one died")
    parser.add_argument("--job", help="what a scheduler calls it")
    parser.add_argument("--trial", type=int, help="the only trial that it may take")
    parser.add_argument("--trials", type=int, help="after so many it ends")
    given = parser.parse_args(argv)
    folder, owner = SweepFolder(given.folder.absolute()), Owner.here(given.id, given.job, given.supervisor)
    with reporting_faults(), Signals() as signals, signals.held(), Heartbeat(folder.worker(owner.name), owner) as heart:
        return work(folder, owner, heart, signals, given.trial, given.trials)


def work(
    folder: SweepFolder,
    owner: Owner,
    heart: Heartbeat,
    signals: Signals,
    trial: int | None = None,
    trials: int | None = None,
) -> int:
    """Take trials until none waits.

    Args:
        signals: held.
        trial: the only one that may be taken.
        trials: after so many it ends.

    Returns:
        The exit status: 0, `STOPPED` or `NO_ROOM`.

    Raises:
        ConfigError: E803, there is no sweep, or its study cannot be reached.
    """
    from rich.console import Console

    from compiler.runtime.sweep.composer import Composer
    from compiler.runtime.sweep.study import Study
    from compiler.runtime.sweep.trial import Bench, OutOfRoom, carry_out
    from compiler.runtime.warm import Warm

    alone = _alone()
    study = Study.open(folder)
    if (started := Path(study.definition.folder)).is_dir():
        os.chdir(started)  # relative paths of data mean those below it
    console = Console(file=sys.stdout, force_terminal=False, width=120)
    bench = Bench(study, Composer.for_folder(folder), console, Warm(), signals)
    done = 0
    while not alone.is_set() and (trials is None or done < trials):
        if signals.received is not None:
            return STOPPED
        claim = bench.study.claim(owner, trial)
        if claim is None:
            return 0
        heart.begins(claim.number)
        console.print(f"trial {claim.number}: {' '.join(claim.overrides)}", markup=False, highlight=False)
        try:
            if not carry_out(claim, bench):
                return 0
        except Interrupted as stop:
            console.print(stop.faults[0].message, markup=False)
            return STOPPED
        except OutOfRoom as full:
            console.print(str(full), markup=False)
            return NO_ROOM
        finally:
            sys.stdout.flush()
            heart.ends()
        done += 1
    return 0


def _alone() -> Event:
    """Set when standard input, a pipe, ends."""
    alone = Event()
    if stat.S_ISFIFO(os.fstat(0).st_mode):

        def wait() -> None:
            while os.read(0, 1024):
                pass
            alone.set()

        Thread(target=wait, name="parent", daemon=True).start()
    return alone


if __name__ == "__main__":
    atexit.register(gc.freeze)  # a last search for garbage takes a second, and the sweep's end waits for it
    sys.exit(main())
