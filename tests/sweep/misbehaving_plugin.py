"""A plugin whose trials misbehave: as a callback of a network, and around the fit of an estimator.

Of an estimator `train.seed` names what happens: `HOW[seed - 1]`, and nothing where there is none.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from compiler.runtime.estimators import fit as estimators
from compiler.runtime.training.callbacks import Callback
from compiler.settings import choice
from tests.sweep.misbehaving import HOW, misbehave


class Misbehave(Callback):
    """The callback's settings."""

    keras: ClassVar[str] = "tests.sweep.misbehaving_keras.Misbehave"
    how: Annotated[str, choice("none", *HOW)] = "none"


def _fit(spec: Any, train: Any, *others: Any) -> Any:
    how = HOW[train.seed - 1] if 0 < train.seed <= len(HOW) else "none"
    misbehave(how)
    if how != "diverge":
        return _real(spec, train, *others)
    measure, estimators.measure = estimators.measure, lambda *_: {"loss": math.nan}
    try:
        return _real(spec, train, *others)
    finally:
        estimators.measure = measure


_real, estimators.fit = estimators.fit, _fit
