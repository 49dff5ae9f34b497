"""Files of weights as Keras writes them, made by hand: of a convolution, a normalisation and two dense layers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

Shape = tuple[int, ...]
Layer = tuple[str, str, Sequence[Shape]]
"""A layer's class, its name, and the shapes of its weights."""

NET: tuple[Layer, ...] = (
    ("Conv2D", "stem", [(3, 3, 1, 4), (4,)]),
    ("BatchNormalization", "norm", [(4,)] * 4),
    ("Flatten", "flat", []),
    ("Dense", "hidden", [(144, 5), (5,)]),
    ("Dense", "head", [(5, 3), (3,)]),
)
MODEL = """\
input: [8, 8, 1]
layers:
  - {op: Conv2D, filters: 4, kernel_size: 3, name: stem}
  - {op: BatchNormalization, name: norm}
  - {op: Flatten, name: flat}
  - {op: Dense, units: 5, name: hidden}
  - {op: Dense, units: 3, activation: softmax, name: head}
"""
_GROUPS = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Flatten": "flatten", "Dense": "dense"}
_WEIGHTS = {4: ("gamma", "beta", "moving_mean", "moving_variance"), 2: ("kernel", "bias"), 0: ()}


def renamed(net: Sequence[Layer], names: Mapping[str, str]) -> tuple[Layer, ...]:
    return tuple((kind, names.get(name, name), shapes) for kind, name, shapes in net)


def weights_h5(path: Path, net: Sequence[Layer] = NET, named: bool = True) -> Path:
    """Keras 3's form; before 3.9 it had no names."""
    with h5py.File(path, "w") as file:
        counts: dict[str, int] = {}
        for kind, name, shapes in net:
            number = counts[kind] = counts.get(kind, -1) + 1
            group = file.create_group(f"layers/{_GROUPS[kind]}{f'_{number}' if number else ''}/vars")
            if named:
                group.attrs["name"] = name
            for i, shape in enumerate(shapes):
                group[str(i)] = np.full(shape, i, "float32")
    return path


def keras_zip(path: Path, net: Sequence[Layer] = NET, named: bool = True) -> Path:
    """A `.keras` file."""
    weights = weights_h5(path.with_suffix(".tmp"), net, named)
    layers = [{"class_name": kind, "config": {"name": name}} for kind, name, _ in net]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": layers}}))
        archive.write(weights, "model.weights.h5")
    return path


def older_h5(path: Path, net: Sequence[Layer] = NET, below: str = "") -> Path:
    """The form before Keras 3, with bytes for names as Keras 2 had them."""
    with h5py.File(path, "w") as file:
        root = file.create_group(below) if below else file
        root.attrs["layer_names"] = [name.encode() for _, name, _ in net]
        for _, name, shapes in net:
            group = root.create_group(name)
            weights = [f"{name}/{weight}:0" for weight in _WEIGHTS[len(shapes)]]
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, shape in zip(weights, shapes, strict=True):
                group[weight] = np.zeros(shape, "float32")
    return path
