"""Located tree -> `LayerSpec`: the entries of a `layers` list, their ops and the names of their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from compiler.errors import Diagnostics, Place, did_you_mean
from compiler.ops import OPS, REFUSED
from compiler.ops.base import Op, cell_hint
from compiler.ops.catalogue import LEFT_OUT, opaque
from compiler.ops.catalogue import names as catalogue_names
from compiler.spec.expression import is_expression
from compiler.spec.form import has, known_keys, mapping
from compiler.spec.located import Leaf, Map, Seq, Tree, trap_hint
from compiler.spec.model import NESTED, RESERVED, BlockSpec, LayerSpec, describe, empty_map, string

STRUCTURAL: Mapping[str, tuple[str, ...]] = {
    "residual": ("layers", "shortcut", "merge"),
    "branches": ("paths", "merge"),
    "sequence": ("layers",),
}
"""The structural ops and their keys."""


def find_op(name: str) -> type[Op] | None:
    """The layer class that `name` means: a declared one, or one of the catalogue. A cell is no layer by itself."""
    found = OPS.get(name) or (None if name in REFUSED else opaque(name))
    return None if found is not None and found.arity == "cell" else found


def unknown_hint(name: str, known: Iterable[str]) -> str | None:
    """What to write in the place of an op that is none: what a name of Keras's means, or one of `known`."""
    if name == "Input":
        return "inputs are declared under 'input' or 'inputs'"
    cell = OPS.get(name)
    if cell is not None and cell.arity == "cell":
        return f"a cell is no layer by itself: {cell_hint(cell.keras)}"
    return _left_out(name) or did_you_mean(name, known)


def _left_out(name: str) -> str | None:
    """Why a public layer of Keras, or a function of `keras.ops`, is no op."""
    if not name.startswith("ops."):
        return LEFT_OUT.get(name)
    from compiler.ops.functions import left_out  # only for a fault: it need not be read else

    return left_out.LEFT_OUT.get(name)


_PATH = re.compile(r"[A-Za-z0-9_-]{1,100}")


class LayerParser:
    """Parses lists of layer specs; `nested` gives the block that another model file makes, by its op."""

    def __init__(self, diagnostics: Diagnostics, nested: Callable[[str, Place], BlockSpec | None]) -> None:
        self.diagnostics, self.nested = diagnostics, nested

    def layers(self, tree: Tree | None, blocks: Mapping[str, BlockSpec], where: str) -> tuple[LayerSpec, ...]:
        if tree is None or (isinstance(tree, Leaf) and tree.value is None):
            return ()
        if not isinstance(tree, Seq):
            self.diagnostics.report(
                "E114", f"{where!r} must be a list of layer specs (got {describe(tree)})", tree.place
            )
            return ()
        return tuple(self.layer(item, blocks, f"{where}[{i}]") for i, item in enumerate(tree.items))

    def layer(self, tree: Tree, blocks: Mapping[str, BlockSpec], where: str) -> LayerSpec:
        """The spec of one entry; one without an op where its form has a fault."""
        if isinstance(tree, Leaf) and isinstance(tree.value, str):
            tree = Map({"op": tree}, tree.place, {"op": tree.place})
        if not isinstance(tree, Map):
            hint = trap_hint(tree) or "a bare name, or a mapping with 'op' first"
            self.diagnostics.report(
                "E113", f"a layer spec must be a name or a mapping (got {describe(tree)})", tree.place, hint=hint
            )
            return _unknown(empty_map(tree.place), where)
        name = string(tree.entries["name"]) if "name" in tree.entries else None
        op_tree, share = tree.get("op"), tree.get("share")
        if op_tree is None and share is None:
            self.no_op(tree, where)
            return _unknown(tree, where)
        if op_tree is not None and share is not None:
            self.diagnostics.report("E113", "a layer spec has 'op' or 'share', not both", tree.key_place("share"))
        op = string(op_tree) if op_tree is not None else None
        if op_tree is not None and op is None:
            self.diagnostics.report(
                "E113", f"'op' must be a name (got {describe(op_tree)})", op_tree.place, hint=trap_hint(op_tree)
            )
            return _unknown(tree, where)
        label = f"{where} {name or op or 'share'!r}"
        said = op_tree if op_tree is not None else share
        op_place = said.place if said is not None else tree.place
        keys = {key: tree.entries[key] for key in RESERVED if key in tree.entries}
        rest = {key: value for key, value in tree.entries.items() if key not in RESERVED}
        args = Map(rest, tree.place, {key: tree.key_place(key) for key in rest})
        spec = LayerSpec(op, op_tree, keys, args, {}, tree.place, label, op_place)
        if op is None or is_expression(op):
            if share is not None and rest:
                for key in rest:
                    self.diagnostics.report(
                        "E104", f"'share' takes no argument {key!r}: the shared layer has its own", args.key_place(key)
                    )
            return replace(spec, op=None if share is not None else op)
        if op in STRUCTURAL:
            return self.structural(spec, op, blocks, where)
        if op.startswith(NESTED) and op not in blocks:
            model = self.nested(op, op_place)
            blocks = {op: model} if model else {}
            if model is None:
                return spec
        self.known_op(op, blocks, spec)
        return spec

    def no_op(self, tree: Map, where: str) -> None:
        overridden = [key for key in tree.entries if tree.key_place(key).overridden]
        if overridden:
            place = tree.key_place(overridden[0])
            self.diagnostics.report(
                "E115",
                f"this override turns {where} into a mapping without 'op'",
                place,
                hint="it is a bare name in its file: override the whole entry, '{op: NAME, ...}', or use model.patch",
            )
            return
        wrong = next((key for key in tree.entries if (did_you_mean(key, ("op", "share")) or key in OPS)), None)
        hint = (
            f"write {{op: {wrong}, ...}}" if wrong in OPS else did_you_mean(wrong, ("op", "share")) if wrong else None
        )
        self.diagnostics.report("E113", "a layer spec needs 'op'", tree.place, hint=hint)

    def structural(self, spec: LayerSpec, op: str, blocks: Mapping[str, BlockSpec], where: str) -> LayerSpec:
        known_keys(spec.args, STRUCTURAL[op], f"'{op}'", self.diagnostics, noun="argument")
        bodies: dict[str, tuple[LayerSpec, ...]] = {}
        needed = STRUCTURAL[op][0]
        if needed not in spec.args.entries:
            if not has(spec.args, needed, STRUCTURAL[op]):
                self.diagnostics.report("E105", f"{op!r} needs the argument {needed!r}", spec.op_place)
            return replace(spec, op=None)
        for key in ("layers", "shortcut"):
            if key in spec.args.entries and key in STRUCTURAL[op]:
                bodies[key] = self.layers(spec.args.entries[key], blocks, f"{where}.{key}")
        paths = spec.args.get("paths") if op == "branches" else None
        if paths is not None:
            if isinstance(paths, Seq):
                named = {str(i): item for i, item in enumerate(paths.items)}
            else:
                section = mapping(paths, f"{where}.paths", self.diagnostics)
                named = dict(section.entries) if section else {}
                for name in named:
                    if not _PATH.fullmatch(name) or name == "merge":
                        message = f"a path's name is letters, digits, '_' or '-', and not 'merge' (got {name!r})"
                        self.diagnostics.report("E212", message, section.key_place(name) if section else paths.place)
            for name, body in named.items():
                bodies[name] = self.layers(body, blocks, f"{where}.paths.{name}")
        merge = spec.args.get("merge")
        args = Map({"merge": merge}, spec.args.place, spec.args.keys) if merge is not None else empty_map(spec.place)
        return replace(spec, args=args, bodies=bodies)

    def known_op(self, op: str, blocks: Mapping[str, BlockSpec], spec: LayerSpec) -> None:
        """Check the op's name and the names of its arguments, in code that `when` switches off too."""
        if op in blocks:
            block = blocks[op]
            for key in spec.args.entries:
                if key not in block.params:
                    hint = did_you_mean(key, block.params) or f"it has {', '.join(block.params) or 'no params'}"
                    self.diagnostics.report(
                        "E204", f"block {op!r} has no param {key!r}", spec.args.key_place(key), hint=hint
                    )
            return
        if op in REFUSED:
            self.diagnostics.report("E103", f"{op!r} is refused: {REFUSED[op]}", spec.op_place)
            return
        found = find_op(op)
        if found is None or op == "Input":
            hint = unknown_hint(op, (*OPS, *catalogue_names(), *blocks, *STRUCTURAL))
            self.diagnostics.report("E102", f"unknown op {op!r}", spec.op_place, hint=hint)
            return
        for key in spec.args.entries:
            if key not in found.model_fields:
                hint = did_you_mean(key, (*found.model_fields, *RESERVED))
                self.diagnostics.report("E104", f"{op!r} has no argument {key!r}", spec.args.key_place(key), hint=hint)


def _unknown(tree: Map, where: str) -> LayerSpec:
    """The spec of an entry that has a fault: its name stays, so that references to it raise no second one."""
    keys = {"name": tree.entries["name"]} if "name" in tree.entries else {}
    return LayerSpec(None, None, keys, empty_map(tree.place), {}, tree.place, where, tree.place)
