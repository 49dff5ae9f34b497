"""The weights of a Keras model that a graph describes: what they would be, and where Keras saves them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras

from compiler.ir import CheckedGraph
from compiler.targets.keras import build

Shape = tuple[int, ...]


def weight_shapes(graph: CheckedGraph) -> dict[str, tuple[Shape, ...]]:
    """The shapes of the weights that every node's layer would have; none is allocated.

    Raises:
        ConfigError: E801, Keras refuses layers.
    """
    # Keras keeps variables that it has yet to make by thread, and would make them with the next that it makes
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_shapes, graph).result()


def _shapes(graph: CheckedGraph) -> dict[str, tuple[Shape, ...]]:
    with keras.StatelessScope(initialize_variables=False):
        model = build(graph)
        nodes = {checked.name for checked in graph if not checked.node.shares}
        return {
            layer.name: tuple(tuple(int(dim) for dim in weight.shape) for weight in layer.weights)
            for layer in model.layers
            if layer.name in nodes
        }


class Saved:
    """A model with fresh weights, and the file that Keras makes of them.

    Attributes:
        config: as Keras writes it, plain values.
        path: the file with its weights.
    """

    def __init__(self, graph: CheckedGraph, folder: Path) -> None:
        self._model: Any = build(graph)
        self.config: dict[str, object] = json.loads(self._model.to_json())
        self.path = folder / "own.weights.h5"
        self._model.save_weights(self.path)

    def loaded(self, path: Path) -> Path:
        """Load the weights file at `path` as Keras does, and save them again; gives the new file.

        Raises:
            ValueError: Keras refuses the file.
        """
        again = self.path.with_name("again.weights.h5")
        self._model.load_weights(path)
        self._model.save_weights(again)
        return again
