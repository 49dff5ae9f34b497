"""Blocks: copies that stand apart, written once and called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compiler.importer import titles
from compiler.importer.block_names import block_name
from compiler.importer.columns import Column, Unlike, argument, columns, default_of, named, params
from compiler.importer.pieces import MAX_PARAMS, PREV, Piece, candidates
from compiler.importer.tree import (
    Block,
    Call,
    Folded,
    Item,
    Items,
    Leaf,
    Shapes,
    everywhere,
    filled_all,
    loops_around,
    slots_of,
    weight,
)

INPUTS = ("x", "y", "z")
"""What the tensors are called that enter a block, where several do."""


def with_block(model: Folded, shapes: Shapes) -> Folded | None:
    """The model with the block that saves the most; None where none saves anything."""
    return next((made for pieces in candidates(model, shapes) if (made := _block(model, shapes, pieces))), None)


def _block(model: Folded, shapes: Shapes, pieces: Sequence[Piece]) -> Folded | None:
    """The model with a block for `pieces`, which are of one structure; None where it does not pay."""
    parts = [tuple(replace(item, exported=False) for item in piece.part) for piece in pieces]
    prefixes = [titles.common(item.title for item in part) for part in parts]
    bare = [titles.stripped(part, prefix) for part, prefix in zip(parts, prefixes, strict=True)]
    template = titles.agreed(bare[0], bare)
    try:
        varying, fixed = columns(template, [slots_of(part) for part in bare], model.blocks, apart=True)
    except Unlike:
        return None
    if len(varying) > MAX_PARAMS:
        return None
    found = named(varying, INPUTS)
    defaults = {name: default_of(column) for name, column in found.items()}
    body = _wired(filled_all(template, {**fixed, **params(found)}), pieces[0])
    given = sum(repr(value) != repr(defaults[name]) for name, column in found.items() for value in column.values)
    cost = 2 + 0.3 * len(found) + weight(body) + len(parts) + 0.25 * given
    if sum(map(weight, parts)) - cost < 1:
        return None
    name = block_name(body, [[item.title for item in part] for part in parts], model.blocks)
    inputs = () if len(pieces[0].outside) == 1 else INPUTS[: len(pieces[0].outside)]
    calls = {
        (piece.part[0].result, piece.part[-1].result): _call(name, piece, at, template, found, defaults)
        for at, piece in enumerate(pieces)
    }
    called = _replaced(model, shapes, [shapes.of(item) for item in pieces[0].part], calls)
    return replace(called, blocks={**called.blocks, name: Block(name, defaults, body, inputs)})


def _wired(body: Items, piece: Piece) -> Items:
    """The items of a body, each saying what enters it where that is not the item before."""
    single = len(piece.outside) == 1
    named_inside = {at for wires in piece.wires for kind, at in wires if kind == "in"}
    made: list[Item] = []
    for at, (item, wires) in enumerate(zip(body, piece.wires, strict=True)):
        refs = [
            "prev"
            if kind == "prev"
            else body[number].result
            if kind == "in"
            else "@input"
            if single
            else f"@{INPUTS[number]}"
            for kind, number in wires
        ]
        default = ["@input"] if at == 0 and single else ["prev"]
        source = None if refs == default else tuple(refs)
        if source is None and isinstance(item, Leaf):
            item = replace(item, slots=())
        made.append(replace(item, source=source, exported=at in named_inside))
    return tuple(made)


def _call(
    name: str, piece: Piece, at: int, template: Items, found: Mapping[str, Column], defaults: Mapping[str, object]
) -> Call:
    """The call of a block in the place of its piece number `at`."""
    args = {
        param: argument(column.values[at], loops_around(template, column.path))
        for param, column in found.items()
        if repr(column.values[at]) != repr(defaults[param])
    }
    last = piece.part[-1]
    title = last.title if last.exported else titles.joined(titles.common(item.title for item in piece.part))
    source = None if piece.outside == [PREV] else tuple("prev" if ref == PREV else ref for ref in piece.outside)
    return Call(title, source, last.result, last.exported, name, args)


def _replaced(model: Folded, shapes: Shapes, numbers: Sequence[int], calls: Mapping[tuple[str, str], Call]) -> Folded:
    """The model with calls in the place of the pieces that have their first and last results."""

    def change(items: Items) -> Items:
        own = [shapes.of(item) for item in items]
        made: list[Item] = []
        at = 0
        while at < len(items):
            part = items[at : at + len(numbers)]
            call = calls.get((part[0].result, part[-1].result)) if own[at : at + len(numbers)] == numbers else None
            made += [call] if call else [items[at]]
            at += len(numbers) if call else 1
        return tuple(made)

    return everywhere(model, change)
