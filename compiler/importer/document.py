"""A folded model -> the sections of a model file, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from compiler.expand.names import Names
from compiler.importer import titles
from compiler.importer.columns import grouped, hint_of, named, params
from compiler.importer.param_types import declared, settled
from compiler.importer.repeated_values import with_variables
from compiler.importer.tree import (
    Call,
    Each,
    Folded,
    Item,
    Items,
    Leaf,
    Loop,
    Param,
    Path,
    Split,
    children,
    filled_all,
    loops_around,
    slots_of,
    weight,
)
from compiler.ir import Graph

Entry = str | dict[str, object]


def document(graph: Graph, model: Folded) -> dict[str, object]:
    """The sections of the model file for `graph`, whose folded items are `model`."""
    return _Document(graph, model).sections()


class _Document:
    def __init__(self, graph: Graph, model: Folded) -> None:
        self.graph = graph
        self.model = model = Folded(*settled(model.items, model.blocks))
        self.names: dict[str, str] = {}
        inputs = list(graph.inputs)
        if len(inputs) == 1:
            self.names[inputs[0].name] = "input"
        else:
            taken = Names()
            for node in inputs:
                self.names[node.name] = taken.take(taken.free(titles.legal(node.name) or "data"))
        self.bases = {*model.blocks, *(node.op.rpartition(".")[2] for node in graph.nodes)}
        taken = Names(self.names.values())
        for item in (*_all(model.items), *(item for block in model.blocks.values() for item in _all(block.body))):
            if item.exported and item.result not in self.names:
                self.names[item.result] = taken.take(taken.free(self._own(item)))
        self.kept = set(self.names.values())

    def _own(self, item: Item) -> str:
        """The name of an item that others name: no other entry may come to have it by itself."""
        title = titles.legal(item.title) or titles.legal(item.result) or "layer"
        return f"{title}_out" if any(titles.automatic(title, base) for base in self.bases) else title

    def sections(self) -> dict[str, object]:
        """The whole file."""
        made: dict[str, object] = {}
        inputs = [(self.names[node.name], _input(node.args)) for node in self.graph.inputs]
        if len(inputs) == 1:
            made["input"] = inputs[0][1]
        else:
            made["inputs"] = dict(inputs)
        made["vars"] = {}
        if self.model.blocks:
            made["blocks"] = {name: self._block(name) for name in reversed(_by_use(self.model))}
        made["layers"] = self._entries(self.model.items, Names(self.names[node.name] for node in self.graph.inputs))
        outputs = list(self.graph.outputs)
        if len(outputs) > 1 or outputs[0].key is not None:
            found = [(output.key, self.names[output.node]) for output in outputs]
            keyed = any(key is not None for key, _ in found)
            made["outputs"] = {key or name: name for key, name in found} if keyed else [name for _, name in found]
        elif outputs[0].node in self.names:
            made["outputs"] = self.names[outputs[0].node]
        return with_variables(made)

    def _block(self, name: str) -> dict[str, object]:
        found = {key: _value(value) for key, value in declared(name, self.model.items, self.model.blocks).items()}
        block = self.model.blocks[name]
        body = self._entries(block.body, Names(block.inputs))
        inputs = {"inputs": list(block.inputs)} if block.inputs else {}
        return {**inputs, **({"params": found} if found else {}), "layers": body}

    # --- entries ---

    def _entries(self, items: Items, taken: Names) -> list[Entry]:
        return [self._entry(item, taken) for item in items]

    def _entry(self, item: Item, taken: Names) -> Entry:
        made = self._bare(item)
        title = self.names[item.result] if item.exported else titles.legal(item.title)
        if title is not None and not item.exported and (title in taken or title in self.kept):
            title = taken.free(title)
            title = None if title in self.kept else title
        base = str(made.get("op", made.get("share"))).rpartition(".")[2]
        if title is not None and title != base:
            made["name"] = title
        taken.take(title if title is not None else taken.free(base))
        if item.source is not None:
            made["from"] = self._source(item)
        return str(made["op"]) if list(made) == ["op"] else _in_order(made)

    def _source(self, item: Item) -> object:
        assert item.source is not None, "asked only where something else enters than the one before"
        found = [name if name == "prev" else name[1:] if name[0] == "@" else self.names[name] for name in item.source]
        slots = item.slots if isinstance(item, Leaf) else ()
        if any(slots):
            return dict(zip(map(str, slots), found, strict=True))
        return found[0] if len(found) == 1 else found

    def _bare(self, item: Item) -> dict[str, object]:
        """An entry without its name and source."""
        match item:
            case Leaf(shares=str() as lender):
                return {"share": self.names[lender]}
            case Leaf():
                return {"op": item.op, **_values(item.args)}
            case Call():
                return {"op": item.block, **_values(item.args)}
            case Split():
                return self._split(item)
            case Loop():
                return self._loop(item)
            case _:
                raise TypeError(item)

    def _split(self, item: Split) -> dict[str, object]:
        merge: object = {"op": item.op, **_values(item.args)} if item.args else item.op
        if len(item.paths) == 2 and _is_residual(item):
            taken = Names(("shortcut", "merge"))
            main = self._entries(item.paths[0], taken)
            shortcut = self._entries(item.paths[1], Names())
            made: dict[str, object] = {"op": "residual"}
            made |= {"merge": merge} if merge != "Add" else {}
            return made | ({"shortcut": shortcut} if shortcut else {}) | {"layers": main}
        made = {"op": "branches", **({"merge": merge} if merge != "Concatenate" else {})}
        return {**made, "paths": [self._entries(path, Names()) for path in item.paths]}

    def _loop(self, loop: Loop) -> dict[str, object]:
        if loop.source is not None:  # the copies behind the first take what is before them
            return {
                "op": "sequence",
                "layers": [self._entry(replace(loop, source=None, title=None, exported=False), Names())],
            }
        body, lists = _spelt_out(loop, self)
        head: dict[str, object] = {"each": lists} if lists else {"repeat": _value(loop.count)}
        only = body[0]
        if len(body) == 1 and not isinstance(only, Loop):
            return {**self._bare(only), **head}
        return {"op": "sequence", **head, "layers": self._entries(body, Names())}


def _spelt_out(loop: Loop, within: _Document) -> tuple[Items, dict[str, object]]:
    """A loop's body with variables in the place of lists, and the lists by variable."""
    found = slots_of(loop.body)
    taken = {value.name for value in found.values() for value in _params(value)}
    varying: dict[Path, tuple[object, ...]] = {}
    borrowed: dict[tuple[str, str], list[Path]] = {}
    for path, value in found.items():
        around = loops_around(loop.body, path)
        if isinstance(value, Each) and value.level == around:
            varying[path] = value.values
        elif isinstance(value, Param) and value.level == around:
            borrowed.setdefault((value.name, hint_of(path)), []).append(path)
    variables = named(grouped(loop.body, varying, within.model.blocks), taken)
    lists: dict[str, object] = {name: [_value(one) for one in column.values] for name, column in variables.items()}
    values = params(variables)
    for (name, hint), paths in borrowed.items():
        variable = Names({*taken, *lists, "i"}).free("n" if hint == "count" else hint)
        lists[variable] = f"${name}"
        for path in paths:
            value = found[path]
            assert isinstance(value, Param), "found so"
            values[path] = Param(variable, value.factor)
    return filled_all(loop.body, values), lists


def _params(value: object) -> Iterable[Param]:
    if isinstance(value, Param):
        yield value
    elif isinstance(value, Each):
        for inner in value.values:
            yield from _params(inner)


def _is_residual(item: Split) -> bool:
    main, shortcut = item.paths
    if not main or item.op not in ("Add", "Concatenate", "ops.add", "ScaledAdd"):
        return False
    return not shortcut or (item.op == "Add" and 2 * weight(shortcut) <= weight(main))


_ORDER = ("name", "from", "repeat", "each", "merge", "shortcut", "layers", "paths")


def _in_order(entry: Mapping[str, object]) -> dict[str, object]:
    """An entry with its op and arguments first, and lists of layers last."""
    own = {key: value for key, value in entry.items() if key not in _ORDER}
    return own | {key: entry[key] for key in _ORDER if key in entry}


def _values(args: Mapping[str, object]) -> dict[str, object]:
    return {name: _value(value) for name, value in args.items()}


def _value(value: object) -> object:
    """A slot's value as it stands in the file."""
    match value:
        case Param(name, factor):
            return f"${name}" if factor == 1 else f"${name}*{factor}"
        case Each(_, values):
            return [_value(one) for one in values]
        case list():
            return [_value(one) for one in cast(Sequence[object], value)]
        case dict():
            return _values(cast(Mapping[str, object], value))
        case str() if value.startswith("$"):
            return f"${value}"
        case _:
            return value


def _input(args: Mapping[str, object]) -> object:
    return args["shape"] if list(args) == ["shape"] else dict(args)


def _all(items: Items) -> Iterable[Item]:
    for item in items:
        yield item
        for inner in children(item):
            yield from _all(inner)


def _by_use(model: Folded) -> list[str]:
    """The blocks, each before those that it calls."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        for item in _all(model.blocks[name].body):
            if isinstance(item, Call):
                visit(item.block)
        order.setdefault(name)

    for name in model.blocks:
        visit(name)
    return list(reversed(order))
