"""Keras's callbacks by name, and how a plugin declares one of the user's own.

class Thaw(Callback):                            # in a module under `plugins`
    keras: ClassVar[str] = "mine.callbacks.Thaw"    # a subclass of keras.callbacks.Callback, imported when it is used
    epoch: PositiveInt = 5                          # its arguments, typed
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from compiler.errors import shown
from compiler.runtime.training.named import Named
from compiler.settings import Annotation, Bool, Str, field_error, non_defaults

_CHECKPOINTS = ("the best weights are kept, and checkpoints are made", "train.best, train.checkpoint")
_HISTORY = ("every run has its history.csv", "train.loggers for other forms")

REFUSED: Mapping[str, tuple[str, str]] = {
    "BackupAndRestore": ("it does not resume exactly", "train.checkpoint, and resume=DIR"),
    "CSVLogger": _HISTORY,
    "Callback": ("it does nothing", "declare one of your own in a plugin: docs/watching.md"),
    "CallbackList": ("callbacks are a list already", "train.callbacks=[...]"),
    "EarlyStopping": ("it is a setting of its own, whose state is resumed", "train.early_stopping={patience: 8}"),
    "History": _HISTORY,
    "LambdaCallback": ("functions cannot stand in a configuration", "declare one of your own in a plugin"),
    "LearningRateScheduler": ("the learning rate comes with every step", "train.schedule"),
    "ModelCheckpoint": _CHECKPOINTS,
    "OrbaxCheckpoint": _CHECKPOINTS,
    "ProgbarLogger": ("progress is shown anyway", "nothing is needed"),
    "ReduceLROnPlateau": (
        "it is a setting of its own, whose state is resumed",
        "train.reduce_on_plateau={patience: 5} with train.schedule=constant",
    ),
    "SwapEMAWeights": ("the optimizers keep no moving average of weights", "declare one of your own in a plugin"),
    "TensorBoard": ("it is a logger", "train.loggers=[tensorboard]"),
    "TerminateOnNaN": ("a loss that is no number stops every training (E802)", "nothing is needed"),
}
"""Callbacks of Keras that clash with what is done here: why, and what to set instead."""


def _check_headers(value: object, name: str) -> object:
    if value is None or (isinstance(value, Mapping) and all(type(item) is str for item in value.values())):
        return value
    raise field_error("E106", f"{name!r} must be a mapping of strings or null (got {shown(value)})")


class Callback(Named, family="callback"):
    """Abstract: a callback that is told of a training as Keras's `fit` tells it.

    Class attributes:
        keras: the class, by its module; imported when the training begins.
    """

    refused: ClassVar[Mapping[str, tuple[str, str]]] = REFUSED
    keras: ClassVar[str]

    def arguments(self) -> dict[str, Any]:
        """What the class's constructor takes, defaults left out."""
        return non_defaults(self)


class RemoteMonitor(Callback):
    """Posts what an epoch measured to a server, as JSON."""

    keras: ClassVar[str] = "keras.callbacks.RemoteMonitor"

    root: Str = "http://localhost:9000"
    path: Str = "/publish/epoch/end/"
    field: Str = "data"
    headers: Annotated[dict[str, str] | None, Annotation(_check_headers, lambda: {"type": ["object", "null"]})] = None
    send_as_json: Bool = False
