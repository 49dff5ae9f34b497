"""How many steps one call of TensorFlow does: enough that Python costs nothing, few enough that the bar moves."""

from __future__ import annotations

import os
import time
from pathlib import Path

AIM = 0.2
"""Seconds of one call. Between two calls the bar moves, Ctrl-C is heard, and a loss that is no number stops the run."""

_GROWTH = 4
"""At most so many times as many steps as in the call before: one measurement may be off."""


class Pace:
    """The number of steps of the next call. It never changes what the steps compute.

    Args:
        steps: so many, always; None measures, beginning with one.

    >>> pace = Pace()
    >>> pace.steps
    1
    >>> pace.took(1, 5.0)  # the first call, which traces, says nothing
    >>> pace.took(1, 0.1)
    >>> pace.steps
    2
    >>> pace.took(2, 0.001)
    >>> pace.steps
    8
    """

    def __init__(self, steps: int | None = None) -> None:
        self._fixed, self.steps = steps is not None, steps or 1
        self._calls = 0

    def took(self, steps: int, seconds: float) -> None:
        """A call of so many steps took so long."""
        self._calls += 1
        if not self._fixed and self._calls > 1:
            fitting = int(AIM * steps / seconds) if seconds > 0 else self.steps * _GROWTH
            self.steps = max(1, min(fitting, self.steps * _GROWTH))


def process_age() -> float | None:
    """Seconds since this process was started; None where the system does not say. Linux: `man 5 proc_pid_stat`."""
    try:
        fields = Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError, ValueError, IndexError):
        return None
