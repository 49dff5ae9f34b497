"""Loops: copies in a row, written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compiler.importer import titles
from compiler.importer.columns import Unlike, columns, shifted, times
from compiler.importer.pieces import APART, MAX_LENGTH, MAX_PARAMS, apartness, is_whole
from compiler.importer.tree import (
    Blocks,
    Each,
    Item,
    Items,
    Loop,
    Path,
    Shapes,
    children,
    filled_all,
    loops_around,
    slots_of,
    weight,
)


def with_loops(items: Items, shapes: Shapes, blocks: Blocks) -> Items:
    """A list with copies in a row as loops, those of few items first."""
    period = 1
    while 2 * period <= min(len(items), 2 * MAX_LENGTH):
        found = _best_run(items, period, shapes, blocks)
        if found is None:
            period += 1
            continue
        start, loop, length = found
        items = (*items[:start], loop, *items[start + length :])
        period = 1
    return items


def _best_run(items: Items, period: int, shapes: Shapes, blocks: Blocks) -> tuple[int, Loop, int] | None:
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
            apart = sum(apartness(items, at + n * period, period) for n in range(most)) / most
            loop, used = _longest_loop(copies, apart, blocks)
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


def _longest_loop(copies: Sequence[Items], apart: float, blocks: Blocks) -> tuple[Loop | None, int]:
    for used in range(len(copies), 1, -1):
        loop = _loop(copies[:used], apart, blocks)
        if loop is not None:
            return loop, used
    return None, 0


def _loop(copies: Sequence[Items], apart: float, blocks: Blocks) -> Loop | None:
    whole = [item for copy in copies for item in copy]
    if not _movable(whole):
        return None
    prefixes = [titles.common(item.title for item in copy) for copy in copies]
    bare = [titles.stripped(copy, prefix) for copy, prefix in zip(copies, prefixes, strict=True)]
    template = titles.agreed(bare[0], bare)
    try:
        varying, fixed = columns(template, [slots_of(copy) for copy in bare], blocks, apart=False)
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


def _movable(items: Sequence[Item]) -> bool:
    """Whether a tensor enters the first item and leaves the last alone."""
    inner_exported = any(item.exported for item in items[:-1])
    joined = any(item.source is not None and (at > 0 or len(item.source) > 1) for at, item in enumerate(items))
    return not inner_exported and not joined and all(map(is_whole, items))
