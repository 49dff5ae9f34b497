"""Compile-time expressions: `$width*2`, `$[1, 2][i]`, `$dropout > 0 and not last`.

The text after `$` is a Python expression of which an allow-list over `ast` is understood: numbers, strings,
lists, names, arithmetic, comparison, `and or not`, `a if c else b`, indexing, and a few functions.
A second `$` before a name (`$a + $b`) is a matter of taste; `$$` at the start means a literal `$`.
Results are capped in size, so that no expression can eat the machine.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeGuard, cast

from compiler.errors import did_you_mean, shown

MAX_TEXT = 1_000
MAX_ITEMS = 10_000
MAX_NUMBER = 10**18
MAX_EXPONENT = 64
MAX_STEPS = 1_000_000

_BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("-", lambda a, b: a - b),
    ast.Mult: ("*", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / b),
    ast.FloorDiv: ("//", lambda a, b: a // b),
    ast.Mod: ("%", lambda a, b: a % b),
    ast.Pow: ("**", lambda a, b: a**b),
}
_COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}
_REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "a dot", ast.Lambda: "a lambda", ast.Dict: "a mapping", ast.Set: "a set", ast.NamedExpr: ":=",
    ast.JoinedStr: "an f-string", ast.Starred: "*", ast.ListComp: "a comprehension", ast.SetComp: "a comprehension",
    ast.GeneratorExp: "a comprehension", ast.DictComp: "a comprehension",
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min, "max": max, "round": round, "int": int, "float": float, "len": len, "abs": abs,
    "sum": sum, "str": str, "range": lambda *bounds: list(_bounded_range(*bounds)),
}  # fmt: skip
"""What an expression may call."""

_DOLLAR = re.compile(r"\$(?=[A-Za-z_])")


class ExpressionError(Exception):
    """An expression is malformed or cannot be computed.

    Attributes:
        code: E201 (malformed), E202 (unknown variable) or E203 (cannot be computed).
        offset: where in the whole text, `$` included, counted from 0.
        width: how many characters are to blame; None for all that follow.
    """

    def __init__(
        self, code: str, message: str, offset: int = 0, hint: str | None = None, width: int | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.offset, self.hint, self.width = code, message, offset, hint, width


class Faulty(Exception):
    """An expression uses a variable whose own fault is reported already."""


FAULTY = object()
"""The value of a variable that has a fault."""


@dataclass(slots=True)
class Budget:
    """Steps that computing may still take: without it a short file could keep a machine busy for hours."""

    left: int = MAX_STEPS
    told: bool = False

    def spend(self, steps: int) -> bool:
        """Take `steps` off; False where that is more than is left."""
        self.left -= steps
        return self.left >= 0

    def tell(self) -> bool:
        """True the first time: the fault is reported once."""
        first, self.told = not self.told, True
        return first


@dataclass(frozen=True, slots=True)
class _Run:
    """One evaluation: how far the tree's columns are from the text's, and what it may take."""

    margin: int
    budget: Budget


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: its text with the `$`, its syntax tree, and the variables it reads."""

    text: str
    tree: ast.expr
    names: tuple[str, ...]


def is_expression(value: object) -> bool:
    """Whether a YAML value is to be computed: a string that starts with one `$`, and not with OmegaConf's `${`."""
    return isinstance(value, str) and value.startswith("$") and not value.startswith(("$$", "${"))


@cache
def parse(text: str, dotted: bool = False) -> Expression:
    """Parse an expression.

    Args:
        dotted: whether a variable's name may have dots, `val.accuracy`.

    Raises:
        ExpressionError: E201, with the offset of what is wrong.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(
            "E201", f"an expression may have at most {MAX_TEXT} characters (this one has {len(text)})"
        )
    # spaces for the dollar signs, so that offsets in the tree are offsets in the text
    source = _DOLLAR.sub(" ", text) if _DOLLAR.match(text) else " " + _DOLLAR.sub(" ", text[1:])
    stripped = source.lstrip()
    margin = len(source) - len(stripped)
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes in strings: they are not Python's business here
            tree = ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        hint = "write and, or, not" if re.search(r"&|\||!(?!=)", text) else None
        if not error.offset:  # Python has no place for what is missing at the end
            raise ExpressionError("E201", "bad expression: it ends too early", len(text) - 1, hint) from None
        offset = min(margin + error.offset - 1, len(text) - 1)
        raise ExpressionError("E201", f"bad expression: {error.msg}", offset, hint, width=1) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("E201", "bad expression: nested too deeply") from None
    if dotted:
        tree = cast(ast.expr, _Dotted().visit(tree))
    names = _check(tree, margin)
    return Expression(text, tree, names)


class _Dotted(ast.NodeTransformer):
    """Makes one name of names with dots between them."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        base = self.visit(node.value)
        if not isinstance(base, ast.Name):
            return ast.copy_location(ast.Attribute(base, node.attr, node.ctx), node)
        return ast.copy_location(ast.Name(f"{base.id}.{node.attr}", node.ctx), node)


def _check(tree: ast.expr, margin: int) -> tuple[str, ...]:
    """Refuse every node outside the allow-list; give the names that are read."""
    allowed = (
        ast.Constant, ast.Name, ast.List, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
        ast.Subscript, ast.Slice, ast.Call, ast.IfExp,
    )  # fmt: skip
    names: dict[str, None] = {}
    called: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.expr_context)):
            if not isinstance(node, (*_BINARY, *_COMPARE, ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Load)):
                raise ExpressionError("E201", f"bad expression: {type(node).__name__} is not allowed")
            continue
        offset = margin + getattr(node, "col_offset", 0)
        if not isinstance(node, allowed):
            what = _REFUSED.get(type(node), "this")
            raise ExpressionError("E201", f"bad expression: {what} is not allowed", offset, _what())
        if isinstance(node, ast.Constant) and not isinstance(node.value, (int, float, str, bool, type(None))):
            raise ExpressionError("E201", f"bad expression: {node.value!r} is not allowed", offset)
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
                raise ExpressionError("E201", "bad expression: this cannot be called", offset, _what())
            called.add(id(node.func))
        if isinstance(node, ast.Name) and id(node) not in called:
            names[node.id] = None
    return tuple(name for name in names if name not in ("true", "false", "null"))


def _what() -> str:
    return f"numbers, strings, lists, arithmetic, comparison, and/or/not, indexing, {', '.join(FUNCTIONS)}"


def evaluate(expression: Expression, variables: Mapping[str, object], budget: Budget | None = None) -> object:
    """The value of an expression: a number, string, bool, None, or list of such.

    Args:
        budget: what it may take, and what is taken off.

    Raises:
        ExpressionError: E202 for an unknown variable, E203 where it cannot be computed.
        Faulty: a variable has a fault of its own.
    """
    run = _Run(len(expression.text) - len(expression.text.lstrip("$ ")), budget or Budget())
    try:
        value = _value(expression.tree, variables, run)
    except RecursionError:
        raise ExpressionError("E203", "the expression nests too deeply to be computed") from None
    return _capped(value, run)


def _value(node: ast.expr, env: Mapping[str, object], run: _Run) -> Any:
    def fail(reason: str) -> ExpressionError:
        width = (node.end_col_offset or 0) - node.col_offset
        return ExpressionError("E203", reason, run.margin + node.col_offset, width=width)

    match node:
        case ast.Constant(value=value):
            return _capped(value, run)
        case ast.Name(id=name):
            if name in env:
                if env[name] is FAULTY:
                    raise Faulty
                run.budget.spend(_count(env[name]))
                return env[name]
            if name in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[name]
            hint = did_you_mean(name, env) or (
                f"known here: {', '.join(sorted(env))}" if env else "no variable is known here"
            )
            raise ExpressionError("E202", f"unknown variable {name!r}", run.margin + node.col_offset, hint, len(name))
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _capped([_value(item, env, run) for item in items], run)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left, env, run), _value(right, env, run), run, fail)
        case ast.UnaryOp(op=op, operand=operand):
            value = _value(operand, env, run)
            if isinstance(op, ast.Not):
                return not value
            if not isinstance(value, (int, float)):
                raise fail(f"a number was expected (got {shown(value)})")
            return -value if isinstance(op, ast.USub) else +value
        case ast.BoolOp(op=op, values=values):
            value: Any = None
            for item in values:
                value = _value(item, env, run)
                if bool(value) == isinstance(op, ast.Or):
                    return value
            return value
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            value = _value(left, env, run)
            for op, item in zip(ops, comparators, strict=True):
                other = _value(item, env, run)
                symbol, compare = _COMPARE[type(op)]
                try:
                    holds = compare(value, other)
                except TypeError:
                    raise fail(f"{symbol!r} cannot compare {shown(value)}, and {shown(other)}") from None
                if not holds:
                    return False
                value = other
            return True
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, env, run) else orelse, env, run)
        case ast.Subscript(value=base, slice=index):
            return _item(_value(base, env, run), index, env, run, fail)
        case ast.Call(func=ast.Name(id=name), args=args):
            values = [_value(arg, env, run) for arg in args]
            try:
                return _capped(FUNCTIONS[name](*values), run)
            except (TypeError, ValueError, OverflowError):
                given = ", ".join(shown(value) for value in values) or "nothing"
                raise fail(f"'{name}' cannot be computed of {given}") from None
        case _:
            raise fail(f"{type(node).__name__} is not allowed")


def _binary(op: ast.operator, left: Any, right: Any, run: _Run, fail: Callable[[str], ExpressionError]) -> Any:
    symbol, compute = _BINARY[type(op)]
    if isinstance(op, ast.Pow) and _is_number(right) and abs(right) > MAX_EXPONENT:
        raise fail(f"an exponent may be at most {MAX_EXPONENT} (got {right})")
    if isinstance(op, ast.Mult):
        for sequence, factor in ((left, right), (right, left)):
            if (
                (isinstance(sequence, str) or _is_list(sequence))
                and _is_number(factor)
                and _count(sequence) * max(factor, 1) > MAX_ITEMS
            ):
                raise fail(f"a result may have at most {MAX_ITEMS:,} items")
    if isinstance(op, ast.Mod) and isinstance(left, str):
        raise fail("strings have no '%' here")
    try:
        return _capped(compute(left, right), run)
    except ZeroDivisionError:
        raise fail("division by zero") from None
    except (TypeError, OverflowError, ValueError):
        raise fail(f"{symbol!r} cannot take {shown(left)}, and {shown(right)}") from None


def _item(
    base: Any, index: ast.expr, env: Mapping[str, object], run: _Run, fail: Callable[[str], ExpressionError]
) -> Any:
    if not isinstance(base, str) and not _is_list(base):
        raise fail(f"only lists and strings can be indexed (got {shown(base)})")
    if isinstance(index, ast.Slice):
        bounds = [None if part is None else _value(part, env, run) for part in (index.lower, index.upper, index.step)]
        if any(not (bound is None or type(bound) is int) for bound in bounds) or bounds[2] == 0:
            raise fail("a slice takes integers")
        return base[slice(*bounds)]
    key = _value(index, env, run)
    if type(key) is not int:
        raise fail(f"an index must be an integer (got {shown(key)})")
    if not -len(base) <= key < len(base):
        raise fail(f"index {key} is outside a list of {len(base)}")
    return base[key]


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _bounded_range(*bounds: int) -> range:
    result = range(*bounds)
    if len(result) > MAX_ITEMS:
        raise ExpressionError("E203", f"a result may have at most {MAX_ITEMS:,} items")
    return result


def _count(value: Any) -> int:
    """Items of a value, nested ones included; strings count their characters."""
    if isinstance(value, str):
        return len(value)
    if _is_list(value):
        return 1 + sum(_count(item) for item in value)
    if _is_dict(value):
        return 1 + sum(_count(item) for item in value.values())
    return 1


def _capped(value: Any, run: _Run) -> Any:
    if _is_number(value) and (isinstance(value, int) and abs(value) > MAX_NUMBER):
        raise ExpressionError("E203", f"an integer may be at most {MAX_NUMBER:.0e}")
    if isinstance(value, complex):
        raise ExpressionError("E203", "complex numbers are not allowed")
    items = _count(value) if isinstance(value, str) or _is_list(value) or _is_dict(value) else 1
    run.budget.spend(items)
    if items > MAX_ITEMS:
        raise ExpressionError("E203", f"a result may have at most {MAX_ITEMS:,} items")
    return value
