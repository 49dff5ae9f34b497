"""`share`: the layers of an earlier layer or block again, calling the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from compiler.errors import Place
from compiler.expand.items import Item, Layer, Sequence


def find(wanted: str, name: str, home: str, by_name: Mapping[str, Item]) -> Item | None:
    """The earlier item that `wanted` means for an entry called `name`: the nearest one, not beyond the block `home`."""
    prefix = name
    while prefix != home:
        prefix = prefix.rpartition(".")[0]
        found = by_name.get(f"{prefix}.{wanted}" if prefix else wanted)
        if found is not None:
            return found
    return None


def twin(item: Item, name: str, place: Place, trail: tuple[str, ...], label: str) -> Item:
    """`item` under another name, each of its layers sharing the weights of the one that it copies.

    Args:
        place, trail, label: of the entry that says `share`.
    """
    if isinstance(item, Layer):
        return replace(item, name=name, shares=item.shares or item.name, place=place, trail=trail)

    def below(child: Item) -> Item:
        return twin(child, name + child.name.removeprefix(item.name), place, inside, label)

    inside = trail if label in trail else (*trail, label)
    if isinstance(item, Sequence):
        return replace(item, name=name, items=tuple(below(child) for child in item.items))
    paths, merge = [below(path) for path in item.paths], below(item.merge)
    assert isinstance(merge, Layer)
    return replace(item, name=name, paths=tuple(path for path in paths if isinstance(path, Sequence)), merge=merge)
