"""The `train` section of the configuration, typed."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import model_validator

from compiler.errors import Diagnostics, shown
from compiler.runtime.training.callbacks import Callback
from compiler.runtime.training.initial import Initial
from compiler.runtime.training.keeping import Checkpointing
from compiler.runtime.training.loggers import Logger
from compiler.runtime.training.losses import Auto, Loss
from compiler.runtime.training.metrics import Metric
from compiler.runtime.training.monitors import Best, EarlyStopping, ReduceOnPlateau
from compiler.runtime.training.named import chosen, named, named_schema, record, several, within
from compiler.runtime.training.optimizers import Adam, Optimizer
from compiler.runtime.training.schedules import Cosine, Schedule
from compiler.runtime.training.snapshots import Snapshots
from compiler.runtime.training.strategies import Single, Strategy
from compiler.runtime.training.threads import Threads
from compiler.settings import (
    Annotation,
    Bool,
    InvalidSettings,
    MaybePositiveInt,
    PositiveInt,
    Problem,
    Settings,
    choice,
    field_error,
    is_int,
    is_number,
    nested_error,
    rule,
)
from compiler.spec.located import Map, validated

Precision = Annotated[str, choice("float32", "mixed_float16", "mixed_bfloat16", "float64")]
Seed = Annotated[
    int, rule("an integer from 0 to 2**32 - 1", is_int, lambda v: 0 <= v < 2**32, {"type": "integer", "minimum": 0})
]


def _check_metrics(value: object, name: str) -> object:
    if value == "auto":
        return value
    if not isinstance(value, (list, tuple)):
        hint = f"[{value}]" if isinstance(value, str) else None
        raise field_error("E106", f"{name!r} must be auto or a list of metrics (got {shown(value)})", hint)
    made: dict[str, Metric] = {}
    problems: list[Problem] = []
    for i, item in enumerate(cast("list[object] | tuple[object, ...]", value)):
        try:
            metric: Metric = chosen(Metric, item, "metric")
        except InvalidSettings as error:
            problems += within(i, error)
            continue
        if made.setdefault(metric.key, metric) is not metric:
            problems.append(Problem((i,), "E107", f"{name!r} has {metric.key!r} twice"))
    if problems:
        raise nested_error(problems)
    return tuple(made.values())


def _metrics_schema() -> dict[str, object]:
    return {"anyOf": [{"const": "auto"}, {"type": "array", "items": named_schema(Metric)}]}


def _check_class_weight(value: object, name: str) -> object:
    if value is None or value == "balanced":
        return value
    if not isinstance(value, Mapping):
        words = "null, balanced, or a mapping from class numbers to weights"
        raise field_error("E106", f"{name!r} must be {words} (got {shown(value)})")
    weights: dict[int, float] = {}
    problems: list[Problem] = []
    for key, weight in cast("Mapping[Any, Any]", value).items():
        if not str(key).isdecimal():
            message = f"the keys of {name!r} are class numbers (got {shown(key)})"
            problems.append(Problem((key,), "E605", message, at_key=True))
        elif not is_number(weight) or not 0 <= weight < math.inf:
            message = f"a class weight must be a finite number >= 0 (got {shown(weight)})"
            problems.append(Problem((key,), "E107" if is_number(weight) else "E106", message))
        else:
            weights[int(key)] = float(weight)
    if problems:
        raise nested_error(problems)
    return weights


def _class_weight_schema() -> dict[str, object]:
    weights = {"type": "object", "patternProperties": {"^[0-9]+$": {"type": "number", "minimum": 0}}}
    return {"anyOf": [{"enum": [None, "balanced"]}, {**weights, "additionalProperties": False}]}


Xla = Annotated[
    bool | Literal["auto"],
    rule(
        "true, false or auto",
        lambda value: isinstance(value, bool) or value == "auto",
        schema={"enum": [True, False, "auto"]},
    ),
]
Test = Annotated[Literal["score", "predict", "skip"], choice("score", "predict", "skip")]
Metrics = Annotated[Literal["auto"] | tuple[Metric, ...], Annotation(_check_metrics, _metrics_schema)]
ClassWeight = Annotated[
    Literal["balanced"] | dict[int, float] | None, Annotation(_check_class_weight, _class_weight_schema)
]


class TrainSettings(Settings):
    """How a model is trained.

    Fields:
        epochs: at most so many passes over the training rows.
        seed: of initial weights, dropout, augmentation and the order of rows.
        precision: Keras's dtype policy.
        loss, metrics: `auto` follows from the task and the model's output.
        class_weight: `balanced` is rows / (classes * rows of the class); a class that is not named weighs 1.
        early_stopping, reduce_on_plateau: null switches them off.
        best: which epoch's weights are kept.
        snapshots: further epochs that are kept, each as a run of its own; null for none.
        initial: the weights to begin with, for fine-tuning.
        checkpoint: how often one is made; null for never.
        deterministic: whether TensorFlow may only use operations that give the same bits each time.
        feed: where the training rows are: on the device, or streamed to it; `auto` streams what is read lazily.
        steps_per_execution: how many steps one call of TensorFlow does; null measures. It changes no result.
        accumulate_steps: the batches whose gradients are averaged for one update.
        lowerings: whether layers are computed in a faster way, equal but for rounding, where there is one.
        xla: whether XLA compiles the steps; `auto` finds out by a short trial whether it is faster.
        strategy: on how many devices.
        threads: how many TensorFlow computes with.
        health: whether a network that does not learn is looked into after the first epoch.
        loggers: told of the epochs, besides `history.csv`.
        callbacks: Keras's, or the user's own.
        test: what is done with the test split at the end: it is scored; or predicted, for ensembles, and not scored;
            or not touched.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 64
    seed: Seed = 0
    precision: Precision = "float32"
    optimizer: Annotated[Optimizer, named(Optimizer)] = Adam()
    schedule: Annotated[Schedule, named(Schedule)] = Cosine(warmup_epochs=1)
    loss: Annotated[Loss, named(Loss)] = Auto()
    metrics: Metrics = "auto"
    class_weight: ClassWeight = None
    early_stopping: Annotated[EarlyStopping | None, record(EarlyStopping, none=True)] = None
    reduce_on_plateau: Annotated[ReduceOnPlateau | None, record(ReduceOnPlateau, none=True)] = None
    best: Annotated[Best, record(Best)] = Best()
    snapshots: Annotated[Snapshots | None, named(Snapshots, none=True)] = None
    initial: Annotated[Initial, record(Initial)] = Initial()
    checkpoint: Annotated[Checkpointing | None, record(Checkpointing, none=True)] = Checkpointing()
    deterministic: Bool = False
    feed: Annotated[Literal["auto", "device", "stream"], choice("auto", "device", "stream")] = "auto"
    steps_per_execution: MaybePositiveInt = None
    accumulate_steps: PositiveInt = 1
    lowerings: Bool = True
    xla: Xla = False
    strategy: Annotated[Strategy, named(Strategy)] = Single()
    threads: Annotated[Threads, record(Threads)] = Threads()
    health: Bool = True
    loggers: Annotated[tuple[Logger, ...], several(Logger)] = ()
    callbacks: Annotated[tuple[Callback, ...], several(Callback)] = ()
    test: Test = "score"

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.accumulate_steps > 1 and self.optimizer.gradient_accumulation_steps:
            message = "only one of 'accumulate_steps' and the optimizer's 'gradient_accumulation_steps' can be set"
            raise field_error("E107", message)
        if not isinstance(self.strategy, Single):
            whole = self.optimizer.gradient_accumulation_steps or self.accumulate_steps
            if whole > 1 or self.precision == "mixed_float16" or self.xla:
                what = "accumulated gradients" if whole > 1 else "xla" if self.xla else "mixed_float16"
                raise field_error(
                    "E107", f"'strategy' does not go with {what}", "strategy: none, or a larger batch_size"
                )
        return self

    @property
    def updating(self) -> Optimizer:
        """The optimizer as Keras is to make it, with the accumulation of gradients."""
        steps = self.accumulate_steps
        return self.optimizer.model_copy(update={"gradient_accumulation_steps": steps}) if steps > 1 else self.optimizer


def read_train(section: Map, diagnostics: Diagnostics) -> TrainSettings | None:
    """The settings that the `train` section describes; None, with the faults in `diagnostics`, where they are wrong."""
    return validated(TrainSettings, section, diagnostics, subject="train")
