"""From the model's last layer, the task and the `loss` setting to what is minimised, and how outputs are read."""

from dataclasses import dataclass
from typing import Any, Literal

from compiler.ir import CheckedGraph, CheckedNode
from compiler.ops import OPS
from compiler.runtime.training.losses import (
    Auto,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    Task,
)
from compiler.runtime.training.named import snake

Gives = Literal["logits", "probabilities", "values"]

_PASSED_ON = {"Flatten", "Reshape", "Permute", "Identity", "Dropout", "Average", "GlobalAveragePooling1D",
              "GlobalAveragePooling2D", "GlobalAveragePooling3D"}  # fmt: skip
"""Layers that give probabilities where probabilities enter."""

_ACTIVATION_LAYERS = {"Softmax": "softmax", "ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "ELU": "elu"}


class Unsuitable(Exception):
    """Loss, last layer and task do not go together.

    Attributes:
        blame: the last layer, or the keys below `train` that lead to the setting.
    """

    def __init__(self, code: str, message: str, hint: str, blame: CheckedNode | tuple[str, ...]) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.blame = code, message, hint, blame


@dataclass(frozen=True, slots=True)
class Head:
    """The layer that gives the model's output.

    Attributes:
        activation: what is applied last, by Keras's name, `linear` for none; None where only Keras knows.
    """

    node: CheckedNode
    activation: str | None

    @property
    def units(self) -> int | None:
        """The size of the output's last axis; None where unknown."""
        return self.node.type.shape[-1] if self.node.type and self.node.type.shape else None


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised.

    Attributes:
        loss: a loss of Keras, never `Auto`.
        gives: how the model's output is read.
        single: whether one value, the probability of class 1 or its logit, stands for two classes.
        one_hot: whether class numbers become one-hot rows before the loss.
    """

    task: Task
    loss: Loss
    gives: Gives
    single: bool = False
    one_hot: bool = False

    @property
    def independent(self) -> bool:
        """Whether each value of the output is a probability, or a logit, of its own: sigmoid and not softmax."""
        return self.single or self.task == "multilabel"


def head_of(graph: CheckedGraph) -> Head:
    """The head of a graph with one output."""
    nodes = {node.name: node for node in graph}
    last = nodes[graph.outputs[0].node]
    return Head(last, _activation(last, nodes))


def objective(head: Head, loss: Loss, task: Task) -> Objective:
    """What is minimised for `task`.

    Raises:
        Unsuitable: E602, E603 or E604.
    """
    single = task == "binary" and head.units == 1
    _require_loss(loss, task, single)
    if task == "regression":
        if head.activation in ("softmax", "log_softmax"):
            ends = f"{head.node.name!r} ends with {head.activation!r}"
            message = f"{ends}, which gives probabilities of classes, not values"
            raise Unsuitable("E602", message, "activation: linear", head.node)
        return Objective(task, MeanSquaredError() if isinstance(loss, Auto) else loss, "values")
    gives = _gives(head, loss, task, single)
    if not isinstance(loss, Auto):
        return Objective(task, loss, gives, single)
    logits, smoothing = gives == "logits", loss.label_smoothing
    if single or task == "multilabel":
        return Objective(task, BinaryCrossentropy(from_logits=logits, label_smoothing=smoothing), gives, single)
    if smoothing:  # Keras smooths one-hot rows only
        smoothed = CategoricalCrossentropy(from_logits=logits, label_smoothing=smoothing)
        return Objective(task, smoothed, gives, one_hot=True)
    return Objective(task, SparseCategoricalCrossentropy(from_logits=logits), gives)


def _require_loss(loss: Loss, task: Task, single: bool) -> None:
    """Raise E604 unless the loss takes such labels."""
    if isinstance(loss, Auto):
        return
    name = snake(type(loss).__name__)
    of_classes = "binary_crossentropy" if single or task == "multilabel" else "sparse_categorical_crossentropy"
    right = "mean_squared_error" if task == "regression" else of_classes
    if task == "regression" and loss.labels != "values":
        message = f"{name!r} compares with classes, but the data have values to predict (regression)"
    elif task != "regression" and loss.labels == "values":
        message = f"{name!r} compares values, but the data have {_LABELLED[task]}"
    elif task == "multilabel" and loss.labels != "binary":
        message = f"{name!r} takes one class a row, but a row of the data has several labels (multilabel)"
    elif loss.labels == "one-hot":
        message = f"{name!r} needs one-hot labels, but the data have class numbers"
    elif task == "multiclass" and loss.labels == "binary":
        message = f"{name!r} needs labels of two classes, but the data have more"
    elif single and loss.labels == "numbers":
        message = f"{name!r} needs a probability for each class, but the model gives one value"
    elif task == "binary" and not single and loss.labels == "binary":
        message = f"{name!r} needs a model that gives one value, but this one gives one for each class"
    else:
        return
    smoothing = getattr(loss, "label_smoothing", 0.0)
    hint = f"loss: {right}, or auto"
    if smoothing and task != "regression":
        hint = f"loss: {{op: auto, label_smoothing: {smoothing:g}}}"
    raise Unsuitable("E604", message, hint, ("loss",))


_LABELLED = {"multiclass": "classes", "binary": "classes", "multilabel": "labels"}


def _gives(head: Head, loss: Loss, task: Task, single: bool) -> Gives:
    """How the output for classes or labels is read; raises E602 where the activation does not suit."""
    independent = single or task == "multilabel"
    name, squash = head.node.name, "sigmoid" if independent else "softmax"
    if head.activation is None:
        if loss.logits is None:
            raise Unsuitable(
                "E602",
                f"it does not show whether {name!r} (a {head.node.node.op}) gives logits or probabilities",
                "end the model with an Activation layer, or say loss: {op: ..., from_logits: true or false}",
                ("loss",),
            )
        return "logits" if loss.logits else "probabilities"
    if head.activation not in ("linear", squash, *(() if independent else ("log_softmax",))):
        wanted = "a probability for each label" if task == "multilabel" else _PLURALS[squash]
        raise Unsuitable(
            "E602",
            f"{name!r} ends with {head.activation!r}, which gives neither {wanted} nor logits",
            f"activation: {squash}, or linear",
            head.node,
        )
    gives: Gives = "probabilities" if head.activation == squash else "logits"
    if loss.logits is not None and loss.logits != (gives == "logits"):
        ends = f"ends with {head.activation!r}" if head.activation != "linear" else "has no activation"
        wanted = "logits (from_logits: true)" if loss.logits else "probabilities (from_logits: false)"
        fix = "from_logits: true, or " if gives == "logits" else "from_logits: false, or "
        message = f"{snake(type(loss).__name__)!r} takes {wanted}, but {name!r} {ends} and gives {gives}"
        raise Unsuitable("E602", message, f"{fix}loss: auto", ("loss", "from_logits"))
    return gives


_PLURALS = {"softmax": "probabilities of the classes", "sigmoid": "a probability"}


def _activation(node: CheckedNode, nodes: dict[str, CheckedNode]) -> str | None:
    return _own_activation(node.node.op, dict(node.node.args)) or (
        _entering(node, nodes) if node.node.op in _PASSED_ON else None if node.type is None else "linear"
    )


def _entering(node: CheckedNode, nodes: dict[str, CheckedNode]) -> str | None:
    found = {_activation(nodes[operand.node], nodes) for operand in node.node.inputs}
    return found.pop() if len(found) == 1 else None


_LAST_INSIDE = {"TimeDistributed": "layer", "RNN": "cell", "StackedRNNCells": "cells", "Pipeline": "layers"}
"""Where the layer stands whose output is that of the layer around it; the last one of a list."""


def _own_activation(op: str, args: dict[str, Any]) -> str | None:
    """The activation that a layer applies; None where it applies none of its own."""
    if op in _ACTIVATION_LAYERS:
        return _ACTIVATION_LAYERS[op]
    if op in _LAST_INSIDE:
        inside = args[_LAST_INSIDE[op]]
        inner = dict(inside[-1] if isinstance(inside, list) else inside)
        return _own_activation(str(inner.pop("op")), inner)
    if isinstance(args.get("activation"), dict):
        inner = dict(args["activation"])
        return _own_activation(str(inner.pop("op")), inner)
    if "activation" in args:
        return args["activation"] or "linear"
    fields = OPS[op].model_fields if op in OPS else {}
    return (fields["activation"].default or "linear") if "activation" in fields else None
