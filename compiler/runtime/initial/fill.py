"""Fill a Keras model with the weights that were found for it. Keras is imported with this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.src.saving import (
    saving_lib,
)  # its reader of one layer: what is inside a layer, and in which order, only it knows
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.importer.saved_weights import arrays
from compiler.ir import CheckedGraph
from compiler.runtime.initial.checks import InitialWeights
from compiler.runtime.run.files import digest

Arrays = dict[str, NDArray[Any]]


def fill(model: Any, graph: CheckedGraph, initial: InitialWeights) -> dict[str, object]:
    """Give the layers of `model`, which `graph` describes, their weights from the file.

    Returns:
        what `run.json` says of it: the file and its sha256, how layers were paired, and which were not filled.

    Raises:
        ConfigError: E901 to E904, the file is not any more what was checked; E904, a layer does not take what it has.
    """
    sha256 = digest(initial.path).sha256
    nodes = {node.name: node.node for node in graph}
    wanted = {saved.path(weight): shape for saved in initial.pairs.values() for weight, shape in saved.weights.items()}
    with arrays(initial.path, wanted, initial.place) as found:
        for name, saved in initial.pairs.items():
            values = {weight: found[saved.path(weight)] for weight in saved.weights}
            try:
                (_assign if saved.legacy else _load)(model.get_layer(name), values)
            except (ValueError, KeyError) as error:  # what Keras raises where counts or shapes differ
                message = f"{name!r} does not take its weights from '{initial.path.name}': {str(error).splitlines()[0]}"
                raise ConfigError([Fault("E904", message, nodes[name].place, trail=nodes[name].trail)]) from None
    filled = set(initial.pairs)
    return {
        "weights": str(initial.path),
        "sha256": sha256,
        "pair": initial.by,
        "filled": len(filled),
        "random": [layer.name for layer in model.layers if layer.weights and layer.name not in filled],
    }


def _load(layer: Any, arrays: Arrays) -> None:
    """A layer from Keras 3's form: `vars/0` are its own, `forward_layer/cell/vars/0` those of a layer inside it."""
    parts: dict[str, Arrays] = {}
    for path, array in arrays.items():
        inside, _, number = path.rpartition("/")
        parts.setdefault(inside.removesuffix("vars").rstrip("/"), {})[number] = array
    store = _Store(parts)
    saving_lib._load_state(layer, weights_store=store, assets_store=None, inner_path="", visited_saveables=set())


def _assign(layer: Any, arrays: Arrays) -> None:
    """A layer from the older form: what was trainable comes first."""
    own = [*(w for w in layer.weights if w.trainable), *(w for w in layer.weights if not w.trainable)]
    if len(own) != len(arrays):
        raise ValueError(f"it has {len(own)} weights, not {len(arrays)}")
    for variable, array in zip(own, arrays.values(), strict=True):
        variable.assign(array)


class _Store(saving_lib.H5IOStore):
    """Arrays by the path of the layer inside, as Keras asks a file for them."""

    def __init__(self, parts: Mapping[str, Arrays]) -> None:
        self._parts = parts
        self._part: Arrays = {}

    def __bool__(self) -> bool:
        return True

    def get(self, path: str) -> _Store:
        self._part = self._parts.get(path, {})
        return self

    def has_path(self, path: str) -> bool:
        return any(part == path or part.startswith(f"{path}/") for part in self._parts)

    def keys(self) -> Any:
        return self._part.keys()

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, key: str) -> NDArray[Any]:
        return self._part[key]

    def __contains__(self, key: object) -> bool:
        return key in self._part
