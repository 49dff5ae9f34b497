"""Settings of a training: typed, by name, without Keras. What they mean in Keras is in `compiler.runtime.fitting`."""

from compiler.runtime.training.callbacks import Callback
from compiler.runtime.training.losses import Loss, Task
from compiler.runtime.training.metrics import USUAL, Metric
from compiler.runtime.training.monitors import Best, EarlyStopping, Mode, Plateau, ReduceOnPlateau, Watch
from compiler.runtime.training.objective import Head, Objective, Unsuitable, head_of, objective
from compiler.runtime.training.optimizers import Optimizer
from compiler.runtime.training.schedules import Constant, Schedule
from compiler.runtime.training.settings import TrainSettings, read_train

__all__ = [
    "USUAL",
    "Best",
    "Callback",
    "Constant",
    "EarlyStopping",
    "Head",
    "Loss",
    "Metric",
    "Mode",
    "Objective",
    "Optimizer",
    "Plateau",
    "ReduceOnPlateau",
    "Schedule",
    "Task",
    "TrainSettings",
    "Unsuitable",
    "Watch",
    "head_of",
    "objective",
    "read_train",
]
