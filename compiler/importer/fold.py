"""A tree of items -> the same with what repeats written once: loops for copies in a row, blocks for copies elsewhere.

Copies in a row are looked for first, short ones before long ones, so that a stage of equal residuals is one item
when stages are compared. Then the list of items that saves the most text as a block becomes one, and so on, until
nothing saves any more. What there is to save is counted by `tree.weight`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from compiler.importer import titles
from compiler.importer.block_names import block_name
from compiler.importer.columns import Unlike, argument, columns, default_of, named, params, shifted, times
from compiler.importer.tree import (
    Block,
    Call,
    Each,
    Item,
    Items,
    Leaf,
    Loop,
    Path,
    Shapes,
    children,
    filled_all,
    loops_around,
    slots_of,
    weight,
    with_children,
)

MAX_PARAMS = 6
"""Parameters of a block, and variables of a loop: more are harder to read than what they save."""

APART = 0.6
"""How well names must agree, on the average, to what becomes one piece; see `_apartness`."""

MAX_LENGTH = 40
"""Items of a block or of a loop's body."""


@dataclass
class Folded:
    """A folded model: its items, and the blocks that they call, in order of definition."""

    items: Items
    blocks: dict[str, Block] = field(default_factory=dict[str, Block])


def folded(items: Items) -> Folded:
    """Fold a model's items."""
    model = Folded(items)
    shapes = Shapes()
    while True:
        _everywhere(model, lambda found: _with_loops(found, shapes, model))
        if not _with_block(model, shapes):
            return model


def _everywhere(model: Folded, change: Callable[[Items], Items]) -> None:
    """Apply `change` to every list, inner ones first."""

    def deep(items: Items) -> Items:
        return change(tuple(with_children(item, map(deep, children(item))) for item in items))

    model.blocks = {name: replace(block, body=deep(block.body)) for name, block in model.blocks.items()}
    model.items = deep(model.items)


def _lists(model: Folded) -> Iterator[Items]:
    def deep(items: Items) -> Iterator[Items]:
        yield items
        for item in items:
            for inner in children(item):
                yield from deep(inner)

    for block in model.blocks.values():
        yield from deep(block.body)
    yield from deep(model.items)


def _movable(items: Sequence[Item]) -> bool:
    """Whether items can be written as one: tensors enter the first and leave the last alone."""
    for at, item in enumerate(items):
        if item.exported and at < len(items) - 1:
            return False
        if item.source is not None and (at > 0 or len(item.source) > 1):
            return False
        if not _is_whole(item):
            return False
    return True


def _is_whole(item: Item) -> bool:
    """Whether nothing in an item goes by the name of another item, or is gone by."""
    if isinstance(item, Leaf):
        return not (item.shares or item.lends)
    return all(
        inner.source is None and not inner.exported and _is_whole(inner) for part in children(item) for inner in part
    )


# --- loops ---------------------------------------------------------------------------------------


def _with_loops(items: Items, shapes: Shapes, model: Folded) -> Items:
    period = 1
    while 2 * period <= min(len(items), 2 * MAX_LENGTH):
        found = _best_run(items, period, shapes, model)
        if found is None:
            period += 1
            continue
        start, loop, length = found
        items = (*items[:start], loop, *items[start + length :])
        period = 1
    return items


def _best_run(items: Items, period: int, shapes: Shapes, model: Folded) -> tuple[int, Loop, int] | None:
    """The longest run of copies of `period` items: where it begins, the loop for it, and how many items that is."""
    numbers = [shapes.of(item) for item in items]
    best: tuple[tuple[float, ...], int, Loop, int] | None = None
    start = 0
    while start + 2 * period <= len(items):
        alike = 0
        while start + period + alike < len(items) and numbers[start + alike] == numbers[start + period + alike]:
            alike += 1
        most = alike // period + 1
        if most < 2:
            start += 1
            continue
        for phase in range(alike % period + 1):
            at = start + phase
            copies = [items[at + n * period : at + (n + 1) * period] for n in range(most)]
            apart = sum(_apartness(items, at + n * period, period) for n in range(most)) / most
            loop, used = _longest_loop(copies, apart, model)
            if loop is None:
                continue
            rank = (used, apart, _coherence(copies[:used]), -phase)
            if best is None or rank > best[0]:
                best = (rank, at, loop, used * period)
        start += max(1, alike)
    return None if best is None else best[1:]


def _coherence(copies: Sequence[Items]) -> float:
    """How well the names of each copy hold together: words that its items share and other copies have not."""
    prefixes = [titles.common(item.title for item in copy) for copy in copies]
    shared = len(titles.common(titles.joined(prefix) for prefix in prefixes)) if all(prefixes) else 0
    return sum(len(prefix) - shared for prefix in prefixes) / len(copies)


def _longest_loop(copies: Sequence[Items], apart: float, model: Folded) -> tuple[Loop | None, int]:
    for used in range(len(copies), 1, -1):
        loop = _loop(copies[:used], apart, model)
        if loop is not None:
            return loop, used
    return None, 0


def _loop(copies: Sequence[Items], apart: float, model: Folded) -> Loop | None:
    whole = [item for copy in copies for item in copy]
    if not _movable(whole):
        return None
    prefixes = [titles.common(item.title for item in copy) for copy in copies]
    bare = [titles.stripped(copy, prefix) for copy, prefix in zip(copies, prefixes, strict=True)]
    template = titles.agreed(bare[0], bare)
    try:
        varying, fixed = columns(template, [slots_of(copy) for copy in bare], model.blocks, apart=False)
    except Unlike:
        return None
    size = weight(copies[0])
    heavy = size >= 6 or (len(copies) > 2 and size >= 2)
    plain = not any(children(item) for item in copies[0])
    if varying and ((len(copies[0]) > 1 and apart < APART) or (plain and len(varying) >= len(copies))):
        return None
    if varying and (not heavy or len(varying) > MAX_PARAMS or len(varying) * 1.5 > size * (len(copies) - 1)):
        return None
    values: dict[Path, object] = {path: shifted(value, loops_around(template, path)) for path, value in fixed.items()}
    for column in varying:
        for path, factor in column.fills.items():
            level = loops_around(template, path)
            values[path] = Each(level, tuple(times(value, factor) for value in column.values))
    body = filled_all(template, values)
    first, last = whole[0], whole[-1]
    title = last.title if last.exported else titles.series([titles.joined(prefix) for prefix in prefixes])
    body = (*((replace(item, source=None, exported=False)) for item in body),)
    return Loop(title, first.source, last.result, last.exported, len(copies), body)


# --- blocks --------------------------------------------------------------------------------------


def _with_block(model: Folded, shapes: Shapes) -> bool:
    """Make the block that saves the most; False where none saves anything."""
    return any(_block(model, shapes, grams) for _, grams in _candidates(model, shapes))


def _candidates(model: Folded, shapes: Shapes) -> list[tuple[float, tuple[int, ...]]]:
    """Sequences of structures that occur more than once, those that could save the most first."""
    found: dict[tuple[int, ...], list[tuple[Items, float]]] = {}
    for items in _lists(model):
        numbers = [shapes.of(item) for item in items]
        last: dict[tuple[int, ...], int] = {}
        for start in range(len(items)):
            for length in range(1, min(MAX_LENGTH, len(items) - start) + 1):
                grams = tuple(numbers[start : start + length])
                part = items[start : start + length]
                if not _movable(part):
                    break  # nor will it be with more behind it
                if length == 1 and isinstance(part[0], (Leaf, Call)):
                    continue
                if last.get(grams, -1) > start:
                    continue  # overlaps the one before
                last[grams] = start + length
                found.setdefault(grams, []).append((part, _apartness(items, start, length)))
    ranked = [(_saving(parts), grams) for grams, parts in found.items() if len(parts) > 1]
    return sorted((pair for pair in ranked if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))


def _apartness(items: Items, start: int, length: int) -> float:
    """1 where names say that a part belongs together, less where they say that it cuts through something."""
    end = start + length
    if length == 1:
        return 1.0
    cuts = [(start, start - 1, start + 1)] if start > 0 else []
    cuts += [(end - 1, end, end - 2)] if end < len(items) else []
    for at, outside, inside in cuts:
        own, out, into = (items[place].title for place in (at, outside, inside))
        if own and out and len(titles.common([own, out])) > (len(titles.common([own, into])) if into else 0):
            return 0.3
    named = sum(item.title is not None for item in items[start:end])
    return 1.0 if named > 1 and titles.common(item.title for item in items[start:end]) else 0.9


def _saving(parts: Sequence[tuple[Items, float]]) -> float:
    """What a block for `parts` could save at best, in lines; less where it cuts through what names hold together."""
    apart = sum(apart for _, apart in parts) / len(parts)
    whole = sum(weight(part) - 1.5 for part, _ in parts) - weight(parts[0][0]) - 2
    return 0.0 if apart < APART and len(parts[0][0]) > 1 else whole * apart


def _block(model: Folded, shapes: Shapes, grams: tuple[int, ...]) -> bool:
    """Make a block of what has the structures `grams`, and call it; False where it does not pay."""
    parts: list[Items] = []
    _each_part(model, shapes, grams, parts.append)
    prefixes = [titles.common(item.title for item in part) for part in parts]
    bare = [titles.stripped(part, prefix) for part, prefix in zip(parts, prefixes, strict=True)]
    template = titles.agreed(bare[0], bare)
    try:
        varying, fixed = columns(template, [slots_of(part) for part in bare], model.blocks, apart=True)
    except Unlike:
        return False
    if len(varying) > MAX_PARAMS:
        return False
    found = named(varying, ())
    defaults = {name: default_of(column) for name, column in found.items()}
    body = filled_all(template, {**fixed, **params(found)})
    body = tuple(replace(item, source=None, exported=False) for item in body)
    given = sum(repr(value) != repr(defaults[name]) for name, column in found.items() for value in column.values)
    cost = 2 + 0.3 * len(found) + weight(body) + len(parts) + 0.25 * given
    if sum(map(weight, parts)) - cost < 1:
        return False
    name = block_name(body, [[item.title for item in part] for part in parts], model.blocks)
    numbers = iter(range(len(parts)))

    def call(part: Items) -> Item:
        at = next(numbers)
        args = {
            param: argument(column.values[at], loops_around(template, column.path))
            for param, column in found.items()
            if repr(column.values[at]) != repr(defaults[param])
        }
        last = part[-1]
        title = last.title if last.exported else titles.joined(titles.common(item.title for item in part))
        return Call(title, part[0].source, last.result, last.exported, name, args)

    _replace_parts(model, shapes, grams, call)
    model.blocks = {**model.blocks, name: Block(name, defaults, body)}
    return True


def _each_part(model: Folded, shapes: Shapes, grams: tuple[int, ...], seen: Callable[[Items], object]) -> None:
    _replace_parts(model, shapes, grams, lambda part: (seen(part), None)[1])


def _replace_parts(model: Folded, shapes: Shapes, grams: tuple[int, ...], call: Callable[[Items], Item | None]) -> None:
    """Put what `call` gives for it in the place of each part with the structures `grams`; None leaves it."""

    def change(items: Items) -> Items:
        numbers = [shapes.of(item) for item in items]
        made: list[Item] = []
        at = 0
        while at < len(items):
            part = items[at : at + len(grams)]
            if tuple(numbers[at : at + len(grams)]) == grams and _movable(part):
                new = call(part)
                made += [new] if new is not None else part
                at += len(grams)
            else:
                made.append(items[at])
                at += 1
        return tuple(made)

    _everywhere(model, change)
