"""How many threads a worker computes with, so that all of them together have one for each core."""

from __future__ import annotations

import os
from collections.abc import Mapping

_VARIABLES = (
    "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
)  # fmt: skip


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_environment(threads: int) -> Mapping[str, str]:
    """The variables of a process that is to compute with so many threads; what the user has set stands."""
    return {name: str(threads) for name in _VARIABLES if name not in os.environ}
