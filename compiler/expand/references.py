"""References as they are written: `from`, a block's `output` and the model's `outputs`, computed, not yet resolved."""

from __future__ import annotations

from dataclasses import replace

from compiler.errors import Diagnostics, shown
from compiler.expand.items import Reference
from compiler.spec.environment import Environment, Unevaluated, compute
from compiler.spec.located import Leaf, Seq, Tree, plain, trap_hint
from compiler.spec.model import BlockSpec, LayerSpec, string


def sources(
    spec: LayerSpec, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...]
) -> tuple[Reference, ...] | None:
    """What an entry says by `from`; None where it says nothing.

    Raises:
        Unevaluated: it has a fault.
    """
    tree = spec.keys.get("from")
    if tree is None:
        return None
    found = _references(compute(tree, env, diagnostics, trail), diagnostics, trail)
    if not found:
        diagnostics.report("E306", "'from' names nothing", tree.place, trail=trail)
        raise Unevaluated
    return found


def block_output(
    block: BlockSpec, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...]
) -> Reference | None:
    """What a block says that it gives; None where that is its last layer, or has a fault."""
    if block.output is None:
        return None
    found = _references(compute(block.output, env, diagnostics, trail), diagnostics, trail)
    if len(found) != 1:
        diagnostics.report(
            "E308",
            f"block {block.name!r} must have one output (it names {len(found)})",
            block.output.place,
            trail=trail,
        )
        return None
    return found[0]


def model_outputs(
    tree: Tree | None, env: Environment, diagnostics: Diagnostics
) -> tuple[tuple[str | None, Reference], ...]:
    """References with their keys; none where the last layer is the output."""
    if tree is None or (isinstance(tree, Leaf) and tree.value is None):
        return ()
    try:
        found = _references(compute(tree, env, diagnostics), diagnostics, ())
    except Unevaluated:
        return ()
    if not found:
        diagnostics.report("E308", "'outputs' names no layer", tree.place)
    return tuple((reference.slot, replace(reference, slot=None)) for reference in found)


def _references(tree: Tree, diagnostics: Diagnostics, trail: tuple[str, ...]) -> tuple[Reference, ...]:
    """A name, a list of names, or a mapping of call arguments to names."""
    if isinstance(tree, Leaf):
        return (_reference(tree, None, diagnostics, trail),)
    if isinstance(tree, Seq):
        return tuple(reference for item in tree.items for reference in _references(item, diagnostics, trail))
    return tuple(_reference(item, slot, diagnostics, trail) for slot, item in tree.entries.items())


def _reference(tree: Tree, slot: str | None, diagnostics: Diagnostics, trail: tuple[str, ...]) -> Reference:
    text = string(tree)
    if text is None:
        hint = (
            "references go by name, never by index"
            if isinstance(tree, Leaf) and type(tree.value) is int
            else trap_hint(tree)
        )
        diagnostics.report("E301", f"'from' takes names (got {shown(plain(tree))})", tree.place, hint=hint, trail=trail)
        raise Unevaluated
    return Reference(text, tree.place, slot)
