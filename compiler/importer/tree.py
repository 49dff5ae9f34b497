"""A model as a tree of items, the form between a graph and a model file.

An item's *slots* are the values that its text would show, each at a path: two items of one `shape` have
the same slots, if not all of them say something. So what several items have in common can be written once, with the
slots that differ as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from compiler.ops import OPS
from compiler.settings import plain
from compiler.spec.layers import find_op

Path = tuple[int | str, ...]
Slots = dict[Path, object]


@dataclass(frozen=True, slots=True)
class Param:
    """A value that is written as an expression: a variable, or a multiple of one.

    Attributes:
        level: for a list with a value for each copy of a loop, that loop, as in `Each`; None for a single value.
    """

    name: str
    factor: int = 1
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Each:
    """One value for each copy of a loop.

    Attributes:
        level: which of the loops around the slot, counted from the innermost one, which is 0.
    """

    level: int
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """What all items have.

    Attributes:
        title: the name to write; None for none.
        source: the results that enter, where it is not the one before.
        result: the node whose output it gives; unique in the graph, and empty in a block or loop.
        exported: whether another item names that result.
    """

    title: str | None
    source: tuple[str, ...] | None
    result: str
    exported: bool


@dataclass(frozen=True, slots=True)
class Leaf(Item):
    """One layer; `slots` names its inputs where they go by name, `shares` the layer whose weights it calls again."""

    op: str
    args: Mapping[str, object]
    slots: tuple[str | None, ...] = ()
    shares: str | None = None
    lends: bool = False


@dataclass(frozen=True, slots=True)
class Split(Item):
    """Paths that all take the same input, and the merge of their ends."""

    op: str
    args: Mapping[str, object]
    paths: tuple[Items, ...]


@dataclass(frozen=True, slots=True)
class Loop(Item):
    """Copies one after another: `body` once for each; a slot holds an `Each` where they differ."""

    count: object
    body: Items


@dataclass(frozen=True, slots=True)
class Call(Item):
    """A call of a block."""

    block: str
    args: Mapping[str, object]


Items = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A list of items under a name, with what differs between its calls as parameters.

    Attributes:
        params: by name, the default; `REQUIRED` for none.
        inputs: the names of what enters, where that is not one tensor; sources name one as `@name`.
    """

    name: str
    params: Mapping[str, object]
    body: Items
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Required:
    """The default of a parameter that has none."""


REQUIRED = Required()


Blocks = Mapping[str, Block]


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded model: its items, the blocks that they call, and the results that it gives."""

    items: Items
    blocks: Blocks = field(default_factory=dict[str, Block])
    outputs: tuple[str, ...] = ()


@dataclass(slots=True)
class Shapes:
    """Numbers for the structure of items: equal where nothing but slots, names and sources differ."""

    _known: dict[Hashable, int] = field(default_factory=dict[Hashable, int])

    def of(self, item: Item) -> int:
        """The number of an item's structure."""
        match item:
            case Leaf():
                lengths = tuple(len(cast(list[object], item.args[key])) for key in SHAPES if key in item.args)
                return self._number(("leaf", item.op, item.slots, lengths))
            case Split():
                return self._number(("split", item.op, tuple(tuple(map(self.of, path)) for path in item.paths)))
            case Loop():
                return self._number(("loop", tuple(map(self.of, item.body))))
            case Call():
                return self._number(("call", item.block))
            case _:
                raise TypeError(item)

    def _number(self, facts: Hashable) -> int:
        return self._known.setdefault(facts, len(self._known))


def slots(item: Item) -> Slots:
    """The values that an item's text shows, by path."""
    match item:
        case Leaf():
            return {path: value for key, given in item.args.items() for path, value in _parts(key, given)}
        case Split():
            found: Slots = {("merge", key): value for key, value in item.args.items()}
            for number, path in enumerate(item.paths):
                found |= {(number, *at): value for at, value in slots_of(path).items()}
            return found
        case Loop():
            return {("count",): item.count, **slots_of(item.body)}
        case Call():
            return {(key,): value for key, value in item.args.items()}
        case _:
            raise TypeError(item)


SHAPES = ("target_shape",)
"""Arguments whose items are slots of their own, since some of them count channels."""


def _parts(argument: str, value: object) -> Iterator[tuple[Path, object]]:
    if argument in SHAPES and isinstance(value, list):
        yield from (((argument, at), part) for at, part in enumerate(cast(list[object], value)))
    else:
        yield (argument,), value


def slots_of(items: Items) -> Slots:
    """The slots of a list of items, the index of each before its paths."""
    return {(at, *path): value for at, item in enumerate(items) for path, value in slots(item).items()}


def filled(item: Item, values: Mapping[Path, object]) -> Item:
    """The item with `values` in its slots; others stay."""
    if not values:
        return item
    match item:
        case Leaf() | Call():
            args = dict(item.args)
            for path, value in values.items():
                args[str(path[0])] = value if len(path) == 1 else _with_part(args[str(path[0])], path[1], value)
            return replace(item, args=args)
        case Split():
            merge = {str(path[1]): value for path, value in values.items() if path[0] == "merge"}
            paths = tuple(filled_all(path, _below(values, number)) for number, path in enumerate(item.paths))
            return replace(item, args={**item.args, **merge}, paths=paths)
        case Loop():
            count = values.get(("count",), item.count)
            inner = {path: value for path, value in values.items() if path != ("count",)}
            return replace(item, count=count, body=filled_all(item.body, inner))
        case _:
            raise TypeError(item)


def _with_part(whole: object, at: int | str, value: object) -> list[object]:
    made = list(cast(list[object], whole))
    made[cast(int, at)] = value
    return made


def filled_all(items: Items, values: Mapping[Path, object]) -> Items:
    """`filled` for a list, paths beginning with an item's index."""
    return tuple(filled(item, _below(values, at)) for at, item in enumerate(items))


def _below(values: Mapping[Path, object], at: int) -> dict[Path, object]:
    return {path[1:]: value for path, value in values.items() if path[0] == at}


def default(item: Item, path: Path, blocks: Blocks) -> object:
    """What a slot without a value means: Keras's default, or that of a block's parameter."""
    match item:
        case Leaf():
            return _keras_default(item.op, str(path[0]))
        case Call():
            return blocks[item.block].params[str(path[0])]
        case Split():
            if path[0] == "merge":
                return _keras_default(item.op, str(path[1]))
            return default_in(item.paths[cast(int, path[0])], path[1:], blocks)
        case Loop():
            return default_in(item.body, path, blocks)
        case _:
            raise TypeError(item)


def default_in(items: Items, path: Path, blocks: Blocks) -> object:
    """`default` in a list of items."""
    return default(items[cast(int, path[0])], path[1:], blocks)


def owner_of(items: Items, path: Path) -> Item:
    """The innermost item that a slot belongs to."""
    item, rest = items[cast(int, path[0])], path[1:]
    match item:
        case Split() if rest[0] != "merge":
            return owner_of(item.paths[cast(int, rest[0])], rest[1:])
        case Loop() if rest[0] != "count":
            return owner_of(item.body, rest)
        case _:
            return item


def _keras_default(op: str, argument: str) -> object:
    cls = OPS.get(op) or find_op(op)
    assert cls is not None, "the graph has known ops"
    field = cls.model_fields[argument]
    return REQUIRED if field.is_required() else plain(field.default)


def loops_around(items: Items, path: Path) -> int:
    """How many loops of `items` stand around a slot."""
    item, rest = items[cast(int, path[0])], path[1:]
    match item:
        case Split() if rest[0] != "merge":
            return loops_around(item.paths[cast(int, rest[0])], rest[1:])
        case Loop() if rest[0] != "count":
            return 1 + loops_around(item.body, rest)
        case _:
            return 0


def children(item: Item) -> tuple[Items, ...]:
    """The lists directly inside."""
    match item:
        case Split():
            return item.paths
        case Loop():
            return (item.body,)
        case _:
            return ()


def with_children(item: Item, lists: Iterable[Items]) -> Item:
    """The item with other lists inside."""
    match item:
        case Split():
            return replace(item, paths=tuple(lists))
        case Loop():
            return replace(item, body=next(iter(lists)))
        case _:
            return item


def everywhere(model: Folded, change: Callable[[Items], Items]) -> Folded:
    """The model with every list changed, inner ones first."""

    def deep(items: Items) -> Items:
        return change(tuple(with_children(item, map(deep, children(item))) for item in items))

    blocks = {name: replace(block, body=deep(block.body)) for name, block in model.blocks.items()}
    return replace(model, items=deep(model.items), blocks=blocks)


def lists(model: Folded) -> Iterator[Items]:
    """Every list of a model."""

    def deep(items: Items) -> Iterator[Items]:
        yield items
        for item in items:
            for inner in children(item):
                yield from deep(inner)

    for block in model.blocks.values():
        yield from deep(block.body)
    yield from deep(model.items)


def weight(items: Iterable[Item]) -> float:
    """How much there is to read, in lines."""
    return sum(_weight(item) for item in items)


def _weight(item: Item) -> float:
    match item:
        case Leaf() | Call():
            return 1 + 0.25 * len(item.args)
        case Split():
            return 2 + 0.25 * len(item.args) + sum(0.5 + weight(path) for path in item.paths)
        case Loop():
            lists = len({repr(value) for value in slots_of(item.body).values() if isinstance(value, Each)})
            return 0.5 * lists + (1 if len(item.body) > 1 else 0) + weight(item.body)
        case _:
            raise TypeError(item)
