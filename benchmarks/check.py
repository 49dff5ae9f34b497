"""Start to answer: `python -m compiler check model=xception_lite` against `python -c "import hydra, pydantic"`.

    python benchmarks/check.py [RUNS]

Both are whole processes, run in turn; medians of wall and of CPU seconds, and their ratios. The aim is 2.5 at most.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from time import perf_counter

OURS = [sys.executable, "-m", "compiler", "check", "model=xception_lite"]
YARDSTICK = [sys.executable, "-c", "import hydra, pydantic"]


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a process that must succeed."""
    start, before = perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return perf_counter() - start, cpu


def main(runs: int) -> None:
    """Print both medians and the ratios."""
    for command in (OURS, YARDSTICK):  # warm the caches of files
        timed(command)
    pairs = [(timed(OURS), timed(YARDSTICK)) for _ in range(runs)]
    for index, what in enumerate(("wall", "CPU")):
        ours, theirs = (median(pair[side][index] for pair in pairs) for side in (0, 1))
        ratio = median(pair[0][index] / pair[1][index] for pair in pairs)
        print(
            f"{what}: check {ours:.3f} s, imports {theirs:.3f} s, ratio {ratio:.2f} (median of {runs} pairs; aim 2.5)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
