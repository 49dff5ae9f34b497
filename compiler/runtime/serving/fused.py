"""An ensemble of networks as one Keras model: each member's network and preparation, and the blend. Keras is imported.

The model is made of Keras's own layers and functions alone, so that its file needs nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from compiler.check import check_again
from compiler.errors import Diagnostics
from compiler.passes import Pass, run_passes
from compiler.runtime.data.images import neighbours
from compiler.runtime.ensemble.blends import LEAST, Blend, Stacked, Weighted
from compiler.runtime.serving.ensemble import Part, Single, said, singles
from compiler.runtime.serving.entering import OPEN, Entering, Rows, Steps, entering, inexpressible
from compiler.runtime.serving.frozen import frozen_graph
from compiler.runtime.serving.network import Network
from compiler.runtime.serving.preprocessing import preprocessing_of
from compiler.runtime.serving.signature import Signature
from compiler.runtime.training import Objective, Task
from compiler.targets.keras import build
from compiler.targets.keras_arrays import set_weights, weights_of

OUTPUT = "predictions"
"""What the output of a fused model is called: probabilities (N, C), of labels (N, K), or values (N, K)."""

INPUT = "input"
"""What its input is called, where it has one."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """One model.

    Attributes:
        entering: what its rows are.
        layers: how many all members' networks have, and how many they have here.
    """

    part: Part
    networks: tuple[Network, ...]
    entering: Entering
    model: Any
    layers: tuple[int, int]

    @property
    def signature(self) -> Signature:
        """The names of its inputs and of its output."""
        return Signature(tuple(tensor.name for tensor in self.model.inputs), (OUTPUT,))

    def separately(self, rows: Rows) -> NDArray[np.float32]:
        """What the members say of rows that enter, each asked by itself, blended as `predict` does it."""
        inputs = self.entering.for_each(rows, len(self.networks))
        told = iter([network.predict(x) for network, x in zip(self.networks, inputs, strict=True)])
        return said(self.part, lambda _: next(told))


def fuse(part: Part, passes: Mapping[str, Pass], form: str, *, float32: bool = False) -> Fused:
    """Make one model of an ensemble's members.

    Args:
        passes: run over each member's network.
        form: what it is exported to, for faults.
        float32: whether nothing may compute in another precision, the blend included; else the blend is of float64.

    Raises:
        ConfigError: E809, a member is no network, or the members' rows cannot be made of one; what `Network` raises.
    """
    members = tuple(singles(part))
    for single in members:
        if single.run.record.get("kind") != "keras":
            kind = single.run.record.get("kind")
            raise inexpressible(form, f"the member {single.name!r} is no network: its kind is {kind!r}")
    given = entering(members, [preprocessing_of(single.run) for single in members], form)
    networks = tuple(Network(single.run, graph=_graph(single, float32)) for single in members)
    tensors = _inputs(given, networks, members, form)
    told: list[Any] = []
    layers = 0
    for i, (name, network) in enumerate(zip(_names(members), networks, strict=True)):
        graph, arrays = run_passes(passes, network.graph, weights_of(network.model, network.graph))
        assert arrays is not None, "passes keep weights"
        model = build(graph, name)
        set_weights(model, arrays)
        layers += graph.layers
        steps = given.steps[i] if given.steps else None
        told.append(_scores(model(_own(tensors, model, network, steps), training=False), network.objective))
    each = iter(told)
    blended = _blended(part, each, "float32" if float32 else "float64", form)
    output = keras.layers.Identity(name=OUTPUT, dtype="float32")(blended)
    model = keras.Model(list(tensors.values()), output, name="ensemble")
    return Fused(part, networks, given, model, (sum(network.graph.layers for network in networks), layers))


def _graph(single: Single, float32: bool) -> Any:
    graph = frozen_graph(single.run)
    return check_again(graph.graph, Diagnostics(), "float32") if float32 and graph.precision != "float32" else graph


def _names(members: Sequence[Single]) -> Iterator[str]:
    """A name for each member that Keras takes, and no other has."""
    taken = {OUTPUT, INPUT}
    for single in members:
        name = plain = single.name.replace("/", ".") or "member"
        number = 2
        while name in taken:
            name, number = f"{plain}.{number}", number + 1
        taken.add(name)
        yield name


def _inputs(given: Entering, networks: Sequence[Network], members: Sequence[Single], form: str) -> dict[str, Any]:
    """The model's inputs by their names in the data; of the dtype that all members take, or float32."""
    for single, network in zip(members, networks, strict=True):
        if any(node.node.args.get("batch_size") for node in network.graph.inputs):
            raise inexpressible(form, f"the member {single.name!r} takes batches of one size only")
    found: dict[str, Any] = {}
    for name, shape in given.shapes.items():
        dtypes = {_entry(network, name).dtype for network in networks}
        dtype = dtypes.pop() if given.steps is None and len(dtypes) == 1 else "float32"
        found[name] = keras.Input(shape, dtype=dtype, name=name or INPUT)
    return found


def _entry(network: Network, name: str) -> Any:
    """The tensor of a network's own input."""
    inputs: list[Any] = network.model.inputs
    return next(tensor for tensor in inputs if tensor.name == name) if name else inputs[0]


def _own(tensors: Mapping[str, Any], model: Any, network: Network, steps: Steps | None) -> Any:
    """What enters a member's model, in its order."""
    order = [node.name for node in network.graph.inputs]
    found: list[Any] = []
    for name, entry in zip(order, model.inputs, strict=True):
        key = name if name in tensors else ""
        x = tensors[key] if steps is None else _prepared(tensors[key], steps)
        found.append(x if x.dtype == entry.dtype else ops.cast(x, entry.dtype))
    return found if len(found) > 1 else found[0]


def _prepared(x: Any, steps: Steps) -> Any:
    """`images.prepare`, by the same sums in the same order where the size of what enters is known."""
    if steps.size is not None:
        if OPEN in x.shape[1:3]:
            x = keras.layers.Resizing(*steps.size, interpolation="bilinear")(x)
        else:
            for axis, length in zip((1, 2), steps.size, strict=True):
                x = _resized(x, axis, length)
    return x if steps.divide_by is None else ops.divide(x, np.float32(steps.divide_by))


def _resized(x: Any, axis: int, length: int) -> Any:
    if x.shape[axis] == length:
        return x
    lower, upper, weight = neighbours(x.shape[axis], length)
    weight = weight.reshape([-1 if i == axis else 1 for i in range(4)])
    low, high = (ops.multiply(ops.take(x, at, axis), share) for at, share in ((lower, 1 - weight), (upper, weight)))
    return ops.add(low, high)


def _scores(output: Any, objective: Objective) -> Any:
    """As `fitting.scores` reads an output: probabilities (N, C), of labels (N, K), or values, float32."""
    (output,) = keras.tree.flatten(output)
    scores = ops.cast(output, "float32")
    if objective.gives == "logits":
        scores = ops.sigmoid(scores) if objective.independent else ops.softmax(scores)
    return ops.concatenate([ops.subtract(1.0, scores), scores], axis=-1) if objective.single else scores


def _blended(part: Part, told: Iterator[Any], dtype: str, form: str) -> Any:
    """What a tree says, float32, where `told` has what its runs say, from left to right."""
    if isinstance(part, Single):
        return next(told)
    inner = [ops.cast(_blended(one, told, dtype, form), dtype) for one in part.parts]
    return ops.cast(_blend(part.blend, inner, form), "float32")


def _blend(blend: Blend, said: Sequence[Any], form: str) -> Any:
    """`Blend.__call__` by functions of Keras."""
    if isinstance(blend, Stacked):
        return _stacked(blend, said)
    if not isinstance(blend, Weighted):
        raise inexpressible(form, f"its blend is {type(blend).__name__!r}")
    logs = blend.pooling == "logit"
    weights = zip(said, blend.weights, strict=True)
    total = _sum(ops.multiply(_log(p, blend.task) if logs else p, float(weight)) for p, weight in weights)
    if logs or blend.temperature != 1.0:
        return _normalised(ops.divide(total if logs else _log(total, blend.task), blend.temperature), blend.task)
    return total


def _stacked(blend: Stacked, said: Sequence[Any]) -> Any:
    dtype = said[0].dtype
    terms: list[Any] = []
    for one, coefficients in zip(said, blend.coefficients.astype(dtype), strict=True):
        term = one if blend.task == "regression" else _log(one, blend.task)
        terms.append(ops.matmul(term, coefficients) if coefficients.ndim == 2 else ops.multiply(term, coefficients))
    total = ops.add(_sum(terms), blend.intercept.astype(dtype))
    return total if blend.task == "regression" else _normalised(total, blend.task)


def _sum(terms: Iterable[Any]) -> Any:
    return reduce(ops.add, terms)


def _log(p: Any, task: Task) -> Any:
    clipped = ops.clip(p, LEAST, 1 - LEAST)
    logs = ops.log(clipped)
    return ops.subtract(logs, ops.log1p(ops.negative(clipped))) if task == "multilabel" else logs


def _normalised(logits: Any, task: Task) -> Any:
    return ops.sigmoid(logits) if task == "multilabel" else ops.softmax(logits)
