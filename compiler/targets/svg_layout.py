"""A layered layout of nested groups: rows by longest path, columns group by group.

A group is laid out by itself and is then one item of the group around it, so that boxes nest and never cross.
An edge longer than one row runs down a lane, an item of its own in each group that it passes; all edges from
one node share its lanes. So an item is a rectangle that fills some rows, and a group's layout is an order of
its items from left to right (barycentres, Sugiyama et al. 1981) and x positions that keep this order in each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from compiler.targets.diagram import Group
from compiler.targets.svg_cells import Cell, around, cells, chain_of, groups_of, set_rows
from compiler.targets.svg_columns import Item, Link, place

Point = tuple[float, float]

PAD = 10.0  # between a group's box and what is in it
LABEL = 20.0  # the same above, where its label stands
GAP = 22.0  # the least height between two rows, for edges to change columns
NOTHING = 0.05  # sideways, that no eye sees
STEEP, MOST = 0.07, 26.0  # how much higher it is for each unit that edges go sideways, and at most


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A group with its box and its parent."""

    group: Group
    parent: Group
    box: Box


@dataclass(frozen=True, slots=True)
class Layout:
    """Where all stands.

    Attributes:
        nodes: boxes by node name.
        frames: groups, outer ones first.
        edges: by (source, target), the way down from the middle of one's lower side to that of the other's upper.
            Between points of equal x it is a vertical line; else a curve between two rows, where no node is.
    """

    width: float
    height: float
    nodes: Mapping[str, Box]
    frames: tuple[Frame, ...]
    edges: Mapping[tuple[str, str], tuple[Point, ...]]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Heights, by row: of the nodes' upper and lower sides, of the room for edges above and below these."""

    upper: Sequence[float]
    lower: Sequence[float]
    enter: Sequence[float]
    leave: Sequence[float]
    margins: Mapping[Cell, tuple[float, float]]  # of groups: over the first row, under the last


def layout(root: Group, sizes: Mapping[str, tuple[float, float]], edges: Iterable[tuple[str, str]]) -> Layout:
    """Lay out a directed acyclic graph.

    Args:
        root: all nodes in their groups. A group that some path leaves and enters again gets no frame.
        sizes: width and height by node name.
        edges: pairs of node names.
    """
    top, leaves = cells(root, sizes)
    pairs = [(leaves[a], leaves[b]) for a, b in dict.fromkeys(edges)]
    set_rows(top, pairs)
    chains = {(a.name, b.name): chain_of(a, b) for a, b in pairs}
    groups = groups_of(top)
    for group in reversed(groups):
        _set_columns(group)
    for group in groups:
        for item in (*group.children, *group.lanes.values()):
            item.x += group.x
    rows = _rows(top, groups, list(leaves.values()), list(chains.values()))
    nodes = {name: _node_box(leaf, rows) for name, leaf in leaves.items()}
    frames = tuple(_frame(group, rows) for group in groups[1:])
    ways = {(a, b): tuple(_way(chain, nodes[a].bottom, nodes[b].y, rows)) for (a, b), chain in chains.items()}
    return Layout(top.width, rows.leave[-1], nodes, frames, ways)


def _set_columns(group: Cell) -> None:
    """Put the children and lanes of a group side by side, the groups in it being done; set the group's width."""
    links: dict[tuple[int, int, float, float], Link] = {}
    for step in group.steps:
        out, up = _port(step.a, step.source, step.source)
        into, down = _port(step.b, step.target, step.source)
        links.setdefault((id(step.a), id(step.b), out, into), Link(step.a, step.b, out, into, up, down))
    items: list[Item] = [*group.children, *group.lanes.values()]
    place(items, list(links.values()))
    left = min((item.x for item in items), default=0.0)
    pad = PAD if group.parent is not None else 0.0
    for item in items:
        item.x += pad - left
    group.width = max((item.x + item.width for item in items), default=0.0) + pad


def _port(item: Item, end: Cell, source: Cell) -> tuple[float, int | None]:
    """Where an edge from `source` meets `item`: a lane, its `end`, or a group around that.

    Returns:
        The distance from the item's left; and the `up` or `down` of what the edge meets inside a group.
    """
    if item is end or not isinstance(item, Cell):
        return item.width / 2, None
    leaves = end is source
    inside = [end, *around(end)]
    x = 0.0
    for child in reversed(inside[: inside.index(item)]):
        at_side = child.last == item.last if leaves else child.first == item.first
        if not at_side:
            lane = item.lanes[source.name]
            return x + lane.x, lane.up if leaves else lane.down
        x, item = x + child.x, child
    return x + item.width / 2, item.up if leaves else item.down


def _rows(top: Cell, groups: Sequence[Cell], leaves: Sequence[Cell], chains: Sequence[Sequence[Item]]) -> _Rows:
    """Rows as high as their nodes, and between them room for frames, for labels and for edges to go sideways."""
    heights, over, under, aside = ([0.0] * top.rows for _ in range(4))
    for leaf in leaves:
        heights[leaf.first] = max(heights[leaf.first], leaf.height)
    margins: dict[Cell, tuple[float, float]] = {}
    for group in reversed(groups[1:]):
        nested = [child for child in group.children if child.group]
        above = LABEL + max((margins[child][0] for child in nested if child.first == group.first), default=0.0)
        below = PAD + max((margins[child][1] for child in nested if child.last == group.last), default=0.0)
        margins[group] = above, below
        over[group.first] = max(over[group.first], above)
        under[group.last] = max(under[group.last], below)
    for chain in chains:
        for a, b in pairwise(chain):
            aside[b.first - 1] = max(aside[b.first - 1], abs(_middle(a) - _middle(b)))
    upper, lower, y = [0.0] * top.rows, [0.0] * top.rows, 0.0
    for row in range(top.rows):
        upper[row] = y + over[row]
        lower[row] = upper[row] + heights[row]
        y = lower[row] + under[row] + GAP + min(MOST, aside[row] * STEEP)
    enter = [side - room for side, room in zip(upper, over, strict=True)]
    leave = [side + room for side, room in zip(lower, under, strict=True)]
    return _Rows(upper, lower, enter, leave, margins)


def _node_box(leaf: Cell, rows: _Rows) -> Box:
    y = (rows.upper[leaf.first] + rows.lower[leaf.first] - leaf.height) / 2
    return Box(leaf.x, y, leaf.width, leaf.height)


def _frame(group: Cell, rows: _Rows) -> Frame:
    above, below = rows.margins[group]
    y = rows.upper[group.first] - above
    box = Box(group.x, y, group.width, rows.lower[group.last] + below - y)
    parent = group.parent.group if group.parent else None
    assert group.group is not None and parent is not None, "a frame is a group's, in a group"
    return Frame(group.group, parent, box)


def _way(chain: Sequence[Item], start: float, end: float, rows: _Rows) -> Iterator[Point]:
    """The points of an edge, from y `start` to y `end`."""
    x = _middle(chain[0])
    yield x, start
    for item in chain[1:]:
        if abs(_middle(item) - x) > NOTHING:
            yield x, rows.leave[item.first - 1]
            x = _middle(item)
            yield x, rows.enter[item.first]
    yield x, end


def _middle(item: Item) -> float:
    return item.x + item.width / 2
