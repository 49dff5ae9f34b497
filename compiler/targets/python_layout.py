"""Python's `ast` as source text, laid out as Black and `ruff format` lay it out in 88 columns.

`ast.unparse` writes a statement on one line, however long. Here a bracket that does not fit is opened: first with all
of its arguments on one line, then one on each. The subset is what the Python target writes.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from compiler.targets.python_syntax import Hole

WIDTH = 88
_STEP = "    "


@dataclass(frozen=True, slots=True)
class _Bracket:
    """What may be opened over several lines: a call's arguments, or a literal (always one item a line then)."""

    open: str
    items: tuple[_Doc, ...]
    close: str
    call: bool = True


_Doc = tuple["str | _Bracket", ...]


def source(statements: Iterable[ast.stmt]) -> str:
    """A module's text: two empty lines around functions and classes."""
    lines: list[str] = []
    before: ast.stmt | None = None
    for statement in statements:
        if before is not None and isinstance(statement, _Defined | ast.If) | isinstance(before, _Defined):
            lines += ["", ""]
        elif isinstance(before, ast.Expr) or (isinstance(before, _Import) and not isinstance(statement, _Import)):
            lines.append("")
        lines += _statement(statement, 0)
        before = statement
    return "\n".join(line.rstrip() for line in lines) + "\n"


_Defined = ast.FunctionDef | ast.ClassDef
_Import = ast.Import | ast.ImportFrom


def text_of(expression: ast.expr) -> str:
    """An expression on one line."""
    return _flat(_doc(expression))


# --- statements ----------------------------------------------------------------------------------


def _statement(statement: ast.stmt, depth: int) -> Iterator[str]:
    pad = _STEP * depth
    match statement:
        case ast.Expr(ast.Constant(str() as words)):
            yield from _docstring(words, pad)
        case ast.Expr(value):
            yield from _laid(_doc(value), pad)
        case ast.Assign(targets, value):
            yield from _laid(
                (*(part for target in targets for part in (*_doc(target, bare=True), " = ")), *_doc(value)), pad
            )
        case ast.Return(value):
            yield from _laid(("return ", *_doc(value, bare=True)) if value else ("return",), pad)
        case ast.For(target, iterable, body):
            yield from _laid(("for ", *_doc(target, bare=True), " in ", *_doc(iterable), ":"), pad)
            yield from _body(body, depth)
        case ast.If(test, body):
            yield from _laid(("if ", *_doc(test), ":"), pad)
            yield from _body(body, depth)
            orelse = statement.orelse
            if orelse:
                yield f"{pad}else:"
                yield from _body(orelse, depth)
        case ast.Try(body, _, _, final):
            yield f"{pad}try:"
            yield from _body(body, depth)
            yield f"{pad}finally:"
            yield from _body(final, depth)
        case ast.FunctionDef():
            yield from _decorators(statement, pad)
            gives = (f" -> {text_of(statement.returns)}:",) if statement.returns else (":",)
            yield from _laid((f"def {statement.name}", _Bracket("(", _parameters(statement.args), ")"), *gives), pad)
            yield from _body(statement.body, depth)
        case ast.ClassDef():
            yield from _decorators(statement, pad)
            bases = _Bracket("(", tuple(_doc(base) for base in statement.bases), ")")
            yield from _laid((f"class {statement.name}", *((bases,) if bases.items else ()), ":"), pad)
            for i, inner in enumerate(statement.body):
                yield from [""] if i else []
                yield from _statement(inner, depth + 1)
        case _:
            yield from (pad + line for line in ast.unparse(statement).splitlines())


def _body(statements: Sequence[ast.stmt], depth: int) -> Iterator[str]:
    apart: set[int] = set()
    for at, statement in enumerate(statements if depth == 0 else ()):
        if _is_paragraph(statement):
            begin = at
            while (
                begin > 0 and isinstance(before := statements[begin - 1], ast.Assign) and _is_preparation(before.value)
            ):
                begin -= 1
            apart |= {begin, at + 1}
    for at, statement in enumerate(statements):
        yield from [""] if at and at in apart else []
        yield from _statement(statement, depth + 1)


def _is_paragraph(statement: ast.stmt) -> bool:
    """Whether a statement of a function's body stands apart: a loop of some length."""
    return isinstance(statement, ast.For) and sum(isinstance(inner, ast.stmt) for inner in ast.walk(statement)) > 3


def _is_preparation(value: ast.expr) -> bool:
    """Whether a value is set for a loop that comes next: `skips = []`, `x = inputs`."""
    return isinstance(value, ast.List | ast.Name)


def _docstring(words: str, pad: str) -> Iterator[str]:
    plain = words.replace("\\", "\\\\").replace('"""', "'''")  # a file's name may be anything, and must stay words
    first, *rest = inspect.cleandoc(plain).splitlines()
    if not rest:
        yield f'{pad}"""{first}"""'
        return
    yield f'{pad}"""{first}'
    yield from (pad + line.strip("\n") if line.strip() else "" for line in rest)
    yield f'{pad}"""'


def _decorators(statement: _Defined, pad: str) -> Iterator[str]:
    for decorator in statement.decorator_list:
        yield from _laid(("@", *_doc(decorator)), pad)


def _parameters(args: ast.arguments) -> tuple[_Doc, ...]:
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults)) + [*args.defaults]
    made: list[_Doc] = [_parameter(*pair) for pair in zip(plain, defaults, strict=True)]
    made += [(f"*{args.vararg.arg}",)] if args.vararg else [("*",)] if args.kwonlyargs else []
    made += [_parameter(*pair) for pair in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    made += [(f"**{args.kwarg.arg}",)] if args.kwarg else []
    return tuple(made)


def _parameter(parameter: ast.arg, default: ast.expr | None) -> _Doc:
    return (parameter.arg, *(("=", *_doc(default)) if default else ()))


# --- expressions ---------------------------------------------------------------------------------


def _doc(expression: ast.expr, bare: bool = False) -> _Doc:
    """What an expression is made of; `bare` for a tuple that needs no parentheses."""
    match expression:
        case Hole(value=ast.expr() as value):
            return _doc(value)
        case ast.Constant(value):
            return (_constant(value),)
        case ast.Name(identifier):
            return (identifier,)
        case ast.Attribute(value, attribute):
            return (*_doc(value), f".{attribute}")
        case ast.Call(function, args, keywords):
            named = ((f"{item.arg}=" if item.arg else "**", *_doc(item.value)) for item in keywords)
            return (*_doc(function), _Bracket("(", (*(_doc(arg) for arg in args), *named), ")"))
        case ast.Tuple([first, *items]) if bare:
            return (*_doc(first), *(part for item in items for part in (", ", *_doc(item))))
        case ast.Tuple([item]):
            return (f"({text_of(item)},)",)
        case ast.Tuple(items):
            return (_Bracket("(", tuple(_doc(item) for item in items), ")", call=False),)
        case ast.List(items):
            return (_Bracket("[", tuple(_doc(item) for item in items), "]", call=False),)
        case ast.Dict(keys, values):
            pairs = zip(keys, values, strict=True)
            items = tuple(((f"{text_of(key)}: " if key else "**"), *_doc(value)) for key, value in pairs)
            return (_Bracket("{", items, "}", call=False),)
        case ast.Starred(value):
            return ("*", *_doc(value))
        case ast.JoinedStr(parts):
            inner = (
                part.value if isinstance(part, ast.Constant) else f"{{{text_of(_formatted(part))}}}" for part in parts
            )
            return (f'f"{"".join(map(str, inner))}"',)
        case ast.BinOp(left, operator, right):
            sign, rank = _OPERATORS[type(operator)]
            return (*_operand(left, rank), f" {sign} ", *_operand(right, rank + 1))
        case ast.Compare(left, [ast.Eq()], [right]):
            return (*_doc(left), " == ", *_doc(right))
        case ast.Subscript(value, index):
            return (*_doc(value), f"[{_flat(_doc(index, bare=True))}]")
        case _:
            return (ast.unparse(expression),)


_OPERATORS: dict[type[ast.operator], tuple[str, int]] = {
    ast.BitOr: ("|", 0),
    ast.Add: ("+", 1),
    ast.Sub: ("-", 1),
    ast.Mult: ("*", 2),
    ast.Div: ("/", 2),
    ast.FloorDiv: ("//", 2),
    ast.Mod: ("%", 2),
}
"""How each operator is written, and how strongly it binds."""


def _operand(expression: ast.expr, rank: int) -> _Doc:
    """One side of an operator, in parentheses where what it is made of binds less than `rank`."""
    while isinstance(expression, Hole) and isinstance(expression.value, ast.expr):
        expression = expression.value
    loose = isinstance(expression, (ast.Compare, ast.BoolOp, ast.IfExp, ast.Lambda))
    if loose or (isinstance(expression, ast.BinOp) and _OPERATORS[type(expression.op)][1] < rank):
        return ("(", *_doc(expression), ")")
    return _doc(expression)


def _formatted(part: ast.expr) -> ast.expr:
    assert isinstance(part, ast.FormattedValue), "an f-string has texts and values"
    return part.value


def _constant(value: object) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            return f'float("{value}")'
        digits, e, power = repr(value).partition("e")
        return f"{digits}e{int(power)}" if e else digits
    if isinstance(value, str):
        single = repr(value)
        if '"' in value and "'" not in value:
            return single
        inner = single[1:-1] if single[0] == "'" else single[1:-1].replace('"', '\\"')
        return '"' + (inner.replace("\\'", "'").replace('"', '\\"') if single[0] == "'" else inner) + '"'
    return repr(value)


# --- layout --------------------------------------------------------------------------------------


def _laid(doc: _Doc, pad: str) -> list[str]:
    """The lines of a statement behind `pad`."""
    return (pad + _opened(doc, len(pad), len(pad))).split("\n")


def _opened(doc: _Doc, indent: int, column: int, behind: int = 0) -> str:
    """A document that begins at `column` of a line indented by `indent`; `behind` is the width of what follows."""
    text = ""
    for at, part in enumerate(doc):
        if isinstance(part, str) or not part.items:
            text += part if isinstance(part, str) else part.open + part.close
            continue
        start = column + len(text) if "\n" not in text else len(text.rpartition("\n")[2])
        if start + len(_flat((part,))) + _until_bracket(doc[at + 1 :], behind) <= WIDTH:
            text += _flat((part,))
            continue
        inner, pad = indent + len(_STEP), "\n" + " " * (indent + len(_STEP))
        one_line = ", ".join(map(_flat, part.items))
        if part.call and inner + len(one_line) <= WIDTH:
            body = pad + one_line
        else:
            comma = "," if len(part.items) > 1 else ""
            body = "".join(pad + _opened(item, inner, inner, len(comma)) + comma for item in part.items)
        text += part.open + body + "\n" + " " * indent + part.close
    return text


def _until_bracket(doc: _Doc, behind: int) -> int:
    """Columns up to the next place where a line may break, its bracket included."""
    width = 0
    for part in doc:
        if isinstance(part, _Bracket) and part.items:
            return width + len(part.open)
        width += len(_flat((part,)))
    return width + behind


def _flat(doc: _Doc) -> str:
    return "".join(
        part if isinstance(part, str) else part.open + ", ".join(map(_flat, part.items)) + part.close for part in doc
    )
