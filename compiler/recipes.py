"""Recipes: layers that keep a promise together only. What one of them misses is a warning (W413).

Self-normalising networks, so far: Klambauer et al. 2017, arXiv 1706.02515. Between layers values keep mean 0 and
variance 1 by themselves where the activation is SELU, weights begin with mean 0 and variance 1 / fan in
(LeCun-normal; the paper found uniform ones as good), and dropout is alpha dropout. With normalisation in between it
does not matter, so a layer behind one is left alone, as is any network without `selu`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from compiler.errors import Diagnostics, Note, Place
from compiler.ir import CheckedGraph, Node
from compiler.lower import Lowered
from compiler.settings import Path
from compiler.spec.located import Map, at, notes_of

_WEIGHTED = ("Dense", "Conv1D", "Conv2D", "Conv3D")
"""Layers whose kernel has Keras's fan in for its own; it has not in depthwise and transposed convolutions."""
_MOVING = ("ActivityRegularization", "Flatten", "Identity", "Permute", "Reshape")
"""Layers that change no value."""
_DROPOUTS = ("Dropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")


@dataclass(frozen=True, slots=True)
class _Layer:
    """A node and where it is written; of a `TimeDistributed` the layer inside, whose arguments stand under `path`."""

    node: Node
    op: str
    args: Mapping[str, object]
    located: Map
    path: Path = ()

    @property
    def activation(self) -> object:
        """The activation that it ends with, where it has one: of an op that is one, its name in small letters."""
        if self.op in ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"):
            return self.op.lower()
        named = self.args.get("activation")
        return str(cast("Mapping[str, object]", named)["op"]).lower() if isinstance(named, Mapping) else named

    @property
    def place(self) -> Place | None:
        return self.node.place

    def at(self, argument: str) -> tuple[Place | None, tuple[Note, ...]]:
        """Where `argument` is written and what explains it, or the layer where it is not."""
        _, arguments = at(self.located, self.path)
        if not (isinstance(arguments, Map) and argument in arguments.entries):
            return self.place, ()
        place, found = at(arguments, (argument,))
        return place, notes_of(found)


def check_recipes(model: Lowered, graph: CheckedGraph, diagnostics: Diagnostics) -> None:
    """Warn of self-normalising networks that miss a part: one W413 for each layer that has to change.

    Args:
        model: the layers with their located arguments.
        graph: the same layers in the same order, checked; with errors in `diagnostics` nothing is said of it.
    """
    if not diagnostics.has_errors:
        _SelfNormalizing(model, graph, diagnostics).check()


class _SelfNormalizing:
    def __init__(self, model: Lowered, graph: CheckedGraph, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.layers = {
            wired.name: _layer(checked.node, wired.args) for wired, checked in zip(model.layers, graph, strict=True)
        }

    def check(self) -> None:
        for layer in self.layers.values():
            if layer.activation == "selu":
                self.initializer(layer)
            elif layer.op in _DROPOUTS and layer.args.get("rate"):
                self.dropout(layer)
            elif layer.op == "AlphaDropout":
                self.activation(layer)

    def initializer(self, layer: _Layer) -> None:
        """`selu`, and weights of another variance before it."""
        weighted = next(self.before(layer), None) if layer.op == "Activation" else layer
        if weighted is None or weighted.op not in _WEIGHTED or _keeps_variance(weighted):
            return
        if weighted is not layer and weighted.activation not in (None, "linear"):
            return
        weighted = self.layers[weighted.node.shares or weighted.node.name]
        given = _name(weighted.args.get("kernel_initializer", "glorot_uniform"))
        message = f"'kernel_initializer' is {given!r}, but 'selu' needs weights of variance 1 / fan in before it"
        self.warn(message, weighted, "kernel_initializer", "kernel_initializer: lecun_normal", layer)

    def dropout(self, layer: _Layer) -> None:
        """A dropout that is not made for `selu`, behind one."""
        before = next(self.before(layer), None)
        if before is not None and before.activation == "selu":
            message = f"{layer.op!r} changes the mean and variance that 'selu' before it keeps"
            self.warn(message, layer, "op", "op: AlphaDropout", before)

    def activation(self, layer: _Layer) -> None:
        """Alpha dropout and LeCun-normal weights, and another activation between them."""
        path = self.before(layer)
        before = next(path, None)
        if before is None or before.activation in (None, "linear", "selu"):
            return
        weighted = before if before.op in _WEIGHTED else next(path, None)
        if weighted is None or weighted.op not in _WEIGHTED or not _keeps_variance(weighted):
            return
        message = f"'AlphaDropout' is made for what 'selu' gives, and what enters it here is {before.activation!r}"
        hint = "activation: selu, or op: Dropout in the place of AlphaDropout"
        self.warn(message, before, "activation", hint, layer)

    def before(self, layer: _Layer) -> Iterator[_Layer]:
        """The layers before one, the nearest first, as long as each has one input; what changes no value left out."""
        node = layer.node
        while len(node.inputs) == 1:
            found = self.layers[node.inputs[0].node]
            node = found.node
            if found.op not in _MOVING:
                yield found

    def warn(self, message: str, layer: _Layer, argument: str, hint: str, other: _Layer) -> None:
        """A warning at `argument` of `layer`, with a note where the layer stands that it does not go with."""
        place, notes = layer.at(argument)
        if other is not layer and other.place is not None and other.place != place:
            notes = (*notes, Note(f"{other.op!r} stands here", other.place))
        self.diagnostics.report("W413", message, place, hint=hint, trail=layer.node.trail, notes=notes)


def _layer(node: Node, located: Map) -> _Layer:
    inner = node.args.get("layer")
    if node.op == "TimeDistributed" and isinstance(inner, Mapping):
        args = cast("Mapping[str, object]", inner)
        return _Layer(node, str(args["op"]), args, located, ("layer",))
    return _Layer(node, node.op, node.args, located)


def _name(initializer: object) -> object:
    """An initializer's name, whatever its arguments."""
    return cast("Mapping[str, object]", initializer)["op"] if isinstance(initializer, Mapping) else initializer


def _keeps_variance(layer: _Layer) -> bool:
    """Whether the kernel begins with mean 0 and variance 1 / fan in."""
    initializer = layer.args.get("kernel_initializer")
    scaled = cast("Mapping[str, object]", initializer) if isinstance(initializer, Mapping) else {}
    if _name(initializer) in ("VarianceScaling", "variance_scaling"):
        return scaled.get("scale", 1.0) == 1 and scaled.get("mode", "fan_in") == "fan_in"
    return _name(initializer) in ("lecun_normal", "LecunNormal", "lecun_uniform", "LecunUniform")
