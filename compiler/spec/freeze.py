"""A model with nothing left to look up: interpolations resolved, overrides applied, nested models put in as blocks."""

from __future__ import annotations

from typing import Any, cast

from omegaconf import OmegaConf

from compiler.errors import Place
from compiler.spec.located import Map, plain
from compiler.spec.model import NESTED
from compiler.spec.parse import LoadModel


def frozen_text(tree: Map, load_model: LoadModel) -> str:
    """YAML that compiles alone, to the same graph: what a run keeps as `model.yaml`.

    Args:
        tree: the located model, of which no fault is known.
        load_model: reads the nested models that it names.
    """
    model = cast(dict[str, Any], plain(tree))
    nested: dict[str, Any] = {}
    _collect(model, load_model, tree.place, nested)
    if nested:
        model["blocks"] = {**nested, **(model.get("blocks") or {})}
    return OmegaConf.to_yaml(OmegaConf.create({key: value for key, value in model.items() if value is not None}))


def _collect(value: Any, load_model: LoadModel, place: Place, nested: dict[str, Any]) -> None:
    """Add a block for every model that `value` names by `op: model/<name>`, or as a bare name."""
    if isinstance(value, dict):
        for item in value.values():
            _collect(item, load_model, place, nested)
    elif isinstance(value, list):
        for item in value:
            _collect(item, load_model, place, nested)
    elif isinstance(value, str) and value.startswith(NESTED) and value not in nested:
        tree = load_model(value.removeprefix(NESTED), place)
        if tree is None:
            return
        nested[value] = {}  # its place in the order comes before those that it names
        nested[value] = _block(cast(dict[str, Any], plain(tree)))
        _collect(nested[value], load_model, place, nested)


def _block(model: dict[str, Any]) -> dict[str, Any]:
    """The block that a nested model is: its variables are the params."""
    inputs = list(model["inputs"]) if len(model.get("inputs") or ()) > 1 else None
    parts = {
        "params": model.get("vars"),
        "inputs": inputs,
        "blocks": model.get("blocks"),
        "layers": model.get("layers"),
        "output": model.get("outputs"),
    }
    return {key: value for key, value in parts.items() if value is not None}
