"""The callback of `tests.sweep.misbehaving`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.sweep.misbehaving import misbehave


class Misbehave(keras.callbacks.Callback):
    """Misbehaves at the beginning of the second epoch."""

    def __init__(self, how: str = "none") -> None:
        super().__init__()
        self.how = how

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            misbehave(self.how)
            if self.how == "diverge":
                model: Any = self.model
                model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
