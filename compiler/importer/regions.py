"""A graph -> a tree of items: where paths part and meet again, they become a `Split`.

A merge and the node that dominates it are a split when the paths between them have nothing to do with each other or
with what is outside. Everything else stays a list, and says by name what enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compiler.importer.titles import common, joined, stripped
from compiler.importer.tree import Item, Items, Leaf, Split
from compiler.ir import Graph, Node, canonical
from compiler.ops import OPS

MAX_NESTING = 6
"""Splits inside splits; more would be hard to read."""


def items_of(graph: Graph, titles: Mapping[str, str]) -> Items:
    """The items of a graph, which has at least one layer.

    Args:
        titles: the names that say something, by node.
    """
    return _Regions(graph, titles).items()


class _Regions:
    def __init__(self, graph: Graph, titles: Mapping[str, str]) -> None:
        self.titles = titles
        nodes = canonical(graph)
        self.nodes = {node.name: node for node in nodes}
        self.at = {name: number for number, name in enumerate(self.nodes)}
        self.outputs = {output.node for output in graph.outputs}
        self.single_output = len(graph.outputs) == 1 and graph.outputs[0].key is None
        self.only_input = graph.inputs[0].name if len(graph.inputs) == 1 else None
        self.users: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in nodes:
            for operand in node.inputs:
                self.users[operand.node].append(node.name)
        self.dominator: dict[str, str | None] = {}
        for node in nodes:
            self.dominator[node.name] = self._common([operand.node for operand in node.inputs])
        self.borrowers: dict[str, set[str]] = {}
        for node in nodes:
            if node.shares:
                self.borrowers.setdefault(node.shares, set()).add(node.name)
        self.paths = {node.name: found for node in nodes if (found := self._paths(node)) is not None}
        self.referenced: set[str] = set()

    def items(self) -> Items:
        names = [name for name, node in self.nodes.items() if node.op != "Input"]
        made = self._list(names, self.only_input, 0)
        if not self.single_output or made[-1].result not in self.outputs:
            self.referenced |= self.outputs
        return self._marked(made)

    # --- dominators ---

    def _common(self, names: Sequence[str]) -> str | None:
        """The nearest node that everything to `names` goes through; None for the outside."""
        if not names:
            return None
        found: str | None = names[0]
        for name in names[1:]:
            other: str | None = name
            while found != other:
                if found is None or other is None:
                    return None
                if self.at[found] > self.at[other]:
                    found = self.dominator[found]
                else:
                    other = self.dominator[other]
        return found

    def _paths(self, node: Node) -> tuple[tuple[str, ...], ...] | None:
        """The nodes of each path of a split that ends in `node`, in order; None where there is none."""
        cls = OPS.get(node.op)
        fork = self.dominator[node.name]
        shared = node.shares is not None or node.name in self.borrowers
        if cls is None or not cls.merges() or len(node.inputs) < 2 or fork is None or shared:
            return None
        found: list[tuple[str, ...]] = []
        seen: set[str] = set()
        for operand in node.inputs:
            path = self._between(fork, operand.node)
            if path & seen or (not path and () in found):
                return None
            for name in path:
                allowed = path | {node.name} if name == operand.node else path
                near = allowed.issuperset(self.users[name]) and path.issuperset(self.borrowers.get(name, ()))
                if name in self.outputs or not near:
                    return None
            if path and self.users[operand.node].count(node.name) > 1:
                return None
            seen |= path
            found.append(tuple(sorted(path, key=self.at.__getitem__)))
        return tuple(found)

    def _between(self, fork: str, end: str) -> set[str]:
        """The nodes that lead from `fork`, which is left out, to `end`."""
        found: set[str] = set()
        stack = [end]
        while stack:
            name = stack.pop()
            if name != fork and name not in found:
                found.add(name)
                stack += [operand.node for operand in self.nodes[name].inputs]
        return found

    # --- items ---

    def _list(self, names: Sequence[str], entering: str | None, depth: int) -> Items:
        inside: set[str] = set()
        splits: set[str] = set()
        for name in reversed(names):
            if name not in inside and name in self.paths and depth < MAX_NESTING:
                splits.add(name)
                inside.update(inner for path in self.paths[name] for inner in path)
        items: list[Item] = []
        before = entering
        for name in names:
            if name in inside:
                continue
            items.append(self._item(name, before, name in splits, depth))
            before = name
        return tuple(items)

    def _item(self, name: str, before: str | None, split: bool, depth: int) -> Item:
        node = self.nodes[name]
        operands = [operand.node for operand in node.inputs]
        if split:
            fork = self.dominator[name]
            assert fork is not None, "a split has one"
            source = self._source([fork], before)
            paths = tuple(self._list(path, fork, depth + 1) for path in self.paths[name])
            prefix = common([self.titles.get(name), *(item.title for path in paths for item in path)])
            inner = tuple(stripped(path, prefix) for path in paths)
            return Split(joined(prefix), source, name, False, node.op, node.args, inner)
        source = self._source(operands, before)
        slots = tuple(operand.argument for operand in node.inputs) if source else ()
        if node.shares:
            self.referenced.add(node.shares)
        return Leaf(
            self.titles.get(name), source, name, False, node.op, node.args, slots, node.shares, name in self.borrowers
        )

    def _source(self, operands: list[str], before: str | None) -> tuple[str, ...] | None:
        if operands == [before]:
            return None
        self.referenced.update(name for name in operands if name != before)
        return tuple("prev" if name == before else name for name in operands)

    def _marked(self, items: Items) -> Items:
        """The items with `exported` set where another one names their result: these keep their whole names."""
        made: list[Item] = []
        for item in items:
            if isinstance(item, Split):
                item = replace(item, paths=tuple(self._marked(path) for path in item.paths))
            exported = item.result in self.referenced
            made.append(replace(item, exported=True, title=item.result) if exported else item)
        return tuple(made)
