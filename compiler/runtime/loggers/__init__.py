"""Loggers: TensorBoard and MLflow are told of a training, and cannot harm it.

Each is an observer of the training (`fitting.progress.Progress`) with an end of its own. Their packages are imported
when the training begins.
"""

from compiler.runtime.loggers.base import About, Ended, Logger
from compiler.runtime.loggers.guarded import Loggers, require_packages

__all__ = ["About", "Ended", "Logger", "Loggers", "require_packages"]
