"""Where Keras puts a layer's weights in a `.weights.h5` file: told from the model's config alone.

A container's layers stand in the group `layers` under their class's name in snake case, numbered by class in the order
of the container; names of layers play no part. Source: keras/src/saving/saving_lib.py, `_save_container_state`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

_CONTAINERS = ("Functional", "Sequential", "Model")
_INNER = {"TimeDistributed": "layer"}
"""Wrappers whose inner layer may be a model, and the attribute under which it is saved."""
_CLASSES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Classes that have another name in Python than in Keras's public interface, which is what a config says."""


def saved_groups(config: Mapping[str, object]) -> dict[tuple[str, ...], str]:
    """The group in the file of every layer, by its path of layer names from the outermost model in.

    Operations that are no layers (`x * 2`) have no group and do not count; of a layer that stands in two places of one
    config the first has the weights.

    Args:
        config: of a Functional or Sequential model, as `archive.read_config` gives it.

    >>> dense = {"class_name": "Dense", "config": {"name": "head"}}
    >>> saved_groups({"class_name": "Sequential", "config": {"layers": [dense]}})
    {('head',): 'layers/dense'}
    """
    return dict(_groups(config, (), ""))


def _groups(config: Mapping[str, object], path: tuple[str, ...], prefix: str) -> Iterator[tuple[tuple[str, ...], str]]:
    counts: dict[str, int] = {}
    sequential = config["class_name"] == "Sequential"
    for layer in _layers(config):
        kind = str(layer["class_name"])
        if _is_operation(layer) or (sequential and kind == "InputLayer"):
            continue
        snake = group_of(kind)
        number = counts[snake] = counts.get(snake, -1) + 1
        group = f"{prefix}layers/{snake}" + (f"_{number}" if number else "")
        inner = (*path, _name(layer))
        yield inner, group
        if kind in _CONTAINERS:
            yield from _groups(layer, inner, f"{group}/")
        elif kind in _INNER:
            wrapped = cast(dict[str, Any], layer["config"])["layer"]
            if wrapped["class_name"] in _CONTAINERS:
                yield from _groups(wrapped, inner, f"{group}/{_INNER[kind]}/")


def _layers(config: Mapping[str, object]) -> list[dict[str, object]]:
    return cast(dict[str, list[dict[str, object]]], config["config"]).get("layers", [])


def _name(layer: Mapping[str, object]) -> str:
    return str(layer.get("name") or cast(dict[str, object], layer["config"])["name"])


def _is_operation(layer: Mapping[str, object]) -> bool:
    return str(layer.get("module")).startswith("keras.src.ops.")


def group_of(name: str) -> str:
    """What the groups of a class are called, before their number: `Conv2DTranspose` is `conv2d_transpose`.

    Source: keras/src/utils/naming.py.
    """
    name = re.sub(r"\W+", "", _CLASSES.get(name, name))
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
