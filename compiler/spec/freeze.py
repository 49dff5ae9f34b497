"""A model with nothing left to look up: interpolations resolved, overrides applied, nested models put in."""

from __future__ import annotations

from typing import Any, cast

from omegaconf import OmegaConf

from compiler.errors import Place
from compiler.spec.located import Map, plain
from compiler.spec.model import NESTED
from compiler.spec.parse import PATCH_ACTIONS, LoadModel


def frozen_text(tree: Map, load_model: LoadModel) -> str:
    """YAML that compiles alone, to the same graph: what a run keeps as `model.yaml`.

    Args:
        tree: the located model, of which no fault is known.
        load_model: reads the nested models that it names; they go under `models`.
    """
    model = cast(dict[str, Any], plain(tree))
    nested: dict[str, Any] = dict(model.pop("models", None) or {})
    _collect([model, *nested.values()], load_model, tree.place, nested)
    if nested:
        model["models"] = nested
    return OmegaConf.to_yaml(OmegaConf.create({key: value for key, value in model.items() if value is not None}))


def _collect(value: Any, load_model: LoadModel, place: Place, nested: dict[str, Any]) -> None:
    """Add every model file that a layer spec below `value` names: by `op: model/<name>`, or as a bare name."""
    if isinstance(value, list):
        for item in cast(list[Any], value):
            _named(item, load_model, place, nested)
    elif isinstance(value, dict):
        for key, item in cast(dict[str, Any], value).items():
            (_named if key in ("op", *PATCH_ACTIONS) else _collect)(item, load_model, place, nested)


def _named(value: Any, load_model: LoadModel, place: Place, nested: dict[str, Any]) -> None:
    """`_collect` where a string can be a layer spec."""
    name = value.removeprefix(NESTED) if isinstance(value, str) and value.startswith(NESTED) else None
    if name is None:
        _collect(value, load_model, place, nested)
    elif name not in nested and (tree := load_model(name, place)) is not None:
        nested[name] = plain(tree)
        _collect(nested[name], load_model, place, nested)
