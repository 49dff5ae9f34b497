"""Lay one located tree over another, as OmegaConf merges: mappings join, everything else replaces."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.errors import Place
from compiler.spec.located import Map, Seq, Tree


def overlay(base: Tree | None, over: Tree) -> Tree:
    """`base` with `over` laid on it."""
    if isinstance(base, Seq) and isinstance(over, Map) and over.entries and all(map(_is_index, over.entries)):
        for key, value in over.entries.items():  # `model.layers.3.units=64` over a file that Hydra never saw
            base = set_value(base, (key,), value)
        return base
    if not isinstance(base, Map) or not isinstance(over, Map):
        return over
    entries = {**base.entries, **{key: overlay(base.get(key), value) for key, value in over.entries.items()}}
    return Map(entries, base.place, {**base.keys, **over.keys})


def set_value(tree: Tree, path: tuple[str, ...], value: Tree) -> Tree:
    """`tree` with `value` laid over what stands at `path`; list items are named by their index."""
    if not path:
        return overlay(tree, value)
    key, rest = path[0], path[1:]
    if isinstance(tree, Seq) and _is_index(key) and int(key) < len(tree.items):
        items = list(tree.items)
        items[int(key)] = set_value(items[int(key)], rest, value)
        return Seq(tuple(items), tree.place)
    entries: Mapping[str, Tree] = tree.entries if isinstance(tree, Map) else {}
    keys: Mapping[str, Place] = tree.keys if isinstance(tree, Map) else {}
    below = entries.get(key)
    made = set_value(below if below is not None else Map({}, value.place), rest, value)
    place = tree.place if isinstance(tree, Map) else value.place
    return Map({**entries, key: made}, place, {**keys, key: keys.get(key, value.place) if rest else value.place})


def delete(tree: Tree, path: tuple[str, ...]) -> Tree:
    """`tree` without what stands at `path`."""
    key, *rest = path
    if not isinstance(tree, Map) or key not in tree.entries:
        return tree
    entries = dict(tree.entries)
    if rest:
        entries[key] = delete(entries[key], tuple(rest))
    else:
        del entries[key]
    return Map(entries, tree.place, tree.keys)


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit()
