"""Calls of functions of `keras.ops` as Python expressions."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import cast

from pydantic.fields import FieldInfo

from compiler.ir import CheckedGraph
from compiler.ops.base import Op
from compiler.ops.functions.base import Function, Tensors
from compiler.ops.functions.items import GetItem, slice_of
from compiler.targets.python_syntax import call
from compiler.targets.python_values import expression, layer_class, op_class

_NAMED = ("axis", "axes")
"""Arguments that say more with their names, though they are required."""


def function_call(
    cls: type[Function], arguments: Mapping[str, ast.expr], tensors: Sequence[ast.expr], named: Mapping[str, ast.expr]
) -> ast.expr:
    """The call of a function: by place what is required, and tensors as long as they stand first.

    Args:
        arguments: what is no tensor, by parameter.
        tensors, named: the tensors that have no names, and those that have.
    """
    if cls.starred:
        (listed,) = tensors
        each = listed.elts if isinstance(listed, ast.List) else [ast.Starred(listed)]
        return call(_name(cls), *arguments.values(), *each)
    if issubclass(cls, GetItem) and isinstance(arguments["key"], ast.Tuple) and len(arguments["key"].elts) > 1:
        entries = [_sliced(entry) for entry in arguments["key"].elts]
        return ast.Subscript(tensors[0], ast.Tuple(entries))
    operands = cls.operands if issubclass(cls, Tensors) else ()
    fields = cls.model_fields
    given = {**{key: arguments[key] for key in fields if key in arguments}, **named}
    order = [*operands, *(key for key in fields if key not in operands)]
    by_place = takewhile(lambda key: key in given and (key in operands or _by_place(fields[key], key)), order)
    first = [given.pop(key) for key in list(by_place)]
    return call(_name(cls), *tensors, *first, **given)


NAMED = """
def named(tensor, name):
    \"\"\"Name the operation that made a tensor, since Keras would give it the name of a layer.\"\"\"
    tensor._keras_history.operation.name = name
    return tensor
"""


def may_clash(graph: CheckedGraph) -> bool:
    """Whether a name that Keras makes for the operation of a function, `add` or `add_1`, can be a layer's here."""
    classes = [(checked.name, op_class(checked.node.op)) for checked in graph]
    made = {_SNAKE.sub("_", cls.operation).lower() for _, cls in classes if issubclass(cls, Function)}
    layers = (name for name, cls in classes if not issubclass(cls, Function))
    return any(re.sub(r"_\d+$", "", name) in made for name in layers)


_SNAKE = re.compile(r"(?<=.)(?=[A-Z][a-z])")


def _name(cls: type[Function]) -> ast.expr:
    return layer_class(cls.__name__)


def _by_place(field: FieldInfo, key: str) -> bool:
    return field.is_required() and key not in _NAMED


def renderer(cls: type[Op], argument: str) -> Callable[[object, str], ast.expr]:
    """What writes the values of an argument."""
    return _key if issubclass(cls, GetItem) and argument == "key" else expression


def _key(value: object, argument: str) -> ast.expr:
    """The key of a `get_item` outside of brackets: `(slice(None), 0)`."""
    entries = cast("Sequence[int | str | None]", value)
    return ast.Tuple([_entry(entry) for entry in entries])


def _entry(entry: int | str | None) -> ast.expr:
    if not isinstance(entry, str):
        return ast.Constant(entry)
    if entry == "...":
        return ast.Constant(...)
    part = slice_of(entry)
    bounds = [part.start, part.stop, part.step] if part.step is not None else [part.start, part.stop]
    return call("slice", *map(ast.Constant, bounds if part.start is not None or part.step is not None else bounds[1:]))


def _sliced(entry: ast.expr) -> ast.expr:
    """An entry of a key within brackets: `slice(1, None)` is `1:` there."""
    if not isinstance(entry, ast.Call):
        return entry
    bounds = entry.args if len(entry.args) > 1 else [ast.Constant(None), *entry.args]
    given = [None if isinstance(bound, ast.Constant) and bound.value is None else bound for bound in bounds]
    return ast.Slice(*given)
