"""Expansion: `ModelSpec` -> a tree of layers with literal arguments and final names.

Blocks are put in place of their calls, `repeat` and `each` become copies, `when` is decided, every
expression is computed. What stays is a tree (lists, residuals, branches), since `from` is about places in it;
`patch.py` edits that tree, and `lower` turns it into a graph.
"""

from __future__ import annotations

from compiler.errors import Diagnostics
from compiler.expand.expander import Expander
from compiler.expand.freeze import frozen
from compiler.expand.items import (
    Expanded,
    Item,
    Layer,
    Parallel,
    Reference,
    Sequence,
    TooManyLayers,
    children,
    walk,
)
from compiler.expand.names import Names, legal
from compiler.expand.references import model_outputs
from compiler.spec.environment import Environment, Unevaluated, compute, variables
from compiler.spec.located import Map
from compiler.spec.model import InputSpec, ModelSpec

__all__ = ["MAX_LAYERS", "Expanded", "Item", "Layer", "Parallel", "Reference", "Sequence", "children", "expand", "walk"]

MAX_LAYERS = 10_000
"""Default cap on expanded layers."""


def expand(spec: ModelSpec, diagnostics: Diagnostics, max_layers: int = MAX_LAYERS) -> Expanded:
    """Expand a model. Faults go to `diagnostics`; what has none is expanded all the same."""
    env = variables(spec.variables, diagnostics)
    expander = Expander(spec, env, diagnostics, max_layers)
    inputs = tuple(_input(item, env, diagnostics) for item in spec.inputs)
    taken = Names(layer.name for layer in inputs)
    try:
        items = expander.layers(spec.layers, "", env, spec.blocks, (), taken)
    except TooManyLayers:  # without layers every reference and patch would have a fault too
        return Expanded(inputs, Sequence("", (), None, spec.place, ()), ())
    body = Sequence("", items, None, spec.place, (), tuple(layer.name for layer in inputs))
    outputs = model_outputs(spec.outputs, env, diagnostics)
    body = expander.patched(body, spec.patch, env, spec.blocks)
    return Expanded(inputs, frozen(body, spec.freeze, env, diagnostics), outputs)


def _input(spec: InputSpec, env: Environment, diagnostics: Diagnostics) -> Layer:
    try:
        args = compute(spec.args, env, diagnostics)
    except Unevaluated:
        return Layer(spec.name, None, spec.args, (), spec.place, ())
    assert isinstance(args, Map)
    if not legal(spec.name) or spec.name == "prev":
        diagnostics.report("E212", f"illegal name of an input: {spec.name!r}", spec.place)
    return Layer(spec.name, "Input", args, (), spec.place, ())
