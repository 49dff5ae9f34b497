"""What differs between the instances of one piece of code: parameters of functions and variables of loops.

Code that stands for several layers at once is written once. A `Frame` is told, for every argument, the column of its
values in all instances. Equal ones are a literal; others are a hole, which gets a name in the end: that of a parameter
or of a loop's variable.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from compiler.targets.python_syntax import Hole
from compiler.targets.python_values import expression

Render = Callable[[object, str], ast.expr]
_OURS = {"keras", "layers", "ops", "name", "named", "build_model", "assemble", "outputs", "inputs"}
RESERVED = frozenset({*_OURS, *keyword.kwlist, *dir(builtins)})
"""Names that no variable of the written code may take by chance."""


_SIZES = {"filters", "units", "output_dim", "key_dim", "value_dim", "groups", "intermediate_dim"}
"""Arguments that count channels: where one varies as another does, they are meant to."""


_MULTIPLES = {2, 3, 4, 6, 8}


class Required:
    """The default of an argument that has none."""


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one argument in all instances, and the hole that stands for them.

    Attributes:
        hint: what the argument is called.
        owner: what it belongs to, for where several are called so.
        fallback: Keras's default.
    """

    values: tuple[object, ...]
    hint: str
    owner: str
    fallback: object
    render: Render
    hole: Hole


Named = tuple[str, Column]
"""A hole's name and what it stands for."""


class Frame:
    """The instances of a function's body or of a loop's.

    Attributes:
        owners: for each instance of a loop's body, which of the parent's instances it is in.
        parent: the frame around a loop; None for a function.
        columns: what differs, in order of appearance.
    """

    def __init__(self, owners: Sequence[int], parent: Frame | None = None) -> None:
        self.owners, self.parent = owners, parent
        self.columns: dict[tuple[str, str], Column] = {}

    def value(
        self,
        values: Sequence[object],
        hint: str,
        fallback: object = REQUIRED,
        render: Render = expression,
        owner: str = "",
    ) -> ast.expr:
        """The expression for an argument that has `values` in the instances; for the rest see `Column`."""
        if len({repr(value) for value in values}) == 1:
            return render(values[0], hint)
        if self.parent is not None:
            outer: dict[int, object] = {}
            for at, value in zip(self.owners, values, strict=True):
                outer.setdefault(at, value)
            if all(repr(outer[at]) == repr(value) for at, value in zip(self.owners, values, strict=True)):
                return self.parent.value([outer[at] for at in sorted(outer)], hint, fallback, render, owner)
        key = ("" if hint in _SIZES else hint, repr(values))
        return self.columns.setdefault(key, Column(tuple(values), hint, owner, fallback, render, Hole())).hole

    def settled(self, taken: set[str]) -> list[Named]:
        """Give every hole its expression: a name that is not `taken`, or a multiple of another.

        Returns:
            the names with their columns; they are `taken` now.
        """
        named: list[Named] = []
        bases: list[Column] = []
        for column in sorted(self.columns.values(), key=lambda column: _sum(column.values)):
            factors = [(factor, base) for base in bases if (factor := _factor(column, base))]
            if factors:
                factor, base = factors[0]
                column.hole.value = ast.BinOp(ast.Constant(factor), ast.Mult(), base.hole)
            else:
                bases.append(column)
        for column in self.columns.values():
            if column.hole.value is None:
                name = identifier(column.hint) or "value"
                name = free(f"{column.owner}_{name}" if name in taken and column.owner else name, taken)
                taken.add(name)
                column.hole.value = ast.Name(name)
                named.append((name, column))
        return sorted(named, key=lambda pair: pair[1].hint not in _SIZES)


LONGEST = 30
"""Characters of a name made of others, so that statements stay readable."""


def free(name: str, taken: Iterable[str]) -> str:
    """`name`, with a number where it is taken."""
    known = {*taken, *RESERVED}
    made, count = f"{name}_" if name in RESERVED else name, 1
    while made in known:
        count += 1
        made = f"{name}_{count}"
    return made


def identifier(words: str) -> str:
    """Words as a Python name in lower case; empty where nothing is left.

    >>> identifier("3x3-twice"), identifier("SeparableConv2D_1"), identifier("--")
    ('', 'separable_conv2d_1', '')
    """
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", words)
    plain = re.sub(r"\W+", "_", snake, flags=re.ASCII).strip("_").lower()
    return "" if not plain or plain[0].isdigit() else plain[:LONGEST].strip("_")


def _sum(values: Iterable[object]) -> float:
    return sum(value for value in values if type(value) is int)


def _factor(column: Column, base: Column) -> int | None:
    """By what whole number, from 2 on, all values of `column` are those of `base` multiplied."""
    if not {column.hint, base.hint} <= _SIZES:
        return None
    pairs = list(zip(column.values, base.values, strict=True))
    if not all(type(a) is int and type(b) is int and b > 0 and a > b and a % b == 0 for a, b in pairs):
        return None
    factors = {cast("int", a) // cast("int", b) for a, b in pairs}
    return factors.pop() if len(factors) == 1 and factors <= _MULTIPLES else None
