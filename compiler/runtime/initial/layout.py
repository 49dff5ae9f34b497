"""Which layers a file of weights has. Three forms are read, all in a process of its own under limits (`importer`).

`.keras` (a zip with `model.weights.h5`, and the order of the layers in `config.json`), Keras 3's `.weights.h5`, and the
older `.h5` whose groups are named after layers, which is what `keras.applications` downloads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from compiler.errors import ConfigError, Fault, Place
from compiler.importer.archive import read_config
from compiler.importer.layout import saved_groups
from compiler.importer.saved_weights import Held, Names, inventory, names
from compiler.runtime.initial.saved import SavedLayer, SavedWeights, Shape


def read_layout(path: Path, place: Place) -> SavedWeights:
    """The layers of the file, whose weights are not read.

    Args:
        place: where the user names the file, for faults.

    Raises:
        ConfigError: E006, no such file; E901 to E903, it cannot be read, is refused, or is over the limits.
    """
    held, called = inventory(path, place), names(path, place)
    layers = _layers(held, called)
    ordered = not layers
    if layers:
        places = _places(path, place)
        ordered = all(layer.group in places for layer in layers)
        layers.sort(key=lambda layer: places[layer.group] if ordered else _natural(layer.group))
    else:
        layers = [layer for layer in _older(held, called, path, place) if layer.weights]
    if not layers:
        message = f"{str(path)!r} has no weights of a model's layers"
        hint = "a .keras, a .weights.h5 or an .h5 file that Keras saved, or the folder of a run"
        raise ConfigError([Fault("E901", message, place, hint)])
    return SavedWeights(path, tuple(layers), ordered)


def _places(path: Path, place: Place) -> dict[str, int]:
    """The groups of a `.keras` file's layers with their places in the model's order; none where only weights are there.

    In the config's order a model inside the model stands before its layers.
    """
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return {}
    try:
        return {group: at for at, group in enumerate(saved_groups(read_config(path, place)).values())}
    except (KeyError, TypeError, AttributeError):  # a config that no Keras wrote
        return {}


def _layers(held: Mapping[str, Held], called: Names) -> list[SavedLayer]:
    """The layers of Keras 3's form: below `layers`, those of models inside the model below `layers` of theirs."""
    found: dict[str, dict[str, Held]] = {}
    for path, array in held.items():
        group, below = _split(path)
        if group and "seed_generator" not in below:
            found.setdefault(group, {})[below] = array
    return [_layer(group, called.groups.get(group), arrays) for group, arrays in found.items()]


def _layer(group: str, name: str | None, arrays: Mapping[str, Held]) -> SavedLayer:
    kind = re.sub(r"_\d+$", "", group.rpartition("/")[2])
    shapes = {path: arrays[path].shape for path in sorted(arrays, key=_natural)}
    return SavedLayer(group, name, kind, shapes)


def _split(path: str) -> tuple[str, str]:
    """The path of an array as its layer's group and the path below it."""
    parts = path.split("/")
    at = 0
    while at + 1 < len(parts) and parts[at] == "layers":
        at += 2
    return "/".join(parts[:at]), "/".join(parts[at:])


def _natural(path: str) -> list[tuple[str, int]]:
    """A key that sorts `conv2d_10` behind `conv2d_9`, and `conv2d` before both."""
    parts = [re.fullmatch(r"(.*?)(?:_?(\d{1,9}))?", part, re.DOTALL) for part in path.split("/")]
    return [(part[1], int(part[2] or 0)) for part in parts if part]


def _older(held: Mapping[str, Held], called: Names, path: Path, place: Place) -> Iterator[SavedLayer]:
    for group, name, weights in called.older:
        shapes: dict[str, Shape] = {}
        for weight in weights:
            if f"{group}/{weight}" not in held:
                raise ConfigError([Fault("E901", f"{str(path)!r} names {weight[:80]!r} and has no such array", place)])
            shapes[weight] = held[f"{group}/{weight}"].shape
        yield SavedLayer(group, name, "", shapes)
