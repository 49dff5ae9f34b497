"""A saved run of any kind as a function from rows to predictions. Keras is imported only for the kind `keras`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compiler.estimators import KINDS
from compiler.runtime.quiet import quiet
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compiler.runtime.serving.ensemble import Single
    from compiler.runtime.serving.shared import PerRun

Predictor = Callable[[Any], "NDArray[np.float32]"]
"""From inputs, prepared as in the training (of an ensemble `PerRun`), to probabilities (N, C), or of labels (N, K), or
values (N, K)."""

ESTIMATORS = frozenset(kind.kind for kind in KINDS.values())
"""Kinds of runs that hold an estimator."""


def predictor(run: Run, batch_size: int | None = None) -> Predictor:
    """What the model of `run` says.

    Args:
        batch_size: rows that a network takes at a time; those of its training by default.

    Raises:
        ConfigError: E803, the run holds nothing that can be asked, or not what it saved; E808, E901, E903, an estimator
            cannot be read here.
    """
    if run.record.get("kind") == "keras":
        with quiet():
            from compiler.runtime.serving.network import Network

            return Network(run, batch_size).predict
    if run.record.get("kind") in ESTIMATORS:
        from compiler.runtime.estimators.saved import load

        return load(run).predict
    if run.record.get("kind") == "ensemble":
        return _together(run, batch_size)
    raise refused(f"the run '{run.root}' holds nothing that can be asked: its kind is {run.record.get('kind')!r}")


def _together(run: Run, batch_size: int | None) -> Predictor:
    """What an ensemble says; every member is read before the first is asked."""
    from compiler.runtime.serving.ensemble import opened, said, singles

    part = opened(run)
    asked = [predictor(single.run, batch_size) for single in singles(part)]

    def ask(x: PerRun) -> NDArray[np.float32]:
        told = zip(asked, x.inputs, strict=True)

        def next_one(single: Single) -> NDArray[np.float32]:
            one, inputs = next(told)
            return one(inputs)

        return said(part, next_one)

    return ask
