"""What goes together before a training: model, data and settings. Pure; Keras is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from compiler.errors import Diagnostics, Place, did_you_mean
from compiler.ir import CheckedGraph, CheckedNode, Shape
from compiler.ops.base import dims
from compiler.runtime.training import (
    USUAL,
    Constant,
    Head,
    Metric,
    Task,
    TrainSettings,
    Unsuitable,
    head_of,
    objective,
)
from compiler.runtime.training.losses import Auto
from compiler.runtime.training.named import snake
from compiler.runtime.training.schedules import CosineRestarts
from compiler.runtime.training.snapshots import Cycles
from compiler.spec.located import Map, at

Path = tuple[str, ...]


class Data(Protocol):
    """What is known of the data before they are read.

    Attributes:
        classes: how many; for regression, how many targets; for multilabel, how many labels.
        shapes: of one row, by input; a single input has the name "".
    """

    @property
    def task(self) -> Task: ...
    @property
    def classes(self) -> int: ...
    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...


def check_training(
    graph: CheckedGraph, train: TrainSettings, data: Data, section: Map, diagnostics: Diagnostics
) -> None:
    """Report what in `train` does not suit the model or the data.

    Args:
        section: the `train` section, for the places.
    """
    check = _Check(graph, train, data, section, diagnostics)
    check.inputs()
    check.head()
    check.metrics()
    check.monitors()
    check.class_weight()
    check.snapshots()
    check.idle()


def measured(train: TrainSettings, task: Task) -> tuple[Metric, ...]:
    """The metrics that are measured besides the loss."""
    return USUAL[task] if train.metrics == "auto" else tuple(metric for metric in train.metrics)


_COUNTED: Mapping[Task, str] = {
    "multiclass": "classes",
    "binary": "classes",
    "multilabel": "labels",
    "regression": "targets",
}


class SettingsCheck:
    """What in `train` does not suit the data, for any kind of model."""

    def __init__(self, train: TrainSettings, data: Data, section: Map, diagnostics: Diagnostics) -> None:
        self.train, self.data = train, data
        self.section, self.diagnostics = section, diagnostics

    def metrics(self) -> None:
        """E604: metrics suit the task."""
        if self.train.metrics == "auto":
            return
        for i, metric in enumerate(self.train.metrics):
            if self.data.task not in metric.keras:
                *others, last = metric.keras
                tasks = f"{', '.join(others)} and {last}" if others else last
                message = f"{metric.key!r} measures {tasks}, but the data are for {self.data.task}"
                fitting = [cls.__name__ for cls in Metric.choices() if self.data.task in cls.keras]
                place, _ = at(self.section, ("metrics", i))
                self.diagnostics.report("E604", message, place, hint=f"one of {', '.join(fitting)}")

    def monitors(self, sections: tuple[str, ...] = ("best", "early_stopping", "reduce_on_plateau")) -> None:
        """E601: what is monitored is in the history."""
        keys = ["loss", *(metric.key for metric in measured(self.train, self.data.task))]
        known = [f"{split}.{key}" for split in ("val", "train") for key in keys]
        for section in sections:
            settings = getattr(self.train, section)
            if settings is None or settings.monitor in known:
                continue
            if settings.monitor.startswith("test"):
                hint = f"nothing selects on the test split; {_instead(settings.monitor, known)}"
            else:
                hint = did_you_mean(settings.monitor, known) or f"one of {', '.join(known)}"
            message = f"{section!r} monitors {settings.monitor!r}, which is not in the history"
            self.report("E601", message, (section, "monitor"), hint)

    def class_weight(self) -> None:
        """E605: class weights are for classes that there are."""
        weights = self.train.class_weight
        if weights is None:
            return
        if self.data.task == "regression":
            self.report("E605", "'class_weight' needs classes, but the data have none (regression)", ("class_weight",))
        elif self.data.task == "multilabel":
            message = "'class_weight' weighs a row by its class, but a row of the data has several labels (multilabel)"
            hint = "class_weight: null, or loss: {op: BinaryFocalCrossentropy, apply_class_balancing: true}"
            self.report("E605", message, ("class_weight",), hint)
        elif weights != "balanced":
            for number in weights:
                if number >= self.data.classes:
                    message = f"'class_weight' has the class {number}, but the classes are 0 to {self.data.classes - 1}"
                    place, _ = at(self.section, ("class_weight", str(number)), key=True)
                    self.diagnostics.report("E605", message, place)

    def report(self, code: str, message: str, path: Path, hint: str | None = None) -> None:
        """Report at the value that stands at `path` below `train`."""
        self.diagnostics.report(code, message, self._place(path), hint=hint)

    def _place(self, path: Path) -> Place:
        return at(self.section, path)[0]


class _Check(SettingsCheck):
    def __init__(
        self, graph: CheckedGraph, train: TrainSettings, data: Data, section: Map, diagnostics: Diagnostics
    ) -> None:
        super().__init__(train, data, section, diagnostics)
        self.graph = graph

    def inputs(self) -> None:
        """E606: the data enter."""
        nodes, shapes = {node.name: node for node in self.graph.inputs}, self.data.shapes
        single = len(nodes) == 1 and tuple(shapes) == ("",)
        if not single and set(nodes) != set(shapes):
            has, have = _names(nodes), _names(shapes)
            place = next((node.node.place for node in nodes.values()), None)
            self.diagnostics.report("E606", f"the model has {has}, but the data have {have}", place)
            return
        for name, node in nodes.items():
            shape = shapes["" if single else name]
            if node.type and not _fits(shape, node.type.shape):
                message = f"{name!r} takes {dims(node.type.shape)}, but a row of the data is {dims(shape)}"
                hint = f"shape: {list(shape)}, or '${{data.input_shape}}'"
                self.diagnostics.report("E606", message, node.node.place, hint=hint, trail=node.node.trail)

    def head(self) -> None:
        """E602, E603, E604: the output, the loss and the labels."""
        if len(self.graph.outputs) > 1:
            keys = ", ".join(repr(output.key or output.node) for output in self.graph.outputs)
            self.report("E604", f"the model gives {keys}, but the data have one label a row", ("loss",))
            return
        head = head_of(self.graph)
        suits = self._units(head)
        try:
            if suits:
                objective(head, self.train.loss, self.data.task)
        except Unsuitable as fault:
            if isinstance(fault.blame, CheckedNode):
                node = fault.blame.node
                self.diagnostics.report(fault.code, str(fault), node.place, hint=fault.hint, trail=node.trail)
            else:
                self.report(fault.code, str(fault), fault.blame, fault.hint)
        if self.data.task == "regression" and isinstance(self.train.loss, Auto) and self.train.loss.label_smoothing:
            self.report(
                "W607", "'label_smoothing' has no effect: the data have no classes", ("loss", "label_smoothing")
            )

    def _units(self, head: Head) -> bool:
        """Whether the output has as many values as there are classes or targets."""
        output, classes, name = head.node.type, self.data.classes, head.node.name
        if output is None:
            return True
        what = _COUNTED[self.data.task]
        right = (1, 2) if self.data.task == "binary" else (classes,)
        if len(output.shape) != 1:
            message = f"{name!r} gives {dims(output.shape)} for a row, but the data have {classes} {what}"
            hint = "put a Flatten or a global pooling layer before it"
        elif head.units is not None and head.units not in right:
            values = f"{head.units} value{'s' if head.units != 1 else ''}"
            message = f"{name!r} gives {values}, but the data have {classes} {what if classes != 1 else what[:-1]}"
            hint = f"units: {classes}, or a variable set to '${{data.classes}}'"
            if self.data.task == "binary":
                hint = "units: 1 with activation: sigmoid, or units: 2 with activation: softmax"
        else:
            return True
        self.diagnostics.report("E603", message, head.node.node.place, hint=hint, trail=head.node.node.trail)
        return False

    def snapshots(self) -> None:
        """W607: there is no epoch to keep."""
        train = self.train
        if train.snapshots is None or train.snapshots.kept(train.epochs, train.schedule):
            return
        message, hint = f"'snapshots' has no effect: none is due within {train.epochs} epochs", None
        if isinstance(train.snapshots, Cycles):
            schedule = snake(type(train.schedule).__name__)
            message = f"'snapshots' has no effect: the schedule {schedule!r} has no cycles"
            hint = "schedule: {op: cosine_restarts, cycle_epochs: 5}"
            if isinstance(train.schedule, CosineRestarts):
                message = f"'snapshots' has no effect: no cycle ends within {train.epochs} epochs"
                hint = f"a smaller 'cycle_epochs' (it is {train.schedule.cycle_epochs}), or more epochs"
        self.report("W607", message, ("snapshots",), hint)

    def idle(self) -> None:
        """W607: settings that nothing comes of."""
        train, schedule = self.train, type(self.train.schedule).__name__.lower()
        if train.reduce_on_plateau is not None and not isinstance(train.schedule, Constant):
            message = f"'reduce_on_plateau' has no effect: the schedule {schedule!r} sets the learning rate"
            self.report("W607", message, ("reduce_on_plateau",), "schedule: constant")
        if train.schedule.warmup_epochs > train.epochs:
            message = (
                f"the training ends before its warm-up: {train.epochs} epochs, but 'warmup_epochs' is "
                f"{train.schedule.warmup_epochs:g}"
            )
            self.report("W607", message, ("schedule", "warmup_epochs"))


def _fits(row: tuple[int, ...], shape: Shape) -> bool:
    return len(row) == len(shape) and all(dim in (None, size) for size, dim in zip(row, shape, strict=True))


def _instead(monitor: str, known: list[str]) -> str:
    val = f"val.{monitor[5:]}"
    return f"try {val!r}" if val in known else f"one of {', '.join(known)}"


def _names(names: Mapping[str, object]) -> str:
    if tuple(names) == ("",):
        return "one input without a name"
    return f"the input{'s' if len(names) != 1 else ''} {', '.join(repr(name) for name in names)}"
