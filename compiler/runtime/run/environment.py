"""What a run ran on: all that its bits depend on besides its config, so that two that differ can say why."""

from __future__ import annotations

import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

PACKAGES = (
    "lamina", "tensorflow", "tensorflow-cpu", "keras", "numpy", "scikit-learn", "hydra-core", "omegaconf",
)  # fmt: skip

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip

_FLAGS = (
    "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "TF_DETERMINISTIC_OPS",
    "TF_CUDNN_DETERMINISTIC", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
"""Variables that change what TensorFlow computes with."""

_INSTRUCTIONS = re.compile(r"(sse4_2|avx\w*|fma|f16c|amx\w*|asimd\w*|sve\w*|bf16|i8mm)")
"""Sets of instructions by which kernels are chosen, as Linux names them."""


def environment() -> dict[str, object]:
    """Versions of the installed packages, Python, platform, CPUs and thread counts, as `run.json` keeps them.

    TensorFlow's own thread counts are there where it is imported already: those that it works with.
    """
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "usable_cpus": _usable_cpus(),
        "cpu": _cpu(),
        "threads": _threads(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        "flags": {name: os.environ[name] for name in _FLAGS if name in os.environ},
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _threads() -> dict[str, object]:
    threads: dict[str, object] = {name: os.environ[name] for name in _THREADS if name in os.environ}
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        threading = tensorflow.config.threading
        for kind, said in (
            ("intra", threading.get_intra_op_parallelism_threads()),
            ("inter", threading.get_inter_op_parallelism_threads()),
        ):
            # 0 means as many as the environment says, else one thread for each CPU that the process may use
            from_environment = os.environ.get(f"TF_NUM_{kind.upper()}OP_THREADS", "")
            named = int(from_environment) if from_environment.isdecimal() else 0
            threads[f"tensorflow_{kind}_op"] = said or named or _usable_cpus()
    return threads


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> dict[str, object]:
    """The processor's name and the instructions that decide which kernels run."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:  # another system than Linux
        return {"model": platform.processor(), "instructions": []}
    fields = dict(re.findall(r"^(\S[^\t:]*?)\s*: (.*)$", text, re.MULTILINE))
    words = fields.get("flags", fields.get("Features", "")).split()
    found = sorted(word for word in words if _INSTRUCTIONS.fullmatch(word))
    return {"model": fields.get("model name", platform.processor()), "instructions": found}


@cache
def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # slower than all else here, and only writers need it

    try:
        return version(name)
    except PackageNotFoundError:
        return None
