"""Checking: arguments become typed ops, shapes and costs are inferred, and every mismatch is a located fault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from compiler.errors import Diagnostics, Note, Place, Source
from compiler.expand import Layer
from compiler.ir import CheckedGraph, CheckedNode, Graph, Node, Operand, TensorType, shape_text
from compiler.lower import Lowered, Wired
from compiler.ops import Mismatch, NamedOp, Op, Signature
from compiler.ops.base import dims, require_numbers
from compiler.ops.functions.base import Function
from compiler.settings import MaybePositiveInt, PositiveInt, Settings, non_defaults
from compiler.spec.layers import find_op
from compiler.spec.located import Map, at, located, notes_of, validated


class Limits(Settings):
    """What a model may cost; null means no limit.

    Attributes:
        layers: expanded layers.
        params: parameters.
        flops: floating-point operations of one sample.
        activation_bytes: bytes of all outputs of one sample.
    """

    layers: PositiveInt = 10_000
    params: MaybePositiveInt = None
    flops: MaybePositiveInt = None
    activation_bytes: MaybePositiveInt = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the checker knows of a node: its type (None: unknown), and where it stands."""

    type: TensorType | None
    place: Place | None
    signature: Signature | None


def check(model: Lowered, diagnostics: Diagnostics, precision: str = "float32") -> CheckedGraph:
    """Infer a type, weights and cost for every layer.

    Args:
        precision: Keras's dtype policy for layers that name none.

    Returns:
        the checked graph; whether it may be used is for `diagnostics` to say.
    """
    known: dict[str, _Known] = {}
    nodes = tuple(_node(wired, known, diagnostics, precision) for wired in model.layers)
    return CheckedGraph(nodes, model.outputs, precision)


def check_again(graph: Graph, diagnostics: Diagnostics, precision: str = "float32") -> CheckedGraph:
    """Infer everything anew for a graph that no file describes, such as a pass leaves it."""
    checked = check(Lowered(tuple(map(_wired, graph)), graph.outputs), diagnostics, precision)
    pairs = zip(checked, graph, strict=True)
    return replace(checked, nodes=tuple(replace(new, node=replace(new.node, place=old.place)) for new, old in pairs))


def _wired(node: Node) -> Wired:
    """The node as lowering would have it; one without a place stands nowhere."""
    place = node.place or Place(Source("graph", ""), 1, 1)
    args = located(node.args, place)
    assert isinstance(args, Map)
    layer = Layer(node.name, node.op, args, None, place, node.trail, node.shares, frozen=node.frozen)
    return Wired(layer, node.inputs)


def _node(wired: Wired, known: dict[str, _Known], diagnostics: Diagnostics, precision: str) -> CheckedNode:
    layer = wired.layer
    cls = find_op(layer.op) if layer.op else None
    op = (
        validated(cls, layer.args, diagnostics, subject=layer.op, place=layer.place, trail=layer.trail) if cls else None
    )
    signature = None
    operands = wired.inputs
    given = op
    if op is not None:
        op = op.untrainable() if layer.frozen else op
        problems = list(op.check())
        for problem in problems:
            _report(problem, wired, diagnostics)
        operands = _operands(wired, op, diagnostics)
        inputs = _inputs(wired, operands, op, known)
        if inputs is not None and not problems:
            signature = _signature(wired, op, inputs, known, diagnostics, precision)
    frozen = False
    if layer.frozen and given is not None and signature is not None:
        if not signature.weights and signature.output is not None:
            op = given  # nothing to freeze
        elif not signature.weights or any(weight.trainable for weight in signature.weights):
            frozen, op = True, given.model_copy(update={"trainable": True})
            signature = replace(signature, weights=tuple(replace(w, trainable=False) for w in signature.weights))
    shares = None if isinstance(op, Function) else layer.shares  # it is only called again
    if signature is not None and shares is not None:
        _check_shared(wired, signature, known, diagnostics)
    known[wired.name] = _Known(signature.output if signature else None, layer.place, signature)
    return CheckedNode(
        node=Node(
            name=wired.name,
            op=type(op).__name__ if op is not None else str(layer.op),
            args=non_defaults(op) if op is not None else {},
            inputs=operands,
            shares=shares,
            frozen=frozen,
            place=layer.place,
            trail=layer.trail,
        ),
        type=signature.output if signature else None,
        weights=signature.weights if signature and shares is None else (),
        flops=signature.flops if signature else None,
    )


def _operands(wired: Wired, op: Op, diagnostics: Diagnostics) -> tuple[Operand, ...]:
    """The operands with the call arguments that they fill; wrong numbers and names are reported."""
    layer, given = wired.layer, wired.inputs
    takes, needs = (op.takes(), op.needs()) if isinstance(op, NamedOp) else ((), ())
    if not given or (isinstance(op, NamedOp) and not takes):
        return given
    if isinstance(op, NamedOp):
        named = tuple(
            Operand(operand.node, operand.argument or slot)
            for operand, slot in zip(given, (*takes, *("?" * len(given))), strict=False)
        )
        wrong = [operand.argument for operand in named if operand.argument not in takes]
        missing = [slot for slot in needs if slot not in {operand.argument for operand in named}]
        twice = len({operand.argument for operand in named}) < len(named)
        if wrong or missing or twice:
            names = ", ".join(slot if slot in needs else f"[{slot}]" for slot in takes)
            message = f"{layer.op!r} takes the inputs {names} (got {', '.join(str(x.argument) for x in named)})"
            place = _source_place(layer, [operand.argument for operand in named].index(wrong[0]) if wrong else 0)
            diagnostics.report("E306", message, place, hint=op.hint(), trail=layer.trail)
            return ()
        return named
    if any(operand.argument for operand in given):
        message, place = f"{layer.op!r} has no named inputs", _source_place(layer, 0)
        diagnostics.report("E306", message, place, hint="from: NAME, or a list of names", trail=layer.trail)
        return ()
    if op.arity == "one" and len(given) > 1:
        message, place = f"{layer.op!r} takes one input (got {len(given)})", _source_place(layer, 1)
        hint = "merge them first: {op: Concatenate, from: [...]}"
        diagnostics.report("E306", message, place, hint=hint, trail=layer.trail)
        return ()
    if op.arity == "many" and len(given) < op.least:
        hint = "from: [prev, NAME]"
        diagnostics.report(
            "E305", f"{layer.op!r} merges two or more inputs (got one)", layer.place, hint=hint, trail=layer.trail
        )
        return ()
    return given


def _inputs(
    wired: Wired, operands: tuple[Operand, ...], op: Op, known: Mapping[str, _Known]
) -> dict[str, TensorType] | None:
    """The types that enter, by call argument or position; None where one is not known."""
    if not operands and type(op).__name__ != "Input":
        return None
    inputs: dict[str, TensorType] = {}
    for index, operand in enumerate(operands):
        entering = known[operand.node].type
        if entering is None:
            return None
        inputs[operand.argument or str(index)] = entering
    return inputs


def _signature(
    wired: Wired,
    op: Op,
    inputs: Mapping[str, TensorType],
    known: Mapping[str, _Known],
    diagnostics: Diagnostics,
    precision: str,
) -> Signature | None:
    try:
        require_numbers(op, inputs.values())
        signature = op.signature(inputs, precision)
    except Mismatch as mismatch:
        if mismatch.code == "E401":
            _report_merge(mismatch, wired, inputs, known, diagnostics)
        else:
            _report(mismatch, wired, diagnostics, _origin(wired, inputs, known) if mismatch.code in _OF_SHAPES else ())
        return None
    for warning in signature.warnings:
        if not (wired.layer.frozen and warning.argument == "trainable"):  # `freeze` does reach what is inside
            _report(warning, wired, diagnostics)
    return signature


_OF_SHAPES = ("E403", "E404", "E405", "E407", "E408", "E410", "E411", "E412")
"""Codes of faults for which it matters what enters."""


def _origin(wired: Wired, inputs: Mapping[str, TensorType], known: Mapping[str, _Known]) -> tuple[Note, ...]:
    """What gives the one tensor that enters, unless that stands in the same place."""
    if len(wired.inputs) != 1:
        return ()
    name, (entering,) = wired.inputs[0].node, inputs.values()
    place = known[name].place
    if place is None or place == wired.layer.place:
        return ()
    dtype = f" of {entering.dtype}" if entering.dtype != "float32" else ""
    return (Note(f"{name!r} gives {dims(entering.shape)}{dtype}", place),)


def _report(mismatch: Mismatch, wired: Wired, diagnostics: Diagnostics, notes: tuple[Note, ...] = ()) -> None:
    layer = wired.layer
    place = layer.place
    if mismatch.argument and mismatch.argument in layer.args.entries:
        place, found = at(layer.args, (mismatch.argument,))
        notes = (*notes_of(found), *notes)
    message = _said(wired, mismatch)
    diagnostics.report(mismatch.code, message, place, hint=mismatch.hint, trail=layer.trail, notes=notes)


def _said(wired: Wired, mismatch: Mismatch) -> str:
    """A mismatch's message about its layer: it goes on with a verb, or begins anew with the argument to blame."""
    op, name = str(wired.layer.op), wired.name
    named_after_op = any(re.fullmatch(rf"{re.escape(op)}(_\d+)?", part) for part in name.split("."))
    subject = repr(name) if named_after_op else f"{op} {name!r}"
    return f"{subject}{':' if mismatch.message.startswith(chr(39)) else ''} {mismatch.message}"


def _source_place(layer: Layer, index: int) -> Place:
    """Where the layer's `from` names its input number `index`, or where the layer stands."""
    source = layer.source or ()
    return source[index].place if index < len(source) else layer.place


def _report_merge(
    mismatch: Mismatch,
    wired: Wired,
    inputs: Mapping[str, TensorType],
    known: Mapping[str, _Known],
    diagnostics: Diagnostics,
) -> None:
    """A merge that fails: both shapes, both origins, and for a residual the shortcut that would fit."""
    layer = wired.layer
    pair: tuple[int, int] = getattr(mismatch, "operands", (0, 1))
    names = [wired.inputs[index].node for index in pair]
    entering = list(inputs.values())  # in the operands' order, whether they are named or not
    types = [entering[index] for index in pair]
    notes = tuple(
        Note(f"{name!r} gives {dims(found.shape)}", place)
        for name, found in zip(names, types, strict=True)
        if (place := known[name].place) is not None
    )
    if layer.residual:
        message = (
            f"the two sides of this residual differ: {dims(types[0].shape)} through 'layers', "
            f"{dims(types[1].shape)} through the shortcut"
        )
        hint = _shortcut_hint(types[0], types[1])
        diagnostics.report("E402", message, layer.place, hint=hint or mismatch.hint, trail=layer.trail, notes=notes)
        return
    message = _said(wired, mismatch)
    diagnostics.report("E401", message, layer.place, hint=mismatch.hint, trail=layer.trail, notes=notes)


def _shortcut_hint(main: TensorType, shortcut: TensorType) -> str | None:
    """The 1x1 convolution that brings the shortcut to the main path's shape, where there is one."""
    rank = len(main.shape) - 1
    if len(shortcut.shape) != len(main.shape) or main.shape[-1] is None:
        return None
    if rank == 0:
        return f"shortcut: [{{op: Dense, units: {main.shape[-1]}}}]"
    if rank > 3:
        return None
    strides: list[int] = []
    for small, large in zip(main.shape[:-1], shortcut.shape[:-1], strict=True):
        if small is None or large is None or small == 0:
            return None
        stride = -(-large // small)
        if -(-large // stride) != small:
            return None
        strides.append(stride)
    stride_text = str(strides[0]) if len(set(strides)) == 1 else str(strides)
    given = "" if stride_text == "1" else f", strides: {stride_text}, padding: same"
    return f"shortcut: [{{op: Conv{rank}D, filters: {main.shape[-1]}, kernel_size: 1{given}}}]"


def _check_shared(wired: Wired, signature: Signature, known: Mapping[str, _Known], diagnostics: Diagnostics) -> None:
    """Shared weights must have the shapes that this use needs."""
    layer = wired.layer
    original = known.get(layer.shares or "")
    if original is None or original.signature is None:
        return
    for theirs, ours in zip(original.signature.weights, signature.weights, strict=False):
        if theirs.shape != ours.shape:
            diagnostics.report(
                "E309",
                f"the weights of {layer.shares!r} do not fit here: its {theirs.name} is {shape_text(theirs.shape)}, "
                f"and this input needs {shape_text(ours.shape)}",
                layer.place,
                hint="shared weights need inputs of one size: bring this one to it first",
                trail=layer.trail,
                notes=(Note(f"{layer.shares!r} stands here", original.place),) if original.place else (),
            )
            return


def check_limits(graph: CheckedGraph, limits: Limits, section: Map | None, diagnostics: Diagnostics) -> None:
    """Hold a graph against the budgets of `limits`, whose located section gives the places."""
    for code, name, limit, value, unit in (
        ("E501", "params", limits.params, graph.params, "parameters"),
        ("E502", "flops", limits.flops, graph.flops, "FLOPs a sample"),
        ("E503", "activation_bytes", limits.activation_bytes, graph.activation_bytes, "bytes of activations a sample"),
    ):
        if limit is not None and value is not None and value > limit:
            place = at(section, (name,))[0] if section is not None else None
            diagnostics.report(code, f"the model has {value:,} {unit}, and limits.{name} allows {limit:,}", place)
