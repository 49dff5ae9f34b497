"""Located tree -> `ModelSpec`: the form of a model file, every fault of form collected."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace

from compiler.errors import ConfigError, Diagnostics, Fault, Place
from compiler.ops import REFUSED
from compiler.spec.form import as_list, has, implied, known_keys, mapping, meant, said
from compiler.spec.layers import STRUCTURAL, LayerParser, find_op
from compiler.spec.located import Leaf, Map, Seq, Tree, plain
from compiler.spec.model import (
    BLOCK_KEYS,
    NESTED,
    PARAM_TYPES,
    RESERVED,
    SECTIONS,
    BlockSpec,
    InputSpec,
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


def parse_model(tree: Map, diagnostics: Diagnostics, load_model: LoadModel) -> ModelSpec:
    """The spec of a whole model file. Faults go to `diagnostics`; what has none is parsed all the same."""
    return _Parser(diagnostics, load_model).model(tree)


MAX_NESTING = 20
"""Cap on model files inside one another."""

PATCH_ACTIONS = ("insert_before", "insert_after", "replace", "remove")


class _Parser:
    def __init__(self, diagnostics: Diagnostics, load_model: LoadModel, loading: tuple[str, ...] = ()) -> None:
        self.diagnostics, self.load_model, self.loading = diagnostics, load_model, loading
        self.layers = LayerParser(diagnostics, self.nested_model).layers
        self.models: dict[str, BlockSpec | None] = {}
        self.put_in: Mapping[str, Tree] = {}  # other model files, by name, under `models` of the one that is parsed

    # --- sections ---

    def model(self, tree: Map) -> ModelSpec:
        known_keys(tree, SECTIONS, "a model file", self.diagnostics)
        models = mapping(tree.get("models"), "models", self.diagnostics)
        self.put_in = {**self.put_in, **(models.entries if models else {})}
        if not has(tree, "layers", SECTIONS):
            self.diagnostics.report("E116", "the model has no 'layers'", tree.place)
        blocks = self.blocks(tree.get("blocks"), {})
        return ModelSpec(
            inputs=self.inputs(tree),
            variables=mapping(tree.get("vars"), "vars", self.diagnostics) or empty_map(tree.place),
            blocks=blocks,
            layers=self.layers(tree.get("layers"), blocks, "layers"),
            outputs=tree.get("outputs"),
            patch=self.patch(tree.get("patch"), blocks),
            freeze=said(tree.get("freeze")),
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
            section = mapping(many, "inputs", self.diagnostics) or empty_map(many.place)
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
        section = mapping(tree, "blocks", self.diagnostics)
        if section is None:
            return outer
        # names first, so that blocks see each other whatever their order; the chain is a live view
        found = ChainMap[str, BlockSpec]({}, dict(outer) if not isinstance(outer, ChainMap) else outer)
        bodies: dict[str, Map] = {}
        for name, body in section.entries.items():
            place = section.key_place(name)
            if name in STRUCTURAL or find_op(name) is not None or name in REFUSED:
                self.diagnostics.report("E211", f"block {name!r} has the name of an op", place)
            body_map = mapping(body, f"blocks.{name}", self.diagnostics)
            if body_map is None:
                continue
            bodies[name] = body_map
            found[name] = BlockSpec(name, self.params(body_map, name), self.block_inputs(body_map), {}, (), place)
        for name, body_map in bodies.items():
            known_keys(body_map, BLOCK_KEYS, f"block {name!r}", self.diagnostics)
            inner = self.blocks(body_map.get("blocks"), found)
            if not has(body_map, "layers", BLOCK_KEYS):
                self.diagnostics.report("E116", f"block {name!r} has no 'layers'", found[name].place)
            layers = self.layers(body_map.get("layers"), inner, f"blocks.{name}.layers")
            found[name] = replace(found[name], blocks=inner, layers=layers, output=body_map.get("output"))
        return found

    def params(self, body: Map, block: str) -> Mapping[str, Param]:
        section = mapping(body.get("params"), f"blocks.{block}.params", self.diagnostics) or empty_map(body.place)
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
        section = mapping(tree, "patch", self.diagnostics)
        if section is None:
            return ()
        specs: list[PatchSpec] = []
        for glob, body in section.entries.items():
            place = section.key_place(glob)
            if string(body) == "remove":
                body = Map({"remove": Leaf(True, body.place)}, body.place)
            actions = mapping(body, f"patch.{glob}", self.diagnostics)
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
        tree = (
            mapping(put_in, f"models.{name}", self.diagnostics) if put_in is not None else self.load_model(name, place)
        )
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
            op, params, inputs, spec.blocks, spec.layers, tree.place, spec.outputs,
            isolated=True, patch=spec.patch, freeze=spec.freeze,
        )  # fmt: skip
        return self.models[op]
