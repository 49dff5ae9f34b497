"""Checked graphs made by hand, for tests of what comes after the checks."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.errors import Place
from compiler.ir import CheckedGraph, CheckedNode, Node, Operand, Output, TensorType
from compiler.ops import OPS
from compiler.ops.catalogue import opaque
from compiler.settings import non_defaults, validate


def node(
    name: str,
    op: str,
    inputs: str | Iterable[str] | dict[str, str] = (),
    *,
    shares: str | None = None,
    place: Place | None = None,
    trail: tuple[str, ...] = (),
    **args: object,
) -> Node:
    """A node; `inputs` is one name, several, or names by call argument."""
    if isinstance(inputs, dict):
        operands = tuple(Operand(other, argument) for argument, other in inputs.items())
    else:
        operands = tuple(Operand(other) for other in ([inputs] if isinstance(inputs, str) else inputs))
    return Node(name, op, args, operands, shares, place, trail)


def checked(
    *nodes: Node, outputs: str | Iterable[str] | dict[str, str] | None = None, precision: str = "float32"
) -> CheckedGraph:
    """The checked graph of `nodes`, which are right; `outputs` are names, or names by key; by default the last node."""
    types: dict[str, TensorType | None] = {}
    done = [_checked(given, types, precision) for given in nodes]
    if isinstance(outputs, dict):
        results = tuple(Output(name, key) for key, name in outputs.items())
    else:
        names = [nodes[-1].name] if outputs is None else [outputs] if isinstance(outputs, str) else outputs
        results = tuple(Output(name) for name in names)
    return CheckedGraph(tuple(done), results, precision)


def _checked(given: Node, types: dict[str, TensorType | None], precision: str) -> CheckedNode:
    cls = OPS.get(given.op) or opaque(given.op)
    assert cls is not None, given.op
    op = validate(cls, given.args)
    inputs = {operand.argument or str(i): types[operand.node] for i, operand in enumerate(given.inputs)}
    known = {key: found for key, found in inputs.items() if found is not None}
    signature = op.signature(known, precision) if len(known) == len(inputs) else None
    types[given.name] = signature.output if signature else None
    canonical = Node(given.name, given.op, non_defaults(op), given.inputs, given.shares, given.place, given.trail)
    weights = signature.weights if signature and not given.shares else ()
    return CheckedNode(canonical, types[given.name], weights, signature.flops if signature else None)
