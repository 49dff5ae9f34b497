"""Located tree -> `ModelSpec`: the form of a model file, every fault of form collected."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace

from compiler.errors import ConfigError, Diagnostics, Fault, Place, did_you_mean
from compiler.ops import OPS, REFUSED
from compiler.ops.base import Op
from compiler.ops.catalogue import names as catalogue_names
from compiler.ops.catalogue import opaque
from compiler.spec.expression import is_expression
from compiler.spec.form import as_list, has, implied, meant, said
from compiler.spec.located import Leaf, Map, Seq, Tree, plain, trap_hint
from compiler.spec.model import (
    BLOCK_KEYS,
    NESTED,
    PARAM_TYPES,
    RESERVED,
    SECTIONS,
    BlockSpec,
    InputSpec,
    LayerSpec,
    ModelSpec,
    Param,
    PatchSpec,
    describe,
    empty_map,
    string,
)

LoadModel = Callable[[str, Place], Map | None]
"""Reads the model file `model/<name>`; None (with the fault reported) where it cannot."""


def no_models(name: str, place: Place) -> Map | None:
    """For a model that stands alone: no other file can be named."""
    raise ConfigError([Fault("E006", f"model/{name} cannot be read from here", place)])


STRUCTURAL: Mapping[str, tuple[str, ...]] = {
    "residual": ("layers", "shortcut", "merge"),
    "branches": ("paths", "merge"),
    "sequence": ("layers",),
}
"""The structural ops and their keys."""


def find_op(name: str) -> type[Op] | None:
    """The layer class that `name` means: a declared one, or one of the catalogue."""
    return OPS.get(name) or (None if name in REFUSED else opaque(name))


def parse_model(tree: Map, diagnostics: Diagnostics, load_model: LoadModel) -> ModelSpec:
    """The spec of a whole model file. Faults go to `diagnostics`; what has none is parsed all the same."""
    return _Parser(diagnostics, load_model).model(tree)


MAX_NESTING = 20
"""Cap on model files inside one another."""

_PATH = re.compile(r"[A-Za-z0-9_-]{1,100}")

PATCH_ACTIONS = ("insert_before", "insert_after", "replace", "remove")


class _Parser:
    def __init__(self, diagnostics: Diagnostics, load_model: LoadModel, loading: tuple[str, ...] = ()) -> None:
        self.diagnostics, self.load_model, self.loading = diagnostics, load_model, loading
        self.models: dict[str, BlockSpec | None] = {}
        self.put_in: Mapping[str, Tree] = {}  # other model files, by name, under `models` of the one that is parsed

    # --- sections ---

    def model(self, tree: Map) -> ModelSpec:
        self.known_keys(tree, SECTIONS, "a model file")
        models = self.mapping(tree.get("models"), "models")
        self.put_in = {**self.put_in, **(models.entries if models else {})}
        if not has(tree, "layers", SECTIONS):
            self.diagnostics.report("E116", "the model has no 'layers'", tree.place)
        blocks = self.blocks(tree.get("blocks"), {})
        return ModelSpec(
            inputs=self.inputs(tree),
            variables=self.mapping(tree.get("vars"), "vars") or empty_map(tree.place),
            blocks=blocks,
            layers=self.layers(tree.get("layers"), blocks, "layers"),
            outputs=tree.get("outputs"),
            patch=self.patch(tree.get("patch"), blocks),
            models=self.models,
            place=tree.key_place("layers"),
        )

    def inputs(self, tree: Map) -> tuple[InputSpec, ...]:
        one, many = said(tree.get("input")), said(tree.get("inputs"))
        if one is not None and many is not None:
            self.diagnostics.report("E114", "a model has 'input' or 'inputs', not both", tree.key_place("inputs"))
        empty = one is None and (many is None or (isinstance(many, Map) and not many.entries))
        if empty and not any(meant(tree, key, SECTIONS) for key in ("input", "inputs")):
            self.diagnostics.report(
                "E116",
                "the model has no 'input'",
                tree.place,
                hint="input: ${data.input_shape}, or a shape like [28, 28, 1]",
            )
        if many is not None:
            section = self.mapping(many, "inputs") or empty_map(many.place)
            return tuple(
                InputSpec(name, self.input_args(spec, name), section.key_place(name))
                for name, spec in section.entries.items()
            )
        if one is None:
            return ()
        return (InputSpec("input", self.input_args(one, "input"), tree.key_place("input")),)

    def input_args(self, tree: Tree, name: str) -> Map:
        """An input is a mapping with `shape`, or the shape alone."""
        return tree if isinstance(tree, Map) else Map({"shape": tree}, tree.place, {"shape": tree.place})

    def blocks(self, tree: Tree | None, outer: Mapping[str, BlockSpec]) -> Mapping[str, BlockSpec]:
        section = self.mapping(tree, "blocks")
        if section is None:
            return outer
        # names first, so that blocks see each other whatever their order; the chain is a live view
        found = ChainMap[str, BlockSpec]({}, dict(outer) if not isinstance(outer, ChainMap) else outer)
        bodies: dict[str, Map] = {}
        for name, body in section.entries.items():
            place = section.key_place(name)
            if name in STRUCTURAL or find_op(name) is not None or name in REFUSED:
                self.diagnostics.report("E211", f"block {name!r} has the name of an op", place)
            body_map = self.mapping(body, f"blocks.{name}")
            if body_map is None:
                continue
            bodies[name] = body_map
            found[name] = BlockSpec(name, self.params(body_map, name), self.block_inputs(body_map), {}, (), place)
        for name, body_map in bodies.items():
            self.known_keys(body_map, BLOCK_KEYS, f"block {name!r}")
            inner = self.blocks(body_map.get("blocks"), found)
            if not has(body_map, "layers", BLOCK_KEYS):
                self.diagnostics.report("E116", f"block {name!r} has no 'layers'", found[name].place)
            layers = self.layers(body_map.get("layers"), inner, f"blocks.{name}.layers")
            found[name] = replace(found[name], blocks=inner, layers=layers, output=body_map.get("output"))
        return found

    def params(self, body: Map, block: str) -> Mapping[str, Param]:
        section = self.mapping(body.get("params"), f"blocks.{block}.params") or empty_map(body.place)
        params: dict[str, Param] = {}
        for name, tree in section.entries.items():
            place = section.key_place(name)
            if name in RESERVED:
                self.diagnostics.report("E212", f"a block param cannot be called {name!r}: it is a reserved key", place)
            word = string(tree)
            if word in PARAM_TYPES:
                params[name] = Param(name, word, None, place)
            else:
                params[name] = Param(name, implied(plain(tree)), tree, place)
        return params

    def block_inputs(self, body: Map) -> tuple[str, ...]:
        tree = body.get("inputs")
        if tree is None:
            return ()
        names = [string(item) for item in tree.items] if isinstance(tree, Seq) else []
        if not names or None in names or len(set(names)) < len(names):
            self.diagnostics.report("E114", "'inputs' of a block must be a list of different names", tree.place)
            return ()
        return tuple(name for name in names if name is not None)

    def patch(self, tree: Tree | None, blocks: Mapping[str, BlockSpec]) -> tuple[PatchSpec, ...]:
        section = self.mapping(tree, "patch")
        if section is None:
            return ()
        specs: list[PatchSpec] = []
        for glob, body in section.entries.items():
            place = section.key_place(glob)
            if string(body) == "remove":
                body = Map({"remove": Leaf(True, body.place)}, body.place)
            actions = self.mapping(body, f"patch.{glob}")
            if actions is None:
                continue
            lists = {
                key: self.layers(as_list(actions.entries[key]), blocks, f"patch.{glob}.{key}")
                for key in ("insert_before", "insert_after", "replace")
                if key in actions.entries
            }
            remove = actions.get("remove")
            if remove is not None and not (isinstance(remove, Leaf) and remove.value is True):
                self.diagnostics.report("E215", f"'remove' takes true (got {describe(remove)})", remove.place)
            if remove is not None and "replace" in lists:
                self.diagnostics.report("E215", "a patch has 'remove' or 'replace', not both", place)
            args = {key: value for key, value in actions.entries.items() if key not in PATCH_ACTIONS}
            specs.append(
                PatchSpec(
                    glob,
                    Map(args, actions.place, actions.keys),
                    lists.get("insert_before", ()),
                    lists.get("insert_after", ()),
                    () if remove is not None else lists.get("replace"),
                    place,
                )
            )
        return tuple(specs)

    # --- layers ---

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
            model = self.nested_model(op, op_place)
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
        self.known_keys(spec.args, STRUCTURAL[op], f"'{op}'", noun="argument")
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
                section = self.mapping(paths, f"{where}.paths")
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
            known = (*OPS, *catalogue_names(), *blocks, *STRUCTURAL)
            hint = "inputs are declared under 'input' or 'inputs'" if op == "Input" else did_you_mean(op, known)
            self.diagnostics.report("E102", f"unknown op {op!r}", spec.op_place, hint=hint)
            return
        for key in spec.args.entries:
            if key not in found.model_fields:
                hint = did_you_mean(key, (*found.model_fields, *RESERVED))
                self.diagnostics.report("E104", f"{op!r} has no argument {key!r}", spec.args.key_place(key), hint=hint)

    def nested_model(self, op: str, place: Place) -> BlockSpec | None:
        """The block that another model file makes: its vars are the params."""
        if op in self.models:
            return self.models[op]
        if op in self.loading:
            self.diagnostics.report("E207", f"{op!r} contains itself", place)
            return None
        self.models[op] = None
        if len(self.loading) >= MAX_NESTING:
            self.diagnostics.report("E207", f"models name models more than {MAX_NESTING} deep", place)
            return None
        name = op.removeprefix(NESTED)
        put_in = self.put_in.get(name)
        tree = self.mapping(put_in, f"models.{name}") if put_in is not None else self.load_model(name, place)
        if tree is None:
            return None
        parser = _Parser(self.diagnostics, self.load_model, (*self.loading, op))
        parser.models, parser.put_in = self.models, self.put_in
        spec = parser.model(tree)
        params = {
            name: Param(name, "any", value, spec.variables.key_place(name))
            for name, value in spec.variables.entries.items()
        }
        inputs = tuple(item.name for item in spec.inputs) if len(spec.inputs) > 1 else ()
        self.models[op] = BlockSpec(
            op, params, inputs, spec.blocks, spec.layers, tree.place, spec.outputs, isolated=True, patch=spec.patch
        )
        return self.models[op]

    # --- form ---

    def mapping(self, tree: Tree | None, where: str) -> Map | None:
        if tree is None or (isinstance(tree, Leaf) and tree.value is None):
            return None
        if not isinstance(tree, Map):
            self.diagnostics.report("E114", f"{where!r} must be a mapping (got {describe(tree)})", tree.place)
            return None
        return tree

    def known_keys(self, tree: Map, known: tuple[str, ...], what: str, *, noun: str = "key") -> None:
        code = "E101" if noun == "key" else "E104"
        for key in tree.entries:
            if key not in known:
                hint = did_you_mean(key, known) or f"it has {', '.join(known)}"
                self.diagnostics.report(code, f"{what} has no {noun} {key!r}", tree.key_place(key), hint=hint)


def _unknown(tree: Map, where: str) -> LayerSpec:
    """The spec of an entry that has a fault: its name stays, so that references to it raise no second one."""
    keys = {"name": tree.entries["name"]} if "name" in tree.entries else {}
    return LayerSpec(None, None, keys, empty_map(tree.place), {}, tree.place, where, tree.place)
