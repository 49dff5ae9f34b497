"""A checked graph as a tree: what dotted names and equal structure say of its author's intent.

Layers whose names begin with one path are a group. Copies `path.0`, `path.1`, ... of equal structure, each fed by the
one before or by what stands outside, are a loop. Two groups have the same `shape` when they differ in nothing but
their place, the arguments of their layers, and how often their loops turn: they can be one function.

A value is a node's name; `@name` is the layer itself, where others call it again.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from compiler.ir import CheckedGraph, Node, lender
from compiler.targets.python_items import Group, Item, Leaf, Loop, Path, Slot, beyond, children, in_a_list, locate


class Tree:
    """A graph as a tree, below `root`."""

    def __init__(self, graph: CheckedGraph) -> None:
        self._shapes: dict[Hashable, int] = {}
        nodes = {checked.name: checked.node for checked in graph}
        roots = {name: lender(node, nodes) for name, node in nodes.items()}
        callers: dict[str, list[str]] = {}
        for name in nodes:
            callers.setdefault(roots[name], []).append(name)
        before = {b: a for calls in callers.values() for a, b in pairwise(calls)}
        self._order = {name: i for i, name in enumerate(nodes)}
        self._users: dict[str, list[str]] = {}
        made = [self._leaf(node, roots[node.name], callers, before) for node in nodes.values()]
        for leaf in made:
            for value in leaf.reads:
                self._users.setdefault(value, []).append(leaf.name)
        for output in graph.outputs:
            self._users.setdefault(output.node, []).append("")
        self.root = self._group("", self._grown("", made))

    def outs(self, item: Item) -> tuple[str, ...]:
        """The values made inside that are used outside, in the order of the graph."""
        out = [value for value in item.writes if any(user not in item.writes for user in self._users.get(value, ()))]
        return tuple(sorted(out, key=lambda value: (self._order[value.removeprefix("@")], value)))

    # --- items ---

    def _shape(self, facts: Hashable) -> int:
        return self._shapes.setdefault(facts, len(self._shapes))

    def _leaf(self, node: Node, root: str, callers: Mapping[str, list[str]], before: Mapping[str, str]) -> Leaf:
        shared = node.shares is not None
        operands = [operand.node for operand in node.inputs]
        reads = tuple(dict.fromkeys([*operands, f"@{root}"] if shared else operands))
        refs = tuple((operand.argument, reads.index(operand.node)) for operand in node.inputs)
        lends = len(callers[root]) > 1 and not shared
        writes = frozenset([node.name, f"@{node.name}"] if lends else [node.name])
        facts = ("layer", node.op, refs, shared, lends)
        after = frozenset([before[node.name]] if node.name in before else [])
        return Leaf(node.name, self._shape(facts), reads, writes, after, node, lends)

    def _group(self, name: str, items: Sequence[Item]) -> Group:
        home = {value: at for at, item in enumerate(items) for value in item.writes}
        reads = tuple(dict.fromkeys(value for item in items for value in item.reads if value not in home))
        after = frozenset(other for item in items for other in item.after if other not in home)

        def ref(value: str) -> Path:
            at = home.get(value)
            return ("in", reads.index(value)) if at is None else (at, *locate(items[at], value))

        facts = tuple((beyond(item.name, name), item.shape, tuple(map(ref, item.reads))) for item in items)
        return Group(name, self._shape(("group", facts)), reads, frozenset(home), after, tuple(items), home)

    def _loop(self, name: str, start: int, copies: Sequence[Item]) -> Loop | None:
        """The copies as a loop, or None where they are none."""
        home = {value: at for at, copy in enumerate(copies) for value in copy.writes}
        slots: list[Slot] = []
        for entering in zip(*(copy.reads for copy in copies), strict=True):
            slot = _slot(entering, copies, home) if len(copies) > 1 else self._slot_of_one(copies[0])
            if slot is None:
                return None
            slots.append(slot)
        if not any(slot.kind == "carried" for slot in slots) and len(copies) < 3:
            return None
        if any(in_a_list(copy, value) for copy in copies for value in self.outs(copy)):
            return None
        reads = tuple(dict.fromkeys(value for slot in slots for value in slot.values))
        wiring = tuple((slot.kind, slot.carried, tuple(map(reads.index, slot.values))) for slot in slots)
        suffix = beyond(copies[0].name, f"{name}.{start}")
        after = frozenset(other for copy in copies for other in copy.after if other not in home)
        shape = self._shape(("loop", start, suffix, copies[0].shape, wiring))
        return Loop(name, shape, reads, frozenset(home), after, start, tuple(copies), tuple(slots), home)

    def _slot_of_one(self, copy: Item) -> Slot | None:
        """A single copy is a loop's where others could follow: one value in, one out."""
        outs = self.outs(copy)
        return Slot("carried", copy.reads, locate(copy, outs[0])) if len(copy.reads) == len(outs) == 1 else None

    # --- growing ---

    def _grown(self, base: str, found: Iterable[Leaf]) -> list[Item]:
        """Items of the leaves whose names begin with `base`, in order."""
        made: dict[str, list[Leaf]] = {}
        for leaf in found:
            head, dot, _ = beyond(leaf.name, base).partition(".")
            made.setdefault(head + dot, []).append(leaf)  # with its dot, since a layer may be called as a group
        items: list[Item] = []
        for head, inner in made.items():
            path = f"{base}.{head}" if base else head
            items += self._bucket(path.removesuffix("."), inner) if head.endswith(".") else inner
        return self._sorted(items)

    def _bucket(self, base: str, found: Sequence[Leaf]) -> list[Item]:
        """The items below one path: the runs of copies, a single item, or a group."""
        copies: dict[str, list[Leaf]] = {}
        for leaf in found:
            copies.setdefault(beyond(leaf.name, base).partition(".")[0], []).append(leaf)
        own = all(
            len(inner) == 1 or f"{base}.{head}" not in {leaf.name for leaf in inner} for head, inner in copies.items()
        )
        if own and all(head.isdecimal() and str(int(head)) == head for head in copies):
            return self._runs(base, [self._copy(f"{base}.{head}", inner) for head, inner in copies.items()])
        items = self._grown(base, found)
        return items if len(items) == 1 else [self._group(base, items)]

    def _copy(self, base: str, found: Sequence[Leaf]) -> Item:
        items = [*found] if found[0].name == base else self._grown(base, found)
        return items[0] if len(items) == 1 else self._group(base, items)

    def _runs(self, base: str, copies: Sequence[Item]) -> list[Item]:
        """Copies next to each other become loops as long as they can."""
        queue = self._sorted(copies)
        if [copy.name for copy in queue] != [copy.name for copy in copies]:
            return queue  # they depend on each other otherwise than one after another
        items: list[Item] = []
        while queue:
            loop = self._longest(base, queue)
            items.append(loop or queue[0])
            queue = queue[len(loop.copies) if loop else 1 :]
        return items

    def _longest(self, base: str, copies: Sequence[Item]) -> Loop | None:
        """The longest loop that begins with the first of `copies`."""
        numbers = [beyond(copy.name, base).partition(".")[0] for copy in copies]
        start, shape = int(numbers[0]), copies[0].shape
        suffix = beyond(copies[0].name, base)[len(numbers[0]) :]
        alike = 0
        while (
            alike < len(copies)
            and copies[alike].shape == shape
            and beyond(copies[alike].name, base) == f"{start + alike}{suffix}"
        ):
            alike += 1
        good, bad = 0, alike + 1  # a loop's first copies are a loop too
        loop: Loop | None = None
        length = alike
        while length > good:
            made = self._loop(base, start, copies[:length])
            loop, good, bad = (made, length, bad) if made else (loop, good, length)
            length = (good + bad) // 2
        return loop

    def _sorted(self, items: Sequence[Item]) -> list[Item]:
        """Items in an order in which they can be computed, as near as can be to the given one.

        Groups that need each other are taken apart.
        """
        items = list(items)
        while True:
            home = {value: at for at, item in enumerate(items) for value in item.writes}
            needs = [
                {home[value] for value in (*item.reads, *item.after) if value in home} - {at}
                for at, item in enumerate(items)
            ]
            try:
                TopologicalSorter(dict(enumerate(needs))).prepare()
            except CycleError as error:
                cycle: set[int] = set(error.args[1])
                items = [
                    part
                    for at, item in enumerate(items)
                    for part in (children(item) if at in cycle else (item,)) or (item,)
                ]
                continue
            return [items[at] for at in _stable(needs)]


def _stable(needs: Sequence[set[int]]) -> Iterator[int]:
    """A topological order of 0, 1, ...: always the smallest that can come next."""
    left = [len(need) for need in needs]
    below: list[list[int]] = [[] for _ in needs]
    for at, need in enumerate(needs):
        for other in need:
            below[other].append(at)
    ready = [at for at, count in enumerate(left) if count == 0]
    while ready:
        at = heapq.heappop(ready)
        yield at
        for other in below[at]:
            left[other] -= 1
            if left[other] == 0:
                heapq.heappush(ready, other)


def _slot(entering: tuple[str, ...], copies: Sequence[Item], home: Mapping[str, int]) -> Slot | None:
    """What enters each of two or more copies at one place, as a slot; None where it is neither."""
    if all(value not in home for value in entering):
        return Slot("same", entering[:1]) if len(set(entering)) == 1 else Slot("each", entering)
    if entering[0] in home or any(home.get(value) != at for at, value in enumerate(entering[1:])):
        return None
    origins = {locate(copies[at], value) for at, value in enumerate(entering[1:])}
    return Slot("carried", entering[:1], origins.pop()) if len(origins) == 1 else None
