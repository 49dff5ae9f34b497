"""What is known of a file of weights: its layers, and the shapes of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SavedLayer:
    """A layer's weights in a file.

    Attributes:
        group: where they are: `layers/conv2d_3`; in an older file the layer's name.
        name: what the layer was called; None where the file does not say.
        kind: its type, `conv2d`; an older file does not know ("").
        weights: their shapes by path below the group (`vars/0`), in the file's order.
    """

    group: str
    name: str | None
    kind: str
    weights: Mapping[str, Shape]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(self.weights.values())

    def path(self, weight: str) -> str:
        """Where in the file one of the weights is."""
        return f"{self.group}/{weight}"

    @property
    def legacy(self) -> bool:
        """Whether the file is of the form before Keras 3."""
        return not self.kind

    @property
    def compound(self) -> bool:
        """Whether there may be layers inside it: in which order their weights come is then for Keras to say."""
        return self.legacy or any(not path.startswith("vars/") for path in self.weights)

    @property
    def model(self) -> str:
        """The group of the model inside the model that it is part of."""
        return self.group.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class SavedWeights:
    """A whole file: its layers that have weights.

    Attributes:
        ordered: whether they are in the model's order; else only those of one kind are, in one model.
    """

    path: Path
    layers: tuple[SavedLayer, ...]
    ordered: bool

    @property
    def opened(self) -> SavedWeights | None:
        """The same with the models inside the model of an older file taken apart; None where there is nothing to do."""
        parts = tuple(part for layer in self.layers for part in _parts(layer))
        return replace(self, layers=parts) if len(parts) > len(self.layers) else None


def _parts(layer: SavedLayer) -> list[SavedLayer]:
    """What an older file has of one layer, by the layers that the names of the weights tell of: `block_conv/kernel`."""
    found: dict[str, dict[str, Shape]] = {}
    for path, shape in layer.weights.items():
        found.setdefault(path.rpartition("/")[0] if layer.legacy else "", {})[path] = shape
    return [replace(layer, name=name or layer.name, weights=weights) for name, weights in found.items()]
