"""A tree's items as the steps of one body, for all instances of it at once, and where their values are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from compiler.targets.python_flow import Step
from compiler.targets.python_holes import Frame
from compiler.targets.python_items import Group, Item, Leaf, Loop, Path, beyond, leaves, locate


class Function(Protocol):
    """A function of the written module.

    Attributes:
        results: what it returns, the main value first, by path in the group that it stands for.
        named: whether it takes a name; one that has nothing but functions of `keras.ops` in it names nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def results(self) -> Sequence[Path]: ...

    @property
    def named(self) -> bool: ...

    def arguments(self, calls: Sequence[Item], frame: Frame, owner: str) -> Iterator[tuple[str | None, ast.expr]]:
        """The arguments of calls apart from tensors and the name, each with its keyword if it is given by one."""
        ...


class Module(Protocol):
    """What a body must know of the rest of the module.

    Attributes:
        names_functions: whether calls of functions of `keras.ops` get names.
    """

    @property
    def names_functions(self) -> bool: ...

    def function(self, item: Item) -> Function | None:
        """The function that stands for items of this shape, if there is one."""
        ...

    def outs(self, item: Item) -> Sequence[str]:
        """The values made inside that are used outside."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """The same item in all instances, as one step.

    Attributes:
        at: its path in the body.
        last, lists: of a loop, by path in a copy: what is used of its last copy, and what is collected from all.
    """

    items: Sequence[Item]
    at: Path
    step: Step
    last: tuple[Path, ...] = ()
    lists: tuple[Path, ...] = ()


class Steps:
    """The steps of a body.

    A value is known by its path in the body's root; ``(*loop, "list", *path)`` is what a loop collects, and
    ``("in", k)`` what enters as the root's read number k.

    Args:
        roots: the items that the body stands for, one an instance.
        base: what the names of the first instance begin with.
        own: whether the roots are written out here even if there is a function for them, as in its own body.
    """

    def __init__(self, module: Module, roots: Sequence[Item], base: str, own: bool) -> None:
        self.module, self.root, self.base, self.own = module, roots[0], base, own
        self._lists: dict[Path, tuple[Path, ...]] = {}
        self.parts = list(self._parts(roots, ()))

    def _parts(self, items: Sequence[Item], at: Path) -> Iterator[Part]:
        first = items[0]
        own = self.own and not at
        function = self.module.function(first) if isinstance(first, Group) and not own else None
        if isinstance(first, Group) and function is None:
            for index in range(len(first.items)):
                yield from self._parts([item.items[index] for item in items if isinstance(item, Group)], (*at, index))
            return
        loops = [item for item in items if isinstance(item, Loop)]
        if loops and all(len(loop.copies) == 1 for loop in loops):
            yield from self._parts([loop.copies[0] for loop in loops], (*at, -1))
            return
        last, lists = self._outs(loops) if loops else ((), ())
        self._lists[at] = lists
        if isinstance(first, Leaf):
            writes = (at, (*at, "@")) if first.lends else (at,)
        elif function is not None:
            writes = tuple((*at, *out) for out in function.results)
        else:
            writes = (*((*at, -1, *out) for out in last), *((*at, "list", *out) for out in lists))
        reads = tuple(self.place(value)[0] for value in operands(first))
        fixed = bool(first.after) or any(value.startswith("@") for value in (*first.reads, *first.writes))
        op = first.node.op if isinstance(first, Leaf) else ""
        step = Step(beyond(first.name, self.base), op, reads, writes, leaves(first), fixed)
        yield Part(items, at, step, last, lists)

    def _outs(self, loops: Sequence[Loop]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """Paths in a copy of what is used of the last one, and of what is collected from all."""
        last: dict[Path, None] = dict.fromkeys(loops[0].carried)
        lists: dict[Path, None] = {}
        for loop in loops:
            for value in self.module.outs(loop):
                index = loop.home[value]
                (lists if index < len(loop.copies) - 1 else last)[locate(loop.copies[index], value)] = None
        return tuple(path for path in last if path in loops[0].carried or path not in lists), tuple(lists)

    def place(self, value: str, listed: bool = False) -> tuple[Path, int | None]:
        """Where `value` is in the first instance; with its index where it is in a list.

        What a loop hands on and collects too is in a variable and, which `listed` prefers, in the list.
        """
        if value not in self.root.writes:
            return ("in", self.root.reads.index(value)), None
        item, at = self.root, ()
        while isinstance(item, Group | Loop):
            index = item.home[value]
            if isinstance(item, Group):
                item, at = item.items[index], (*at, index)
                continue
            rest, last = locate(item.copies[index], value), index == len(item.copies) - 1
            if rest in self._lists.get(at, ()) and (listed or not (last and rest in item.carried)):
                return (*at, "list", *rest), -1 if last else index
            item, at = item.copies[index], (*at, -1)
        return (*at, *locate(item, value)), None

    def length(self, path: Path) -> int:
        """How many values a list has, in the first instance."""
        found = next(part.items[0] for part in self.parts if part.at == path[: path.index("list")])
        assert isinstance(found, Loop), "lists are of loops"
        return len(found.copies)


def operands(item: Item) -> Sequence[str]:
    """What enters an item, in the order of a layer's operands."""
    if not isinstance(item, Leaf):
        return item.reads
    return [*(x.node for x in item.node.inputs), *(value for value in item.reads if value.startswith("@"))]
