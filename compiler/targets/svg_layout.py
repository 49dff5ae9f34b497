"""A layered layout of nested groups: rows by longest path, columns group by group.

A group is laid out by itself and is then one item of the group around it, so that boxes nest and never cross.
An edge longer than one row runs down a lane, an item of its own in each group that it passes; all edges from
one node share its lanes. So an item is a rectangle that fills some rows, and a group's layout is an order of
its items from left to right (barycentres, Sugiyama et al. 1981) and x positions that keep this order in each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.targets.diagram import Group
from compiler.targets.svg_columns import Item, Link, place

Point = tuple[float, float]

PAD = 10.0  # between a group's box and what is in it
LABEL = 20.0  # the same above, where its label stands
GAP = 22.0  # the least height between two rows, for edges to change columns


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
        edges: by (source, target), the way down from the source's lower side to the target's upper side.
            Between points of equal x it is a vertical line; else a curve between two rows, where no node is.
    """

    width: float
    height: float
    nodes: Mapping[str, Box]
    frames: tuple[Frame, ...]
    edges: Mapping[tuple[str, str], tuple[Point, ...]]


@dataclass(slots=True, eq=False)
class _Place(Item):
    """A node or a group: rows `first` to `last`; `x` counts from the left of the group around it."""

    name: str = ""
    parent: _Place | None = None
    group: Group | None = None
    height: float = 0
    rows: int = 1
    depth: int = 0
    children: list[_Place] = field(default_factory=list["_Place"])
    edges: list[tuple[_Place, _Place]] = field(default_factory=list[tuple["_Place", "_Place"]])  # between children
    lanes: dict[str, Item] = field(default_factory=dict[str, Item])  # by the node that they come from
    steps: list[tuple[Item, Item, tuple[_Place, _Place]]] = field(default_factory=list[tuple[Item, Item, "tuple[_Place, _Place]"]])


def layout(root: Group, sizes: Mapping[str, tuple[float, float]], edges: Iterable[tuple[str, str]]) -> Layout:
    """Lay out a directed acyclic graph.

    Args:
        root: all nodes in their groups. A group that some path leaves and enters again gets no frame.
        sizes: width and height by node name.
        edges: pairs of node names.
    """
    leaves: dict[str, _Place] = {}
    top = _tree(root, sizes, leaves)
    pairs = [(leaves[a], leaves[b]) for a, b in dict.fromkeys(edges)]
    while not _assign(top, pairs):
        pass
    outer_first = _groups(top)
    for place_ in reversed(outer_first):
        _rank(place_)
    for place_ in outer_first:
        for child in place_.children:
            child.first += place_.first
            child.last = child.first + child.rows - 1
    chains = {(a.name, b.name): _chain(a, b) for a, b in pairs}
    for place_ in reversed(outer_first):
        _columns(place_)
    return _finish(top, outer_first, leaves, chains)


def _tree(root: Group, sizes: Mapping[str, tuple[float, float]], leaves: dict[str, _Place]) -> _Place:
    top = _Place(group=root)
    stack = [top]
    while stack:
        place_ = stack.pop()
        assert place_.group is not None
        for member in place_.group.members:
            if isinstance(member, Group):
                child = _Place(name=member.name, parent=place_, group=member, depth=place_.depth + 1)
                stack.append(child)
            else:
                width, height = sizes[member]
                child = _Place(name=member, parent=place_, depth=place_.depth + 1, width=width, height=height)
                leaves[member] = child
            place_.children.append(child)
    return top


def _groups(top: _Place) -> list[_Place]:
    """All groups, outer ones first."""
    found = [top]
    for place_ in found:
        found += [child for child in place_.children if child.group]
    return found


def _assign(top: _Place, pairs: Sequence[tuple[_Place, _Place]]) -> bool:
    """Give each edge to the innermost group around it; dissolve groups on a cycle, and say whether there was none."""
    groups = _groups(top)
    for place_ in groups:
        place_.edges = []
    for source, target in pairs:
        a, b = source, target
        while a.parent is not b.parent:
            if a.depth >= b.depth:
                assert a.parent is not None
                a = a.parent
            else:
                assert b.parent is not None
                b = b.parent
        assert a.parent is not None
        a.parent.edges.append((a, b))
    cyclic = [child for place_ in groups for child in _on_cycles(place_)]
    for place_ in sorted(cyclic, key=lambda place_: place_.depth, reverse=True):
        around = place_.parent
        assert around is not None
        at = around.children.index(place_)
        around.children[at : at + 1] = place_.children
        for child in place_.children:
            child.parent = around
    if cyclic:
        for place_ in _groups(top):
            for child in place_.children:
                child.depth = place_.depth + 1
    return not cyclic


def _on_cycles(place_: _Place) -> list[_Place]:
    """The groups among the children that stand on a cycle of the children (or between two)."""
    left = set(place_.children)
    for forward in (True, False):
        degree = dict.fromkeys(left, 0)
        beyond: dict[_Place, list[_Place]] = defaultdict(list)
        for a, b in place_.edges:
            if a in left and b in left:
                degree[b if forward else a] += 1
                beyond[a if forward else b].append(b if forward else a)
        free = [child for child, count in degree.items() if not count]
        for child in free:
            for other in beyond[child]:
                degree[other] -= 1
                if not degree[other]:
                    free.append(other)
        left -= set(free)
    return [child for child in place_.children if child in left and child.group]


def _rank(place_: _Place) -> None:
    """Rows of the children within the group, by longest path; the group's own count of rows."""
    degree = dict.fromkeys(place_.children, 0)
    after: dict[_Place, list[_Place]] = defaultdict(list)
    for a, b in place_.edges:
        degree[b] += 1
        after[a].append(b)
    free = [child for child in place_.children if not degree[child]]
    for child in free:
        for other in after[child]:
            other.first = max(other.first, child.first + child.rows)
            degree[other] -= 1
            if not degree[other]:
                free.append(other)
    place_.rows = max((child.first + child.rows for child in place_.children), default=1)
    place_.last = place_.rows - 1


def _chain(source: _Place, target: _Place) -> list[Item]:
    """What an edge passes from source to target, lanes made on the way; its steps are kept by the groups they are in."""
    down = [target]
    around = target.parent
    outside = {id(group) for group in _upwards(source)}
    while around is not None and id(around) not in outside:
        down.append(around)
        around = around.parent
    passed: list[Item] = [source]
    up = source
    while (group := up.parent) is not None and group is not around:
        passed += _run(group, (source, target), up, None)
        up = group
    assert around is not None
    passed += _run(around, (source, target), up, down[-1])
    for group, inner in zip(reversed(down), reversed(down[:-1]), strict=False):
        passed += _run(group, (source, target), None, inner)
    return [*passed, target]


def _upwards(place_: _Place) -> Iterable[_Place]:
    while place_.parent is not None:
        place_ = place_.parent
        yield place_


def _run(group: _Place, edge: tuple[_Place, _Place], above: _Place | None, below: _Place | None) -> list[Item]:
    """An edge's way inside one group, from a child (or the upper side) to a child (or the lower side): a lane or none."""
    first = above.last + 1 if above else group.first
    last = below.first - 1 if below else group.last
    lanes: list[Item] = []
    if first <= last:
        lane = group.lanes.setdefault(edge[0].name, Item(first=first, last=last, lane=True))
        lane.last = max(lane.last, last)
        lanes.append(lane)
    stops = [*([above] if above else []), *lanes, *([below] if below else [])]
    group.steps += [(a, b, edge) for a, b in zip(stops, stops[1:], strict=False)]
    return lanes


def _columns(group: _Place) -> None:
    """Put the children and lanes of a group side by side, the groups in it being done; set the group's width."""
    links: dict[tuple[int, int, float, float], Link] = {}
    for a, b, (source, target) in group.steps:
        out, up = _port(a, source, source) if isinstance(a, _Place) else (0.0, None)
        into, down = _port(b, target, source) if isinstance(b, _Place) else (0.0, None)
        links.setdefault((id(a), id(b), out, into), Link(a, b, out, into, up, down))
    items: list[Item] = [*group.children, *group.lanes.values()]
    place(items, list(links.values()))
    left = min((item.x for item in items), default=0.0)
    pad = PAD if group.parent is not None else 0.0
    for item in items:
        item.x += pad - left
    group.width = max((item.x + item.width for item in items), default=0.0) + pad


def _port(item: _Place, end: _Place, source: _Place) -> tuple[float, int | None]:
    """Where an edge from `source` meets `item`, its `end` or a group around that: from the item's left; and the `up`
    or `down` of what it meets there."""
    if item is end:
        return item.width / 2, None
    inside = [end, *_upwards(end)]
    x = 0.0
    for child in reversed(inside[: inside.index(item)]):
        at_side = child.last == item.last if end is source else child.first == item.first
        if not at_side:
            lane = item.lanes[source.name]
            return x + lane.x, lane.up if end is source else lane.down
        x += child.x
        item = child
    return x + item.width / 2, item.up if end is source else item.down


def _finish(
    top: _Place,
    groups: Sequence[_Place],
    leaves: Mapping[str, _Place],
    chains: Mapping[tuple[str, str], Sequence[Item]],
) -> Layout:
    """Positions in the whole drawing, rows made as high as they must be."""
    for group in groups:
        for item in (*group.children, *group.lanes.values()):
            item.x += group.x
    rows = range(top.rows)
    heights = [0.0] * top.rows
    for leaf in leaves.values():
        heights[leaf.first] = max(heights[leaf.first], leaf.height)
    over, under = [0.0] * top.rows, [0.0] * top.rows
    margins: dict[int, tuple[float, float]] = {}
    for group in reversed(groups[1:]):
        nested = [child for child in group.children if child.group]
        above = LABEL + max((margins[id(c)][0] for c in nested if c.first == group.first), default=0.0)
        below = PAD + max((margins[id(c)][1] for c in nested if c.last == group.last), default=0.0)
        margins[id(group)] = above, below
        over[group.first] = max(over[group.first], above)
        under[group.last] = max(under[group.last], below)
    aside = [0.0] * top.rows  # how far edges go sideways below each row
    for chain in chains.values():
        for a, b in zip(chain, chain[1:], strict=False):
            aside[b.first - 1] = max(aside[b.first - 1], abs(_middle(a) - _middle(b)))
    upper, lower, y = [0.0] * top.rows, [0.0] * top.rows, 0.0
    for row in rows:
        upper[row] = y + over[row]
        lower[row] = upper[row] + heights[row]
        y = lower[row] + under[row] + (GAP + min(26.0, aside[row] * 0.07) if row < rows[-1] else 0.0)
    nodes = {
        name: Box(leaf.x, (upper[leaf.first] + lower[leaf.first] - leaf.height) / 2, leaf.width, leaf.height)
        for name, leaf in leaves.items()
    }
    frames: list[Frame] = []
    for group in groups[1:]:
        assert group.group is not None and group.parent is not None and group.parent.group is not None
        above, below = margins[id(group)]
        y_top = upper[group.first] - above
        box = Box(group.x, y_top, group.width, lower[group.last] + below - y_top)
        frames.append(Frame(group.group, group.parent.group, box))
    edges: dict[tuple[str, str], tuple[Point, ...]] = {}
    for (source, target), chain in chains.items():
        points = [(nodes[source].middle, nodes[source].bottom)]
        for a, b in zip(chain, chain[1:], strict=False):
            row = b.first - 1
            if abs(_middle(a) - _middle(b)) > 0.01:
                points += [(_middle(a), lower[row] + under[row]), (_middle(b), upper[row + 1] - over[row + 1])]
        edges[source, target] = (*points, (nodes[target].middle, nodes[target].y))
    return Layout(top.width, y, nodes, tuple(frames), edges)


def _middle(item: Item) -> float:
    return item.x + item.width / 2
