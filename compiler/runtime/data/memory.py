"""How much memory there is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container sees its own limit: control groups of version 2 and of version 1."""

MOST = 0.25
"""The share of the available memory that data may take: training holds them a second time."""


def fits(nbytes: int) -> bool:
    """Whether data of so many bytes are kept in memory by default."""
    return nbytes <= MOST * available_bytes()


def available_bytes() -> int:
    """What this process may still allocate: what the system has, or less by a limit of its container or its own."""
    return max(0, min(_bounds()))


def _bounds() -> Iterator[int]:
    yield psutil.virtual_memory().available
    held = psutil.Process().memory_info()
    for limit in _GROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # there is none, or it is the word "max"
            yield int(limit.read_text()) - held.rss
    with contextlib.suppress(ImportError):  # Windows has none
        import resource

        for kind, used in ((resource.RLIMIT_AS, held.vms), (resource.RLIMIT_DATA, getattr(held, "data", held.rss))):
            most = resource.getrlimit(kind)[0]
            if most != resource.RLIM_INFINITY:
                yield most - used
