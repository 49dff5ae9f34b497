"""Python's `ast` in the few forms that the Python target writes, and one that is decided later."""

from __future__ import annotations

import ast


class Hole(ast.expr):
    """An expression that is decided later, once all of its values are known."""

    def __init__(self) -> None:
        super().__init__()
        self.value: ast.expr | None = None


def name(text: str) -> ast.expr:
    """A name, or a dotted path of attributes."""
    first, *rest = text.split(".")
    made: ast.expr = ast.Name(first)
    for attribute in rest:
        made = ast.Attribute(made, attribute)
    return made


def call(function: str | ast.expr, *args: ast.expr, **keywords: ast.expr) -> ast.Call:
    """A call of a function, by its dotted name or as an expression."""
    target = name(function) if isinstance(function, str) else function
    return ast.Call(target, list(args), [ast.keyword(key, value) for key, value in keywords.items()])


def assign(target: str, value: ast.expr) -> ast.Assign:
    """``target = value``"""
    return ast.Assign([ast.Name(target)], value)
