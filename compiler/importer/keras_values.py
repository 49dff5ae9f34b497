"""What Keras writes into a model's JSON for one argument, as the plain value that a model file has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

OBJECTS = ("keras.initializers", "keras.regularizers", "keras.constraints")
"""Modules whose objects the language writes as {op: NAME, ...}."""

_IGNORED = {"name", "autocast", "quantization_config"}
"""What every layer's config may have besides arguments."""


class Inexpressible(Exception):
    """A value that no model file can hold."""


def plain_value(value: object) -> object:
    """A JSON value of Keras's as a model file has it: objects become {op: NAME, ...}, tuples lists.

    Raises:
        Inexpressible: it holds code, or an object of an unknown kind.
    """
    if isinstance(value, list):
        return [plain_value(item) for item in cast(list[object], value)]
    if not isinstance(value, Mapping):
        return value
    found = cast(Mapping[str, Any], value)
    name, config = found.get("class_name"), found.get("config")
    if not isinstance(name, str):
        return {key: plain_value(item) for key, item in found.items()}
    if name == "__tuple__":
        return plain_value(found.get("items", []))
    if name in ("__numpy__", "__tensor__") and isinstance(config, Mapping):
        return plain_value(cast(Mapping[str, Any], config).get("value"))
    if name == "function" and isinstance(config, str):
        return config  # an activation by its name; anything else is refused where the argument is checked
    if name in ("DTypePolicy", "FloatDTypePolicy") and isinstance(config, Mapping):
        return cast(Mapping[str, Any], config).get("name")
    module = str(found.get("module"))
    if not isinstance(config, Mapping):
        raise Inexpressible(f"{name!r} of {module!r}")
    if module in OBJECTS or module.startswith(tuple(f"{known}." for known in OBJECTS)):
        return {"op": name, **arguments(cast(Mapping[str, Any], config))}
    if module == "keras.layers" or module.startswith("keras.src.layers"):
        return {"op": name, **arguments(cast(Mapping[str, Any], config))}
    raise Inexpressible(f"{name!r} of {module!r}")


def arguments(config: Mapping[str, Any]) -> dict[str, object]:
    """The arguments in a layer's or object's config, those that a model file never says left out."""
    return {
        key: plain_value(value)
        for key, value in config.items()
        if key not in _IGNORED and not (key == "trainable" and value is True)
    }
