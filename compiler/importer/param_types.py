"""The params of a block as its section declares them: a default, or the type of what its calls give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from compiler.importer.tree import REQUIRED, Block, Blocks, Call, Each, Items, Param, children, with_children


def settled(items: Items, blocks: Blocks) -> tuple[Items, dict[str, Block]]:
    """A folded model whose defaults have the type of all that the calls give; others are taken away."""
    params = {
        name: {
            param: default if default is REQUIRED or _suits(default, _given(name, param, items, blocks)) else REQUIRED
            for param, default in block.params.items()
        }
        for name, block in blocks.items()
    }
    lost = {
        name: {param: value for param, value in block.params.items() if params[name][param] is not value}
        for name, block in blocks.items()
    }
    made = {
        name: replace(block, params=params[name], body=_explicit(block.body, lost)) for name, block in blocks.items()
    }
    return _explicit(items, lost), made


def declared(name: str, items: Items, blocks: Blocks) -> dict[str, object]:
    """The `params` section of block `name`: those without a default first, as the word for their type."""
    required: dict[str, object] = {}
    for param, default in blocks[name].params.items():
        if default is REQUIRED:
            kinds = {_kind(value) for value in _given(name, param, items, blocks)}
            required[param] = kinds.pop() if len(kinds) == 1 else "number" if kinds == {"int", "float"} else "any"
    return required | {param: value for param, value in blocks[name].params.items() if value is not REQUIRED}


def _explicit(items: Items, lost: Mapping[str, Mapping[str, object]]) -> Items:
    """The items with all calls saying the params that have lost their default."""
    made: list[object] = []
    for item in items:
        if isinstance(item, Call):
            item = replace(item, args={**lost[item.block], **item.args})
        made.append(with_children(item, [_explicit(inner, lost) for inner in children(item)]))
    return cast(Items, tuple(made))


def _suits(default: object, given: Iterator[object]) -> bool:
    """Whether all values have the type that a default implies."""
    kind = _kind(default)
    return kind == "any" or all(_kind(value) == kind for value in given)


def _kind(value: object) -> str:
    names: Mapping[type, str] = {bool: "bool", int: "int", float: "float", str: "str", list: "list", tuple: "list"}
    return names.get(type(value), "any")


def _given(name: str, param: str, items: Items, blocks: Blocks) -> Iterator[object]:
    """The values that a param gets in all calls, those of parameters followed to where they come from."""
    for home, found in [("", items), *((other, block.body) for other, block in blocks.items())]:
        for call in _calls(found):
            if call.block == name and param in call.args:
                yield from _plain(call.args[param], home, items, blocks)


def _plain(value: object, home: str, items: Items, blocks: Blocks) -> Iterator[object]:
    if isinstance(value, Each):
        for inner in value.values:
            yield from _plain(inner, home, items, blocks)
    elif isinstance(value, Param):
        default = blocks[home].params[value.name]
        for given in [*_given(home, value.name, items, blocks), *([] if default is REQUIRED else [default])]:
            yield from cast(list[object], given) if value.level is not None and isinstance(given, list) else [given]
    else:
        yield value


def _calls(items: Items) -> Iterator[Call]:
    for item in items:
        if isinstance(item, Call):
            yield item
        for inner in children(item):
            yield from _calls(inner)
