"""Writes `compiler/ops/catalogue.json` from the installed Keras: `python -m compiler.targets.keras_catalogue`."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from importlib.metadata import version
from typing import Any

from compiler.ops import OPS, REFUSED, Op
from compiler.ops.catalogue import FILE, LEFT_OUT

COMMAND = "python -m compiler.targets.keras_catalogue"

_COMMON = {*Op.model_fields, "name", "autocast"}


def public_layers() -> dict[str, type]:
    """The classes of `keras.layers` by public name, aliases included."""
    layers: Any = import_module("keras.layers")
    members = ((name, getattr(layers, name)) for name in sorted(dir(layers)))
    return {name: member for name, member in members if inspect.isclass(member)}


def undeclared() -> dict[str, type]:
    """Those that are not declared, not refused and not left out."""
    return {name: cls for name, cls in public_layers().items() if name not in {*OPS, *REFUSED, *LEFT_OUT}}


def arguments(cls: type) -> dict[str, dict[str, Any]]:
    """The arguments of a layer's constructor apart from those that all layers have: default, or that it is required."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        parameter.name: {"required": True}
        if parameter.default is inspect.Parameter.empty
        else {"default": parameter.default}
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.kind in named and parameter.name not in _COMMON
    }


def fresh() -> str:
    """The catalogue's text for the installed Keras."""
    layers = {name: {"arguments": arguments(cls)} for name, cls in undeclared().items()}
    return json.dumps({"keras": version("keras"), "layers": layers}, indent=2, allow_nan=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(fresh(), encoding="utf-8")
