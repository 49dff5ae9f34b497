"""Weights between a Keras model and the arrays by node that passes work on. Layers have the names of their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from compiler.ir import CheckedGraph

Arrays = tuple[NDArray[Any], ...]


def weights_of(model: Any, graph: CheckedGraph) -> dict[str, Arrays]:
    """The arrays of every node of `graph` that has some of its own, in Keras's order.

    Args:
        model: a `keras.Model` that was built from `graph`.
    """
    layers = {layer.name: layer for layer in model.layers}
    found = {
        checked.name: tuple(layers[checked.name].get_weights())
        for checked in graph
        if checked.name in layers and checked.node.shares is None  # a function of keras.ops is no layer
    }
    return {name: arrays for name, arrays in found.items() if arrays}


def set_weights(model: Any, weights: Mapping[str, Arrays]) -> None:
    """Give the layers of `model` the arrays of their nodes."""
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(list(arrays))
