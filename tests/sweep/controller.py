"""A supervisor of a sweep in a process of its own: `python -m tests.sweep.controller DIR WORKERS`."""

from __future__ import annotations

import sys
from pathlib import Path

from compiler.runtime.cli import reporting_faults
from compiler.runtime.sweep.pool import Pool

if __name__ == "__main__":
    with reporting_faults():
        Pool(Path(sys.argv[1]), int(sys.argv[2])).run()
