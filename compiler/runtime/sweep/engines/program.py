"""A pool of one worker as a program, which is what an engine starts:

    python -m compiler.runtime.sweep.engines.program DIR [--trial N] [--trials K] [--job NAME]

It ends when no trial waits; with status 75 when it was asked to stop, or when whoever started it (the other end of its
standard input) has died: its trial is given back then, with a checkpoint.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from compiler.runtime.cli import STATUSES, reporting_faults
from compiler.runtime.sweep.pool import Pool


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out trials as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m compiler.runtime.sweep.engines.program")
    parser.add_argument("folder", type=Path, help="of the sweep")
    parser.add_argument("--trial", type=int, help="the only trial that it may take")
    parser.add_argument("--trials", type=int, help="after which the worker's process is replaced")
    parser.add_argument("--job", help="what a scheduler calls it")
    given = parser.parse_args(argv)
    with reporting_faults():
        # it does not wait for trials of others: its place costs money, and whoever looks after the sweep starts another
        pool = Pool(given.folder, 1, given.trials, given.trial, linger=False, job=given.job)
        alone = _Alone(pool)
        alone.start()
        pool.run()
        return STATUSES["E807"] if alone.noticed else 0


class _Alone(Thread):
    """Stops the pool when standard input ends.

    Attributes:
        noticed: whether it did.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(daemon=True)
        self._pool = pool
        self.noticed = False

    def run(self) -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        self.noticed = True
        self._pool.stop()


if __name__ == "__main__":
    sys.exit(main())
