"""What a tree of a graph is made of: layers, groups of them, and loops over copies of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.ir import Node

Path = tuple[int | str, ...]
"""Where a value stands in an item: the indices of items, -1 for a loop's last copy, `@` for the layer itself."""


@dataclass(frozen=True, eq=False)
class Item:
    """What all items have.

    Attributes:
        name: the path that its layers' names begin with; a layer's own name.
        shape: equal for items of equal structure.
        reads: the values that enter, in order of first use.
        writes: all values made inside.
        after: nodes outside that must have come before though nothing enters from them.
    """

    name: str
    shape: int
    reads: tuple[str, ...]
    writes: frozenset[str]
    after: frozenset[str]


@dataclass(frozen=True, eq=False)
class Leaf(Item):
    """One layer."""

    node: Node
    lends: bool


@dataclass(frozen=True, eq=False)
class Group(Item):
    """Items one after another, in an order in which they can be computed."""

    items: tuple[Item, ...]
    home: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Slot:
    """What enters every copy of a loop at one place.

    Attributes:
        kind: `carried` from copy to copy, the `same` for all, or another for `each`.
        values: what enters from outside: the first copy's, that of all, or one a copy.
        carried: where the copy before makes it.
    """

    kind: str
    values: tuple[str, ...]
    carried: Path = ()


@dataclass(frozen=True, eq=False)
class Loop(Item):
    """Copies `name.start`, `name.start+1`, ... of one shape."""

    start: int
    copies: tuple[Item, ...]
    slots: tuple[Slot, ...]
    home: Mapping[str, int]

    def base(self, copy: int) -> str:
        """The path of a copy."""
        return f"{self.name}.{self.start + copy}" if self.name else str(self.start + copy)

    @property
    def carried(self) -> tuple[Path, ...]:
        return tuple(slot.carried for slot in self.slots if slot.kind == "carried")


def locate(item: Item, value: str) -> Path:
    """Where `value`, made inside `item`, stands in it."""
    match item:
        case Group():
            at = item.home[value]
            return (at, *locate(item.items[at], value))
        case Loop():
            at = item.home[value]
            return (-1 if at == len(item.copies) - 1 else at, *locate(item.copies[at], value))
        case _:
            return ("@",) if value.startswith("@") else ()


def in_a_list(item: Item, value: str) -> bool:
    """Whether `value` is made by another than the last copy of a loop in `item`."""
    if isinstance(item, Loop):
        at = item.home[value]
        return at < len(item.copies) - 1 or in_a_list(item.copies[at], value)
    return isinstance(item, Group) and in_a_list(item.items[item.home[value]], value)


def children(item: Item) -> tuple[Item, ...]:
    """The items directly inside."""
    return item.items if isinstance(item, Group) else item.copies if isinstance(item, Loop) else ()


def walk(item: Item) -> Iterator[Item]:
    """The item and all inside it."""
    yield item
    for child in children(item):
        yield from walk(child)


def leaves(item: Item) -> int:
    """How many layers a reader sees in it: a loop's are counted once."""
    if isinstance(item, Loop):
        return leaves(item.copies[0])
    return sum(leaves(child) for child in item.items) if isinstance(item, Group) else 1


def beyond(name: str, base: str) -> str:
    """A name behind `base`, without the dot between.

    >>> beyond("entry.0.sep", "entry"), beyond("entry", ""), beyond("entry", "entry")
    ('0.sep', 'entry', '')
    """
    return name[len(base) :].removeprefix(".") if base else name
