"""Whether XLA compiles the steps: as the settings say, or by a short trial that leaves no trace."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.ir import CheckedGraph
from compiler.runtime.fitting import variables
from compiler.runtime.fitting.loop import Loop, Uncompilable
from compiler.runtime.fitting.steps import Steps

Choice = dict[str, Any]
"""What `run.json` says of it: `used`, `why`, and where both ways were timed the `milliseconds` of a step."""

WORTH = 30.0
"""Seconds that the training must have before it for a trial: XLA takes some of them to compile."""

CLEARLY = 0.9
"""The share of the other way's time that XLA may take, to be taken: what is measured once is off by some percent."""

_TRIAL = 0.4  # seconds that each way is timed for


def settled(wanted: bool, loop: Loop) -> Choice:
    """The choice of a setting that is no `auto`."""
    if wanted and not loop.full:
        return {"used": False, "why": "the rows are streamed, or fewer than a batch"}
    return {"used": wanted, "why": "train.xla"}


def tried(graph: CheckedGraph, steps: Steps, loop: Loop, order: NDArray[np.int64], remaining: int) -> Choice:
    """Time both ways on the first rows, and put every variable back.

    What metrics have summed up is not put back: an epoch begins without it.

    Args:
        order: of the rows, in which they are tried.
        remaining: how many steps the training has before it.
    """
    if not loop.full:
        return {"used": False, "why": "the rows are streamed, or fewer than a batch"}
    if not tf.config.list_physical_devices("GPU") and any("Conv" in node.node.op for node in graph):
        return {"used": False, "why": "convolutions, which XLA computes slowly on a CPU"}
    before = variables.read(steps.variables())
    try:
        plain = _seconds(loop, order, False)
        if plain * remaining < WORTH:
            return {"used": False, "why": f"about {plain * remaining:.0f} s to train: too few for compiling to pay"}
        try:
            compiled = _seconds(loop, order, True)
        except Uncompilable as error:
            return {"used": False, "why": error.faults[0].message}
    finally:
        loop.xla = False
        now = steps.variables()
        variables.write({name: now[name] for name in before}, before)
    found = {"plain": round(1e3 * plain, 4), "xla": round(1e3 * compiled, 4)}
    return {"used": compiled < CLEARLY * plain, "why": "a trial", "milliseconds": found}


def _seconds(loop: Loop, order: NDArray[np.int64], xla: bool) -> float:
    """Of one step: the least of some calls, after one that traces."""
    loop.xla = xla
    rates = np.zeros(loop.full, np.float32)
    loop(order, rates, 0, 1)
    least, spent, count = float("inf"), 0.0, 1
    while spent < _TRIAL:
        began = perf_counter()
        loop(order, rates, 0, count)
        took = perf_counter() - began
        least, spent = min(least, took / count), spent + took
        count = min(loop.full, 2 * count)
    return least
