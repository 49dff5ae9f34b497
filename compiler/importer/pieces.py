"""Pieces of lists that could become one: which belong together, and how tensors run into them and through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.importer import titles
from compiler.importer.tree import Call, Folded, Item, Items, Leaf, Shapes, children, lists, weight

APART = 0.6
"""How well names must agree, on the average, to what becomes one piece; see `apartness`."""

MAX_LENGTH = 40
"""Items of a block or of a loop's body."""

MAX_PARAMS = 6
"""Parameters of a block, and variables of a loop: more are harder to read than what they save."""

MAX_INPUTS = 3
"""Tensors that enter a block."""

Wire = tuple[str, int]
"""Where a tensor comes from: `prev`, the piece's item of a number (`in`), or from outside (`ext`, counted)."""

PREV = ""
"""The tensor before a piece, among those that enter it."""


@dataclass(slots=True)
class Piece:
    """Items `start` and behind of a list, as many as have been added.

    Attributes:
        outside: the results that enter, by first use; `PREV` for the one before the piece.
        wires: for each item, where its tensors come from.
        open: results inside that are used outside, and by how many items.
        number: equal for pieces of one structure and wiring.
    """

    items: Items
    start: int
    length: int = 0
    outside: list[str] = field(default_factory=list[str])
    wires: list[tuple[Wire, ...]] = field(default_factory=list[tuple[Wire, ...]])
    number: int = 0
    _at: dict[str, int] = field(default_factory=dict[str, int])
    _left: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def part(self) -> Items:
        return self.items[self.start : self.start + self.length]

    @property
    def closed(self) -> bool:
        """Whether only the last item's result is used outside."""
        return all(count == 0 or self._at[name] == self.length - 1 for name, count in self._left.items())

    @property
    def plain(self) -> bool:
        """Whether one tensor enters the first item, and each item takes the one before."""
        return len(self.outside) == 1 and all(wire == (("prev", 0),) for wire in self.wires[1:])

    def grow(self, users: Mapping[str, int]) -> bool:
        """Take in the next item; False where it cannot be part of a piece."""
        if self.start + self.length >= len(self.items):
            return False
        item = self.items[self.start + self.length]
        if not is_whole(item):
            return False
        wires = tuple(self._wire(ref) for ref in (item.source or ("prev",)))
        if len(self.outside) > MAX_INPUTS:
            return False
        for kind, at in wires:
            if kind == "in":
                self._left[self.items[self.start + at].result] -= 1
        self.wires.append(wires)
        self._at[item.result] = self.length
        if item.exported:
            self._left[item.result] = users.get(item.result, 0)
        self.length += 1
        return True

    def _wire(self, ref: str) -> Wire:
        if ref == "prev" and self.length > 0:
            return ("prev", 0)
        if ref in self._at:
            return ("in", self._at[ref])
        before = self.items[self.start - 1].result if self.start > 0 else None
        name = PREV if ref in ("prev", before) else ref
        if name not in self.outside:
            self.outside.append(name)
        return ("ext", self.outside.index(name))


def is_whole(item: Item) -> bool:
    """Whether nothing inside an item goes by the name of another item, or is gone by."""
    if isinstance(item, Leaf):
        return not (item.shares or item.lends)
    return all(
        inner.source is None and not inner.exported and is_whole(inner) for part in children(item) for inner in part
    )


def candidates(model: Folded, shapes: Shapes) -> list[list[Piece]]:
    """Pieces of one structure that occur more than once, those that could save the most first.

    Pieces grow item by item, and only those that still have an equal somewhere.
    """
    users = _users(model)
    growing = [Piece(items, start) for items in lists(model) for start in range(len(items))]
    numbers = {id(items): [shapes.of(item) for item in items] for items in lists(model)}
    keys: dict[object, int] = {}
    found: list[list[Piece]] = []
    for _ in range(MAX_LENGTH):
        groups: dict[int, list[Piece]] = {}
        for piece in growing:
            if piece.grow(users):
                shape = numbers[id(piece.items)][piece.start + piece.length - 1]
                piece.number = keys.setdefault((piece.number, shape, piece.wires[-1]), len(keys) + 1)
                groups.setdefault(piece.number, []).append(piece)
        growing = [piece for group in groups.values() if len(group) > 1 for piece in group]
        found += [_copied(apart) for group in groups.values() if len(apart := _apart(group)) > 1]
        if not growing:
            break
    ranked = [(saving, group) for group in found if (saving := _saving(group)) > 0]
    return [group for _, group in sorted(ranked, key=lambda pair: (-pair[0], pair[1][0].length, pair[1][0].number))]


def apartness(items: Items, start: int, length: int) -> float:
    """1 where names say that a part belongs together, less where they say that it cuts through something."""
    end = start + length
    if length == 1:
        return 1.0
    cuts = [(start, start - 1, start + 1)] if start > 0 else []
    cuts += [(end - 1, end, end - 2)] if end < len(items) else []
    for at, outside, inside in cuts:
        own, out, into = (items[place].title for place in (at, outside, inside))
        if own and out and len(titles.common([own, out])) > (len(titles.common([own, into])) if into else 0):
            return 0.3
    named = sum(item.title is not None for item in items[start:end])
    return 1.0 if named > 1 and titles.common(item.title for item in items[start:end]) else 0.9


def _users(model: Folded) -> dict[str, int]:
    """How many times each result is named, by items or as an output."""
    found: dict[str, int] = dict.fromkeys(model.outputs, 1)
    for items in lists(model):
        for item in items:
            for ref in item.source or ():
                found[ref] = found.get(ref, 0) + 1
    return found


def _apart(group: Sequence[Piece]) -> list[Piece]:
    """Those pieces of a group that can be made one, the first of each two that overlap."""
    made: list[Piece] = []
    for piece in group:
        only = piece.part[0] if piece.length == 1 else None
        overlaps = made and made[-1].items is piece.items and made[-1].start + piece.length > piece.start
        if piece.closed and not overlaps and not isinstance(only, (Leaf, Call)):
            made.append(piece)
    return made


def _copied(group: Sequence[Piece]) -> list[Piece]:
    """The pieces as they are now, since they will grow."""
    return [
        Piece(piece.items, piece.start, piece.length, [*piece.outside], [*piece.wires], piece.number) for piece in group
    ]


def _saving(pieces: Sequence[Piece]) -> float:
    """What a block for `pieces` could save at best, in lines; 0 where it cuts through what names hold together."""
    apart = sum(apartness(piece.items, piece.start, piece.length) for piece in pieces) / len(pieces)
    whole = sum(weight(piece.part) - 1.5 for piece in pieces) - weight(pieces[0].part) - 2
    return 0.0 if apart < APART and pieces[0].length > 1 else whole * apart
