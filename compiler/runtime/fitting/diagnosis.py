"""What the figures of one batch say about a network that learns badly. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from compiler.errors import Fault
from compiler.ir import CheckedGraph, CheckedNode

FADED = 0.01
"""A layer whose output differs between rows by less than this share of its size has lost its input. In networks that
learn it is above 0.1."""

VANISHED, EXPLODED = 1e-4, 1e3
"""Gradients relative to weights: of the first third of the layers by those of the last third, and of any layer."""

DEAD = 0.9
"""The share of dead units from which on a layer is reported."""

FEW = 32
"""So many values of a unit say whether it is dead."""

_NONNEGATIVE = ("relu", "relu6")


@dataclass(frozen=True, slots=True)
class Figures:
    """One layer during one batch.

    Attributes:
        units: of the last axis of its output; 0 where that is unknown.
        dead: how many of them are 0 everywhere.
        values: how many each unit has: rows, times positions.
        spread: the standard deviation between rows, averaged, by the root mean square; None where all is 0.
        gradient: the norm of the gradient of its kernels by their own; None where it has none.
    """

    units: int = 0
    dead: int = 0
    values: int = 0
    spread: float | None = None
    gradient: float | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a network may not learn: a layer, what is wrong with it, and what usually helps."""

    code: str
    node: CheckedNode
    message: str
    hint: str


def diagnose(graph: CheckedGraph, figures: Mapping[str, Figures], stuck: str | None) -> list[Fault]:
    """Warnings about what the figures show.

    Args:
        figures: by the name of the node.
        stuck: how the loss shows that nothing is learnt; None where it does not. The cause is then part of W821.
    """
    dead, gradients = _dead(graph, figures), _gradients(graph, figures)
    if stuck is None:
        return [_fault(cause.code, cause.message, cause) for cause in (dead, gradients) if cause]
    faded = _faded(graph, figures)
    order = {node.name: i for i, node in enumerate(graph)}
    if dead and faded and order[faded.node.name] < order[dead.node.name]:
        dead = None  # no wonder, behind that one
    worst, *rest = [cause for cause in (dead, gradients, faded) if cause] or [None]
    if worst is None:
        return []
    others = [_fault(cause.code, cause.message, cause) for cause in rest if cause and cause.code != "W821"]
    return [_fault("W821", f"{stuck}: {worst.message}", worst), *others]


def unexplained(graph: CheckedGraph, stuck: str, learning_rate: float) -> Fault:
    """W821 where no layer stands out: at the last one."""
    last = next(node for node in graph if node.name == graph.outputs[0].node).node
    hint = (
        f"another train.optimizer.learning_rate (it is {learning_rate:g}), BatchNormalization, or inputs of about unit"
        " size; do the labels belong to their rows?"
    )
    return Fault("W821", stuck, last.place, hint, last.trail)


def _fault(code: str, message: str, cause: Cause) -> Fault:
    return Fault(code, message, cause.node.node.place, cause.hint, cause.node.node.trail)


def _dead(graph: CheckedGraph, figures: Mapping[str, Figures]) -> Cause | None:
    """The first layer whose units are nearly all dead; those behind it may only follow from it."""
    for node in graph:
        found = figures.get(node.name)
        if found is None or found.values < FEW or not found.units or not _rectifies(node):
            continue
        if found.dead >= DEAD * found.units:
            share = "all" if found.dead == found.units else f"{found.dead} of"
            message = f"{share} {found.units} units of {node.name!r} are dead: they give 0 for every row of a batch"
            hint = (
                "BatchNormalization before it, activation: leaky_relu, a smaller learning rate, or other initializers"
            )
            return Cause("W822", node, message, hint)
    return None


def _rectifies(node: CheckedNode) -> bool:
    return node.node.op == "ReLU" or node.node.args.get("activation") in _NONNEGATIVE


def _gradients(graph: CheckedGraph, figures: Mapping[str, Figures]) -> Cause | None:
    slopes = [(node, slope) for node in graph if (slope := _slope(figures.get(node.name))) is not None]
    for node, slope in slopes:
        if not slope <= EXPLODED:
            message = f"gradients explode: that of {node.name!r} is {slope:.2g} times as large as its weights"
            hint = "train.optimizer.clipnorm=1.0, a smaller learning rate, or inputs of about unit size"
            return Cause("W823", node, message, hint)
    third = len(slopes) // 3
    if third == 0:
        return None
    early, late = (median(slope for _, slope in part) for part in (slopes[:third], slopes[-third:]))
    if late == 0 or early >= VANISHED * late:
        return None
    first, last = slopes[0][0], slopes[-1][0]
    times = f"1e{round(math.log10(early / late))}" if early else "0"
    there = f"relative to weights they are about {times} times those at {last.name!r}"
    message = f"gradients vanish on the way back to {first.name!r}: {there}"
    hint = "activation: relu with kernel_initializer: he_normal, BatchNormalization between layers, or residuals"
    return Cause("W823", first, message, hint)


def _slope(found: Figures | None) -> float | None:
    return found.gradient if found else None


def _faded(graph: CheckedGraph, figures: Mapping[str, Figures]) -> Cause | None:
    """The layer behind which rows can no longer be told apart, if the last layer with weights is behind it."""
    nodes = {node.name: node for node in graph}
    weighted = [node for node in graph if node.weights]
    if not weighted:
        return None
    at: CheckedNode | None = _first_faded(weighted[-1], nodes, figures)
    while at is not None and (before := _first_faded(at, nodes, figures)) is not None:
        at = before
    if at is None:
        return None
    spread = figures[at.name].spread or 0.0
    if at.node.op == "Input":
        message = f"the rows of {at.name!r} hardly differ: by {100 * spread:.2g} % of their size"
        return Cause(
            "W821", at, message, "inputs of mean 0 and about unit size: data.divide_by, or a Normalization layer"
        )
    message = f"what {at.name!r} gives hardly differs between rows: by {100 * spread:.2g} % of its size"
    hint = "BatchNormalization after it, kernel_initializer: he_normal, or another learning rate"
    return Cause("W821", at, message, hint)


def _first_faded(
    node: CheckedNode, nodes: Mapping[str, CheckedNode], figures: Mapping[str, Figures]
) -> CheckedNode | None:
    """The first of the node's inputs that has faded."""
    for operand in node.node.inputs:
        spread = figures.get(operand.node, Figures()).spread
        if spread is not None and spread < FADED:
            return nodes[operand.node]
    return None


def at_prior(loss: float, prior: float) -> bool:
    """Whether a loss is no better than what the same answer for every row has.

    >>> at_prior(2.30, 2.3026), at_prior(1.9, 2.3026)
    (True, False)
    """
    return math.isfinite(loss) and loss > prior - 0.02 * abs(prior)


def due(steps: int, warmup_epochs: float) -> int:
    """The epoch after which a loss at the prior's says something by itself: a hundred steps, and the warm-up, are over.

    >>> due(938, 1), due(20, 1), due(20, 10)
    (1, 5, 10)
    """
    return max(1, math.ceil(100 / steps), math.ceil(warmup_epochs))
