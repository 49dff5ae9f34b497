"""`where`: which runs, by an expression over their fields.

    $val.accuracy > 0.9 and model.name == 'mlp' and kind in ['keras', 'gbdt']

A run that has not the field is no match. What follows from the fields that it has still counts, as in SQL:
`a > 1 or b > 1` holds for a run with a = 2 and no b, and `not b > 1` does not hold for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from compiler.errors import did_you_mean, shown
from compiler.runtime.runs.entry import MISSING
from compiler.spec.expression import Expression, ExpressionError, evaluate, parse


class HasFields(Protocol):
    """A run, or several that count as one."""

    def get(self, name: str) -> object:
        """The value of a field, or `MISSING`."""
        ...

    def names(self) -> Iterator[str]:
        """All its fields."""
        ...


F = TypeVar("F", bound=HasFields)


class FieldError(Exception):
    """A field cannot be asked for.

    Attributes:
        code: E202, no run has it; E850, it is a measure of the test split.
        offset, width: where it stands in the text.
    """

    def __init__(self, code: str, message: str, offset: int, width: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.offset, self.width, self.hint = code, message, offset, width, hint


@dataclass(frozen=True, slots=True)
class _Atom:
    """A part without `and`, `or`, `not`: unknown where one of its fields is."""

    expression: Expression

    def holds(self, run: HasFields) -> bool | None:
        values = {name: run.get(name) for name in self.expression.names}
        if any(value is MISSING for value in values.values()):
            return None
        value = evaluate(self.expression, values)
        if not isinstance(value, bool):
            node = self.expression.tree
            width = (node.end_col_offset or 0) - node.col_offset
            message = f"a condition is true or false (got {shown(value)})"
            raise ExpressionError("E203", message, _margin(self.expression.text) + node.col_offset, width=width)
        return value


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Part

    def holds(self, run: HasFields) -> bool | None:
        value = self.part.holds(run)
        return None if value is None else not value


@dataclass(frozen=True, slots=True)
class _Joined:
    """`and`, which one False decides, or `or`, which one True decides."""

    decisive: bool
    parts: tuple[_Part, ...]

    def holds(self, run: HasFields) -> bool | None:
        unknown = False
        for part in self.parts:
            value = part.holds(run)
            if value is self.decisive:
                return value
            unknown = unknown or value is None
        return None if unknown else not self.decisive


_Part = _Atom | _Not | _Joined


@dataclass(frozen=True, slots=True)
class Where:
    """A condition.

    Attributes:
        expression: whose names are fields.
        added: how many characters were put before the user's text: the dollar sign may be left out.
    """

    expression: Expression
    added: int
    _part: _Part

    @classmethod
    def of(cls, text: str) -> Where:
        """Parse a condition.

        Raises:
            ExpressionError: E201.
            FieldError: E850.
        """
        added = 0 if text.lstrip().startswith("$") else 1
        try:
            expression = parse("$" * added + text, dotted=True)
        except ExpressionError as error:
            error.offset = max(0, error.offset - added)
            raise
        where = cls(expression, added, _part(expression.tree, expression))
        for name in where.names:
            refuse_test(name, where.offset(name))
        return where

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that it reads."""
        return self.expression.names

    def offset(self, name: str) -> int:
        """Where a field first stands in the user's text."""
        nodes = ast.walk(self.expression.tree)
        at = min(node.col_offset for node in nodes if isinstance(node, ast.Name) and node.id == name)
        return _margin(self.expression.text) + at - self.added

    def matches(self, runs: Sequence[F]) -> tuple[F, ...]:
        """The runs for which it holds.

        Raises:
            FieldError: E202, none of the runs has a field.
            ExpressionError: E203, it can be computed for none of those that have its fields.
        """
        for name in self.names:
            require_field(name, runs, self.offset(name))
        found: list[F] = []
        computed, failed = False, None
        for run in runs:
            try:
                holds = self._part.holds(run)
            except ExpressionError as error:
                failed = failed or error
                continue
            computed = computed or holds is not None
            if holds:
                found.append(run)
        if failed and not computed:
            failed.offset = max(0, failed.offset - self.added)
            raise failed
        return tuple(found)


def _part(node: ast.expr, whole: Expression) -> _Part:
    if isinstance(node, ast.BoolOp):
        return _Joined(isinstance(node.op, ast.Or), tuple(_part(each, whole) for each in node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _Not(_part(node.operand, whole))
    here = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return _Atom(Expression(whole.text, node, tuple(name for name in whole.names if name in here)))


def _margin(text: str) -> int:
    """How many characters of an expression's text stand before what its tree counts from."""
    return len(text) - len(text.lstrip("$ "))


def refuse_test(name: str, offset: int = 0) -> None:
    """Refuse a field that would choose by the test split.

    Raises:
        FieldError: E850.
    """
    if name.startswith("test."):
        hint = f"choose by 'val.{name.removeprefix('test.')}': the test split is for what was chosen"
        raise FieldError("E850", f"{name!r} is of the test split, by which nothing is chosen", offset, len(name), hint)


def require_field(name: str, runs: Sequence[HasFields], offset: int = 0) -> None:
    """Refuse a field that none of the runs has; without runs there is nothing to know.

    Raises:
        FieldError: E202.
    """
    if runs and all(run.get(name) is MISSING for run in runs):
        known = _known(runs)
        hint = did_you_mean(name, known) or f"they have {', '.join(sorted(known)[:8])}, ..."
        raise FieldError("E202", f"none of the runs has the field {name!r}", offset, len(name), hint)


def _known(runs: Iterable[HasFields]) -> set[str]:
    return {name for run in runs for name in run.names() if not name.startswith("test.")}
