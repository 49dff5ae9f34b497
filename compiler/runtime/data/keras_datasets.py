"""The last resort of two sources: `keras.datasets`, which downloads. Nothing else of this package imports Keras."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compiler.runtime.data.source import Unreadable

if TYPE_CHECKING:
    from compiler.runtime.data.dataset import Array

    Pair = tuple[Array, Array]


def download(name: str) -> tuple[Pair, Pair]:
    """(x, y) of training and of test rows of `keras.datasets.<name>`, from Keras's cache where they stand there.

    Raises:
        Unreadable: Keras cannot get or read them.
    """
    try:
        module: Any = importlib.import_module(f"keras.datasets.{name}")
        load_data: Callable[[], tuple[Pair, Pair]] = module.load_data
        return load_data()
    except Exception as error:  # Keras raises bare Exception where a download fails
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise Unreadable(f"keras.datasets.{name} cannot be loaded ({reason})") from None
