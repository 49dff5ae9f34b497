"""What a run ran on: enough to say why two runs of one config differ."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "lamina", "tensorflow", "tensorflow-cpu", "keras", "numpy", "scikit-learn", "hydra-core", "omegaconf",
)  # fmt: skip

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip


def environment() -> dict[str, object]:
    """Versions of the installed packages, Python, platform, CPUs and thread counts, as `run.json` keeps them.

    TensorFlow's own thread counts are there where it is imported already; 0 means that it chooses.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "usable_cpus": usable,
        "threads": _threads(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _threads() -> dict[str, object]:
    threads: dict[str, object] = {name: os.environ[name] for name in _THREADS if name in os.environ}
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        threading = tensorflow.config.threading
        threads["tensorflow_intra_op"] = threading.get_intra_op_parallelism_threads()
        threads["tensorflow_inter_op"] = threading.get_inter_op_parallelism_threads()
    return threads


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
