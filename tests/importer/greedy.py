"""Tasks for the child that want more than they may have."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any


def memory(asked: dict[str, Any]) -> object:
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


def seconds(asked: dict[str, Any]) -> object:
    while True:
        pass


def sleep(asked: dict[str, Any]) -> object:
    time.sleep(600)
    return None


def answer(asked: dict[str, Any]) -> object:
    return "x" * 10_000_000


def written(asked: dict[str, Any]) -> object:
    Path(asked["to"]).write_bytes(bytes(10_000_000))
    return None


def crash(asked: dict[str, Any]) -> object:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None


def noise(asked: dict[str, Any]) -> object:
    raise ValueError("\x1b[2J\nstrange\ud800")
