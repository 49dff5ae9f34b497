"""Keras and TensorFlow, imported in a thread while the data are read: five seconds that need not be waited for."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self

from compiler.runtime.quiet import quiet

_SHARED = ("numpy", "sklearn.model_selection", "pandas", "PIL.Image")
"""What Keras imports as well as those who read data. Python may give a thread a half-made module where two import in
circles, so these come first, and cost nothing: Keras would import them."""


class KerasImport:
    """Import what trains a network, in a thread.

    A fault meanwhile is printed at once; the process then ends when the import has.

    Args:
        apart: whether a thread does it; else it is done by `wait`.
    """

    def __init__(self, apart: bool = True) -> None:
        self._error: BaseException | None = None
        self._thread = Thread(target=self._import) if apart and "keras" not in sys.modules else None

    def __enter__(self) -> Self:
        if self._thread:
            for name in _SHARED:
                with suppress(ImportError):
                    importlib.import_module(name)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What failed already does not wait."""

    def wait(self) -> None:
        """Return when Keras is there; raise what its import raised."""
        if self._thread:
            self._thread.join()
        else:
            self._import()
        if self._error:
            raise self._error

    def _import(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with quiet():
                import compiler.runtime.fitting.fit  # noqa: F401  # imported for later, where nothing is to be kept quiet
        except BaseException as error:  # whatever it is, it is raised where it is waited for
            self._error = error
