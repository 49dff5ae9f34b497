"""What trials should not do: `HOW` has the ways."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

HOW = ("raise", "exit", "kill", "eat", "hang", "diverge")

_MOST_GIB = 3.0  # "eat" stops by itself, should nobody end it


def misbehave(how: str) -> None:
    """Do it. `diverge` is whoever calls to do, and `none` is nothing."""
    if how == "raise":
        raise ZeroDivisionError("a layer that divides by zero")
    if how == "exit":
        sys.exit("a library that gives up")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(600)
    if how == "eat":
        eaten: list[np.ndarray] = []
        while len(eaten) < _MOST_GIB * 20:
            eaten.append(np.ones(2**30 // 20, np.uint8))
            time.sleep(0.005)
        time.sleep(600)
