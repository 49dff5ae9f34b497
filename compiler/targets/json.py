"""CheckedGraph as plain data for other programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

from compiler.errors import Place
from compiler.ir import CheckedGraph, CheckedNode

FORMAT = "lamina.graph"
VERSION = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""


def to_json(graph: CheckedGraph) -> dict[str, object]:
    """A graph as data that `json.dumps` writes as strict JSON.

    Keys:
        format, version: `FORMAT` and `VERSION`.
        hash: sha256 of what the model computes, names left out.
        precision: Keras's dtype policy.
        nodes: in topological order, inputs included; of each:
            name: the dotted name.
            op: Keras's class name.
            args: the arguments that differ from their defaults; an object or layer inside has its class under `op`.
            inputs: the nodes that it takes from, each `{node, argument}`; `argument` is null where Keras takes a list.
            shares: the node whose weights it calls, or null.
            frozen: whether `trainable = False` is to be set on the built layer.
            type: `{shape, dtype}` of the output, without the batch dimension, null for a dimension that only the
                data tell; null as a whole where only Keras knows.
            weights: `{name, shape, trainable}` of each variable.
            params: the elements of all weights.
            flops: floating-point operations for one sample, or null.
            place: where it was written, "file:line:column" or "override 'text'", or null.
        outputs: `{node, key}`; `key` is null where outputs have no names.
        totals: layers, params, trainable_params; flops and activation_bytes for one sample, null where a layer's are
            unknown; opaque: the names of layers that only Keras knows.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "hash": graph.hash,
        "precision": graph.precision,
        "nodes": [_node(node) for node in graph],
        "outputs": [{"node": output.node, "key": output.key} for output in graph.outputs],
        "totals": {
            "layers": graph.layers,
            "params": graph.params,
            "trainable_params": graph.trainable_params,
            "flops": graph.flops,
            "activation_bytes": graph.activation_bytes,
            "opaque": [node.name for node in graph.opaque],
        },
    }


def _node(checked: CheckedNode) -> dict[str, object]:
    node, kind = checked.node, checked.type
    return {
        "name": node.name,
        "op": node.op,
        "args": _strict(node.args),
        "inputs": [{"node": operand.node, "argument": operand.argument} for operand in node.inputs],
        "shares": node.shares,
        "frozen": node.frozen,
        "type": None if kind is None else {"shape": list(kind.shape), "dtype": kind.dtype},
        "weights": [{"name": w.name, "shape": list(w.shape), "trainable": w.trainable} for w in checked.weights],
        "params": checked.params,
        "flops": checked.flops,
        "place": None if node.place is None else _place(node.place),
    }


def _place(place: Place) -> str:
    if place.overridden:
        return f"override {place.source.name!r}"
    return f"{place.source.name}:{place.line}:{place.column}"


def _strict(value: object) -> object:
    """`value` without what JSON has no word for: infinities and NaN become strings, tuples lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in cast("Sequence[object]", value)]
    return value
