"""The head of a written loop: what it counts with, and what it goes over."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from compiler.targets.python_holes import Column, Frame, Named, identifier
from compiler.targets.python_items import Loop
from compiler.targets.python_syntax import call


def turns(
    frame: Frame, loops: Sequence[Loop], index: str, named: Sequence[Named], overs: Sequence[tuple[str, ast.expr]]
) -> tuple[ast.expr, ast.expr]:
    """A loop's target and what it goes over.

    Args:
        frame: of the body that the loop stands in.
        loops: the loop in all instances of that body.
        index: the variable that counts copies.
        named: what differs between the copies.
        overs: variables that take another tensor each turn, and where from.
    """
    start, counter = loops[0].start, ast.Name(index)
    if not named and not overs:
        stop = frame.value([start + len(loop.copies) for loop in loops], "repeats")
        return counter, call("range", ast.Constant(start), stop) if start else call("range", stop)
    columns = [column for _, column in named]
    rows = [_split(column.values, loops) for column in columns]
    if len(named) > 1 and not overs and all(len({repr(row) for row in found}) == 1 for found in rows):
        # One tuple for each turn is easier to read than one for each variable.
        lines = zip(*(found[0] for found in rows), strict=True)
        over: ast.expr = ast.List([ast.Tuple([*map(_rendered, line, columns)]) for line in lines])
    else:
        title = identifier(loops[0].name.rpartition(".")[2]) or "copies"
        items = [_sequence(frame, found, column, title) for found, column in zip(rows, columns, strict=True)]
        items += [made for _, made in overs]
        over = items[0] if len(items) == 1 else call("zip", *items)
    names: list[ast.expr] = [ast.Name(name) for name, _ in (*named, *overs)]
    begin = {"start": ast.Constant(start)} if start else {}
    return ast.Tuple([counter, names[0] if len(names) == 1 else ast.Tuple(names)]), call("enumerate", over, **begin)


def plural(noun: str, before: str = "") -> str:
    """What several are called; with what stands `before` it, where that is no other word."""
    return f"{before}{noun}" if noun.endswith("s") else f"{noun}s"


def _split(values: Sequence[object], loops: Sequence[Loop]) -> list[tuple[object, ...]]:
    """The values of all loops' copies, a tuple for each loop."""
    found = iter(values)
    return [tuple(next(found) for _ in loop.copies) for loop in loops]


def _sequence(frame: Frame, rows: Sequence[tuple[object, ...]], column: Column, title: str) -> ast.expr:
    """The values of one variable in all turns."""

    def render(values: object, _: str) -> ast.expr:
        assert isinstance(values, tuple), "a row"
        return ast.Tuple([_rendered(value, column) for value in values])

    return frame.value(rows, plural(column.hint, f"{title}_"), render=render)


def _rendered(value: object, column: Column) -> ast.expr:
    return column.render(value, column.hint)
