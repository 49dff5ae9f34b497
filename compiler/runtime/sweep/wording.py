"""How values of trials, durations and commands are written for people."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from compiler.spec.compose import CONFIG_NAME


def number(value: float) -> str:
    """A value in few digits.

    >>> number(0.91234), number(34634.0), number(2.5e-7), number(12.34567), number(0)
    ('0.9123', '34,634', '2.5e-07', '12.35', '0')
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 10:
        return f"{value:.4f}"
    return f"{value:.4g}" if abs(value) < 1000 or abs(value) >= 1e15 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time in two units at most.

    >>> duration(0.24), duration(42.4), duration(200), duration(7800), duration(200_000)
    ('0.2 s', '42 s', '3 min 20 s', '2 h 10 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for large, small, names in ((86400, 3600, ("d", "h")), (3600, 60, ("h", "min")), (60, 1, ("min", "s"))):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    return f"{whole} s"


def command(overrides: Sequence[str], config_name: str = CONFIG_NAME) -> str:
    """The command of a single training, quoted for a shell.

    >>> command(["model=mlp", "train.optimizer={op: SGD}"])
    "python train.py model=mlp 'train.optimizer={op: SGD}'"
    """
    name = [] if config_name == CONFIG_NAME else ["--config-name", config_name]
    return shlex.join(["python", "train.py", *name, *overrides])


def counted(counts: Mapping[Any, int]) -> str:
    """States with how many trials are in each.

    >>> counted({"running": 2, "complete": 10})
    '2 running, 10 complete'
    """
    return ", ".join(f"{count:,} {state}" for state, count in counts.items())
