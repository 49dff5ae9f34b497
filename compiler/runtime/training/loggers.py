"""Loggers besides the `history.csv` of every run, by name. What they write is in `compiler.runtime.loggers`."""

from typing import ClassVar

from compiler.runtime.training.named import Named
from compiler.settings import MaybeStr, Str


class Logger(Named, family="logger"):
    """Abstract: where a training is written to besides its run directory.

    Class attributes:
        packages: what it needs, as it is imported; `extra` installs them.
    """

    packages: ClassVar[tuple[str, ...]]
    extra: ClassVar[str]


class TensorBoard(Logger, aliases=("tensorboard",)):
    """Event files for TensorBoard: scalars by epoch and split, hyperparameters, the model's text.

    Fields:
        folder: null is `tensorboard` in the run directory; else a folder there with the run's name.
    """

    packages: ClassVar[tuple[str, ...]] = ("tensorboard",)
    extra: ClassVar[str] = "tensorboard"

    folder: MaybeStr = None


class MLflow(Logger):
    """A run of MLflow: parameters, metrics by epoch, tags, `model.yaml` and `run.json`.

    Fields:
        tracking: a folder or the URI of a store; null is `outputs/mlflow`.
        experiment: made where it is missing.
        name: of MLflow's run; null is the run directory's.
    """

    packages: ClassVar[tuple[str, ...]] = ("mlflow",)
    extra: ClassVar[str] = "mlflow"

    tracking: MaybeStr = None
    experiment: Str = "lamina"
    name: MaybeStr = None
