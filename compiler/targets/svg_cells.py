"""Nodes and groups as items of a layered drawing: which rows they fill, and which lanes edges need between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from compiler.targets.diagram import Group
from compiler.targets.svg_columns import Item


@dataclass(slots=True, eq=False)
class Cell(Item):
    """A node or a group.

    Attributes:
        group: what it stands for, where it is a group.
        parent, depth: the group around it, and how many there are.
        rows: how many rows it fills.
        children, edges: of a group, what is in it, and what is linked there.
        lanes: of a group, by the name of the node whose edges run in them.
        steps: of a group, what follows each other on an edge (source, target) inside.
    """

    name: str = ""
    group: Group | None = None
    parent: Cell | None = None
    depth: int = 0
    rows: int = 1
    height: float = 0.0
    children: list[Cell] = field(default_factory=list["Cell"])
    edges: list[tuple[Cell, Cell]] = field(default_factory=list[tuple["Cell", "Cell"]])
    lanes: dict[str, Item] = field(default_factory=dict[str, Item])
    steps: list[Step] = field(default_factory=list["Step"])


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A part of the edge from `source` to `target`: from the lower side of `a` to the upper side of `b`."""

    a: Item
    b: Item
    source: Cell
    target: Cell


def cells(root: Group, sizes: Mapping[str, tuple[float, float]]) -> tuple[Cell, dict[str, Cell]]:
    """The whole drawing as a cell, and the cells of nodes by name."""
    leaves: dict[str, Cell] = {}
    top = Cell(group=root)
    stack = [(top, root)]
    while stack:
        parent, group = stack.pop()
        for member in group.members:
            if isinstance(member, Group):
                child = Cell(name=member.name, group=member, parent=parent, depth=parent.depth + 1)
                stack.append((child, member))
            else:
                width, height = sizes[member]
                child = Cell(name=member, parent=parent, depth=parent.depth + 1, width=width, height=height)
                leaves[member] = child
            parent.children.append(child)
    return top, leaves


def groups_of(top: Cell) -> list[Cell]:
    """`top` and all groups in it, outer ones first."""
    found = [top]
    for cell in found:
        found += [child for child in cell.children if child.group]
    return found


def set_rows(top: Cell, pairs: Sequence[tuple[Cell, Cell]]) -> None:
    """Set `first` and `last` of all cells, by longest path; a group fills the rows of what is in it.

    A group that a path leaves and enters again has no rows of its own: it is dissolved.
    """
    while cyclic := _assign_edges(top, pairs):
        _dissolve(top, cyclic)
    groups = groups_of(top)
    for group in reversed(groups):
        for child in _topological(group):
            child.last = child.first + child.rows - 1
        group.rows = max((child.last + 1 for child in group.children), default=1)
    top.last = top.rows - 1
    for group in groups:
        for child in group.children:
            child.first += group.first
            child.last = child.first + child.rows - 1


def _assign_edges(top: Cell, pairs: Sequence[tuple[Cell, Cell]]) -> list[Cell]:
    """Keep each edge in the innermost group around it, between children of this; the groups that make cycles so."""
    groups = groups_of(top)
    for group in groups:
        group.edges = []
    for a, b in pairs:
        while a.parent is not b.parent:
            if a.depth >= b.depth:
                a = _parent(a)
            else:
                b = _parent(b)
        _parent(a).edges.append((a, b))
    return [child for group in groups for child in _on_cycles(group)]


def _on_cycles(group: Cell) -> list[Cell]:
    """The groups among the children that stand on a cycle of the children, or between two cycles."""
    left = set(group.children)
    for forward in (True, False):
        degree = dict.fromkeys(left, 0)
        beyond: dict[Cell, list[Cell]] = defaultdict(list)
        for a, b in group.edges:
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
    return [child for child in group.children if child in left and child.group]


def _dissolve(top: Cell, groups: Sequence[Cell]) -> None:
    """Put the children of `groups` into the groups around these."""
    for group in sorted(groups, key=lambda group: group.depth, reverse=True):
        around = _parent(group)
        at = around.children.index(group)
        around.children[at : at + 1] = group.children
        for child in group.children:
            child.parent = around
    for group in groups_of(top):
        for child in group.children:
            child.depth = group.depth + 1


def _topological(group: Cell) -> Iterator[Cell]:
    """The children from above to below, `first` of each set (within the group) when it comes."""
    degree = dict.fromkeys(group.children, 0)
    below: dict[Cell, list[Cell]] = defaultdict(list)
    for a, b in group.edges:
        degree[b] += 1
        below[a].append(b)
    free = [child for child in group.children if not degree[child]]
    for child in free:
        yield child
        for other in below[child]:
            other.first = max(other.first, child.first + child.rows)
            degree[other] -= 1
            if not degree[other]:
                free.append(other)


def chain_of(source: Cell, target: Cell) -> list[Item]:
    """What the edge from source to target passes, both included.

    Lanes are made or made longer on the way, and each group's `steps` kept.
    """
    down = [target]
    outside = {id(group) for group in around(source)}
    for meeting in around(target):
        if id(meeting) in outside:
            break
        down.append(meeting)
    else:
        raise AssertionError("the whole drawing is around both")
    passed: list[Item] = [source]
    up = source
    for group in around(source):
        if group is meeting:
            break
        passed += _run(group, source, target, up, None)
        up = group
    passed += _run(meeting, source, target, up, down[-1])
    for inner, group in reversed(list(pairwise(down))):
        passed += _run(group, source, target, None, inner)
    return [*passed, target]


def around(cell: Cell) -> Iterable[Cell]:
    """The groups around a cell, inner ones first."""
    while cell.parent is not None:
        cell = cell.parent
        yield cell


def _run(group: Cell, source: Cell, target: Cell, above: Cell | None, below: Cell | None) -> list[Item]:
    """The way of an edge in a group, from a child (or the upper side) to a child (or the lower one): a lane or none."""
    first = above.last + 1 if above else group.first
    last = below.first - 1 if below else group.last
    lanes: list[Item] = []
    if first <= last:
        lane = group.lanes.setdefault(source.name, Item(first=first, last=last, lane=True))
        lane.last = max(lane.last, last)
        lanes.append(lane)
    stops: list[Item] = [*([above] if above else []), *lanes, *([below] if below else [])]
    group.steps += [Step(a, b, source, target) for a, b in pairwise(stops)]
    return lanes


def _parent(cell: Cell) -> Cell:
    assert cell.parent is not None, "only the whole drawing has no parent"
    return cell.parent
