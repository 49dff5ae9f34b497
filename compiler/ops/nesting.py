"""Ops inside ops: what a layer says of the one that stands in its arguments."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, get_args

from pydantic_core import PydanticCustomError

from compiler.ir import TensorType
from compiler.ops.base import Mismatch, Nested, Op, Signature
from compiler.settings import Annotation, Problem, nested_error

_, _annotation = get_args(Nested)
nested: Annotation = _annotation
"""The rule of a field that takes a layer."""

T = TypeVar("T")


def at_index(index: int, check: Callable[[], T]) -> T:
    """What `check` makes of the item `index` of a list; its problems are told as problems at that place."""
    try:
        return check()
    except PydanticCustomError as error:
        context = error.context or {}
        found = list(context.get("problems", ()))
        if "code" in context:
            found.append(Problem((), context["code"], context["message"], context.get("hint")))
        raise nested_error([replace(problem, path=(index, *problem.path)) for problem in found]) from None


def about(op: Op, fault: Mismatch, argument: str) -> Mismatch:
    """A fault of the op inside, as one of the op around it."""
    message = f"wraps {type(op).__name__!r}, which {fault.message}"
    return Mismatch(fault.code, message, hint=fault.hint, argument=argument)


def inside(op: Op, x: TensorType, precision: str, argument: str) -> Signature:
    """What the op inside makes of `x`.

    Raises:
        Mismatch: it does not suit; said as one of the op around it.
    """
    try:
        inner = op.signature({"0": x}, precision)
    except Mismatch as fault:
        raise about(op, fault, argument) from None
    return replace(inner, warnings=tuple(about(op, fault, argument) for fault in inner.warnings))
