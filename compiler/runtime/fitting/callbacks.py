"""Keras's callbacks, told of a training as `fit` tells them. Keras is imported with this file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from compiler.errors import ConfigError, Fault
from compiler.runtime.training.callbacks import Callback

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


class Callbacks:
    """The callbacks of one training. What they raise is raised.

    Args:
        settings: what was chosen; their classes are imported now.
        params: what Keras's `fit` says to `set_params`: `epochs`, `steps`, `verbose`.

    Attributes:
        singly: whether a callback looks at single batches, so that steps must be done one at a time.

    Raises:
        ConfigError: E006, a class cannot be imported, is no callback of Keras, or takes other arguments.
    """

    def __init__(self, settings: Sequence[Callback], model: Any, params: Mapping[str, int]) -> None:
        self.model = model
        self.names = [type(one).__name__ for one in settings]
        made = [_made(one) for one in settings]
        self.singly = any(
            getattr(type(one), hook) is not getattr(keras.callbacks.Callback, hook)
            for one in made
            for hook in _BATCH_HOOKS
        )
        told: dict[str, Any] = dict(params)
        self._list = keras.callbacks.CallbackList(made, model=model, **told) if made else None
        model.stop_training = False

    @property
    def stop(self) -> bool:
        """Whether a callback has set `model.stop_training`."""
        return bool(self.model.stop_training)

    def tell(self, event: str, *arguments: Any) -> None:
        """Call `on_<event>` of each."""
        if self._list is not None:
            getattr(self._list, f"on_{event}")(*arguments)

    def resumed(self) -> Fault | None:
        """W825 where there are callbacks: what they remember is in no checkpoint."""
        if self._list is None:
            return None
        names = ", ".join(repr(name) for name in self.names)
        hint = "a callback that counts epochs can take them from on_epoch_begin(epoch)"
        return Fault(
            "W825", f"callbacks begin anew, for checkpoints do not have what they remember: {names}", hint=hint
        )


def as_keras(row: Mapping[str, float]) -> dict[str, float]:
    """A row of the history by Keras's names.

    >>> as_keras({"epoch": 1, "learning_rate": 0.1, "train.loss": 2.0, "val.loss": 3.0, "seconds": 1.0})
    {'learning_rate': 0.1, 'loss': 2.0, 'val_loss': 3.0}
    """
    names = {key: key.replace("train.", "").replace("val.", "val_") for key in row}
    return {names[key]: value for key, value in row.items() if key not in ("epoch", "seconds")}


def _made(settings: Callback) -> Any:
    name, (module, _, cls) = type(settings).__name__, settings.keras.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), cls)(**settings.arguments())
    except Exception as error:  # a plugin is the user's own code: whatever it raises is the user's to see
        message = f"cannot make the callback {name!r} ({settings.keras}): {type(error).__name__}: {error}"
        raise ConfigError([Fault("E006", message)]) from error
    if not isinstance(made, keras.callbacks.Callback):
        raise ConfigError([Fault("E006", f"{settings.keras!r} is no subclass of keras.callbacks.Callback")])
    return made
