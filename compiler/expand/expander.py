"""From layer specs to items: names, calls of blocks, structural ops, shared layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from compiler.errors import Diagnostics, did_you_mean
from compiler.expand.blocks import block_environment
from compiler.expand.copies import copies, switched_on
from compiler.expand.freeze import frozen
from compiler.expand.items import Item, Layer, Parallel, Reference, Sequence, TooManyLayers, walk
from compiler.expand.names import Names, base_name, key_of
from compiler.expand.patch import patched
from compiler.expand.references import block_output, sources
from compiler.expand.sharing import find, twin
from compiler.ops import OPS
from compiler.spec.environment import Environment, Unevaluated, compute
from compiler.spec.expression import is_expression
from compiler.spec.layers import STRUCTURAL, find_op, unknown_hint
from compiler.spec.located import Leaf, Map, plain
from compiler.spec.model import BlockSpec, LayerSpec, ModelSpec, PatchSpec, empty_map, string

MAX_CALLS = 50
"""Cap on calls of blocks inside one another."""


class Expander:
    """Carries what every step of an expansion needs: blocks in force, calls in progress, the count of layers."""

    def __init__(self, spec: ModelSpec, env: Environment, diagnostics: Diagnostics, max_layers: int) -> None:
        self.spec, self.variables, self.diagnostics, self.max_layers = spec, env, diagnostics, max_layers
        self.made = self.items = 0
        self.calls: list[str] = []
        self.home = ""  # the innermost block's name: nothing inside it sees what is outside
        self.by_name: dict[str, Item] = {}

    # --- lists ---

    def layers(
        self,
        specs: Iterable[LayerSpec],
        prefix: str,
        env: Environment,
        blocks: Mapping[str, BlockSpec],
        trail: tuple[str, ...],
        taken: Names | None = None,
    ) -> tuple[Item, ...]:
        """The items of one list. `taken` has the names that are used in it already."""
        names = taken if taken is not None else Names()
        items: list[Item] = []
        for spec in specs:
            try:
                item = self.entry(spec, prefix, env, blocks, trail, names)
            except Unevaluated:
                item = self.stand_in(spec, prefix, trail, names)
            if item is not None:
                items.append(item)
                self.by_name[item.name] = item
        return tuple(items)

    def entry(
        self,
        spec: LayerSpec,
        prefix: str,
        env: Environment,
        blocks: Mapping[str, BlockSpec],
        trail: tuple[str, ...],
        taken: Names,
    ) -> Item | None:
        """One entry of a list with all its copies, or None where it is switched off."""
        environments = copies(spec, env, self.diagnostics, trail, self.max_layers)
        repeated = "repeat" in spec.keys or "each" in spec.keys
        if not repeated and not switched_on(spec, env, self.diagnostics, trail):
            if "name" not in spec.keys and not is_expression(spec.op):
                taken.take(taken.free(base_name(spec)))  # so that the names behind it do not depend on `when`
            return None
        key = key_of(spec, env, taken, lambda key: self.by_name.get(f"{prefix}{key}"), self.diagnostics, trail)
        name = f"{prefix}{key}"
        try:
            if not repeated:
                return self.one(spec, name, env, blocks, trail)
            return self.copies(spec, name, environments, blocks, trail)
        except Unevaluated:
            return Layer(name, None, empty_map(spec.op_place), None, spec.op_place, trail)

    def copies(
        self,
        spec: LayerSpec,
        name: str,
        environments: Iterable[Environment],
        blocks: Mapping[str, BlockSpec],
        trail: tuple[str, ...],
    ) -> Item | None:
        """What `repeat` or `each` makes of an entry; None for no copy."""
        items: list[Item] = []
        for index, copy_env in enumerate(environments):
            if not switched_on(spec, copy_env, self.diagnostics, trail):
                self.count(spec, layers=0)
                continue
            copy = replace(spec, label=f"{spec.label} copy {index}") if index else spec
            item = self.one(copy, f"{name}.{index}", copy_env, blocks, trail)
            self.by_name[item.name] = item
            items.append(item)
        return Sequence(name, tuple(items), None, spec.op_place, trail) if items else None

    def stand_in(self, spec: LayerSpec, prefix: str, trail: tuple[str, ...], taken: Names) -> Layer:
        """A layer for an entry that has a fault, so that what comes after it raises no second one."""
        name = string(spec.keys.get("name") or empty_map(spec.op_place))
        key = name if name is not None and name not in taken else taken.free(base_name(spec))
        taken.take(key)
        return Layer(f"{prefix}{key}", None, empty_map(spec.op_place), None, spec.op_place, trail)

    def count(self, spec: LayerSpec, layers: int = 1, items: int = 1) -> None:
        """Count what is made: layers by the user's cap, and all else (blocks, copies, sequences) by one well above."""
        self.made += layers
        self.items += items
        if self.made > self.max_layers or self.items > 2 * self.max_layers + 10_000:
            place = spec.keys["repeat"].place if "repeat" in spec.keys else spec.op_place
            self.diagnostics.report(
                "E209",
                f"the model expands to more than {self.max_layers:,} layers",
                place,
                hint="limits.layers raises the cap",
            )
            raise TooManyLayers

    # --- one entry ---

    def one(
        self,
        spec: LayerSpec,
        name: str,
        env: Environment,
        blocks: Mapping[str, BlockSpec],
        trail: tuple[str, ...],
    ) -> Item:
        """One copy of an entry, under its full name."""
        self.count(spec, layers=0)
        source = sources(spec, env, self.diagnostics, trail)
        if spec.share is not None:
            return self.shared(spec, name, source, env, trail)
        op = spec.op
        if op is not None and is_expression(op):
            op = self.computed_op(spec, env, blocks, trail)
        if op is not None and op in STRUCTURAL:
            return self.structural(spec, op, name, source, env, blocks, trail)
        block = (blocks.get(op) or self.spec.models.get(op)) if op is not None else None
        if block is not None:
            return self.call(spec, block, name, source, env, trail)
        self.count(spec, items=0)
        if op is not None and (find_op(op) is None or op == "Input"):
            op = None  # reported when the spec was parsed
        try:
            args = compute(spec.args, env, self.diagnostics, trail)
        except Unevaluated:
            op, args = None, spec.args
        assert isinstance(args, Map)
        return Layer(name, op, args, source, spec.op_place, trail)

    def computed_op(
        self, spec: LayerSpec, env: Environment, blocks: Mapping[str, BlockSpec], trail: tuple[str, ...]
    ) -> str | None:
        tree = compute(Leaf(spec.op, spec.op_place), env, self.diagnostics, trail)
        op = string(tree)
        notes = tree.notes if isinstance(tree, Leaf) else ()
        if op is None or (op not in blocks and op not in STRUCTURAL and find_op(op) is None):
            hint = unknown_hint(op, (*OPS, *blocks)) if op else None
            self.diagnostics.report(
                "E102", f"unknown op {plain(tree)!r}", tree.place, hint=hint, trail=trail, notes=notes
            )
            return None
        if op in STRUCTURAL:
            self.diagnostics.report(
                "E102", f"{op!r} cannot be named by an expression", tree.place, trail=trail, notes=notes
            )
            return None
        return op

    def structural(
        self,
        spec: LayerSpec,
        op: str,
        name: str,
        source: tuple[Reference, ...] | None,
        env: Environment,
        blocks: Mapping[str, BlockSpec],
        trail: tuple[str, ...],
    ) -> Item:
        inside = (*trail, spec.label)

        def path(key: str, where: str, taken: Names | None = None) -> Sequence:
            items = self.layers(spec.bodies.get(key, ()), f"{where}.", env, blocks, inside, taken)
            return Sequence(where, items, None, spec.op_place, inside)

        if op == "sequence":
            return replace(path("layers", name), source=source)
        if op == "residual":
            # the main path's layers stand directly under the residual's name
            paths = (path("layers", name, Names(("shortcut", "merge"))), path("shortcut", f"{name}.shortcut"))
        else:
            paths = tuple(path(key, f"{name}.{key}") for key in spec.bodies)
        merge = self.merge(spec, f"{name}.merge", env, inside, default="Add" if op == "residual" else "Concatenate")
        merge = replace(merge, merge=True, residual=op == "residual")
        return Parallel(name, paths, merge, source, spec.op_place, trail)

    def merge(self, spec: LayerSpec, name: str, env: Environment, trail: tuple[str, ...], default: str) -> Layer:
        self.count(spec)
        tree = spec.args.get("merge")
        if tree is None:
            return Layer(name, default, empty_map(spec.op_place), None, spec.op_place, trail[:-1])
        value = compute(tree, env, self.diagnostics, trail)
        arguments = value.entries if isinstance(value, Map) else {"op": value}
        op_tree = arguments.get("op")
        op = string(op_tree) if op_tree is not None else None
        found = OPS.get(op) if op else None
        if found is None or not found.merges():
            merges = sorted(name for name, cls in OPS.items() if cls.arity == "many")
            hint = (did_you_mean(op, merges) if op else None) or f"one of {', '.join(merges)}"
            self.diagnostics.report(
                "E102", f"unknown merge {op or plain(value)!r}", value.place, hint=hint, trail=trail
            )
            op = None
        rest = {key: item for key, item in arguments.items() if key != "op"}
        located = Map(rest, value.place, value.keys) if isinstance(value, Map) else empty_map(value.place)
        return Layer(name, op, located, None, value.place, trail[:-1])

    def call(
        self,
        spec: LayerSpec,
        block: BlockSpec,
        name: str,
        source: tuple[Reference, ...] | None,
        env: Environment,
        trail: tuple[str, ...],
    ) -> Item:
        inside = trail or (spec.label,)  # inside a block its name says enough
        if len(self.calls) >= MAX_CALLS:
            message = f"blocks call blocks more than {MAX_CALLS} deep"
            self.diagnostics.report("E209", message, spec.op_place, trail=trail)
            raise Unevaluated
        if block.name in self.calls:
            loop = " -> ".join((*self.calls[self.calls.index(block.name) :], block.name))
            self.diagnostics.report(
                "E207", f"block {block.name!r} contains itself ({loop})", spec.op_place, trail=trail
            )
            raise Unevaluated
        inner = block_environment(spec, block, env, self.variables, self.diagnostics, inside)
        within = (*inside, f"block {block.name!r}")
        self.calls.append(block.name)
        outside = self.home, self.variables
        self.home, self.variables = name, inner if block.isolated else self.variables
        try:
            items = self.layers(block.layers, f"{name}.", inner, block.blocks, within, Names(block.inputs))
            output = block_output(block, inner, self.diagnostics, within)
            made = Sequence(name, items, source, spec.op_place, trail, block.inputs, closed=True, output=output)
            made = self.patched(made, block.patch, inner, block.blocks)
            return frozen(made, block.freeze, inner, self.diagnostics)
        finally:
            self.calls.pop()
            self.home, self.variables = outside

    def shared(
        self,
        spec: LayerSpec,
        name: str,
        source: tuple[Reference, ...] | None,
        env: Environment,
        trail: tuple[str, ...],
    ) -> Item:
        """The items of an earlier layer or block again, each sharing the weights of its twin."""
        assert spec.share is not None
        tree = compute(spec.share, env, self.diagnostics, trail)
        wanted = string(tree)
        found = find(wanted, name, self.home, self.by_name) if wanted is not None else None
        if found is None:
            faulty = [item.name for item in self.by_name.values() if isinstance(item, Layer) and item.op is None]
            if any(f".{wanted}".startswith(f".{fault}.") for fault in faulty):
                raise Unevaluated  # inside of something whose own fault is reported
            start = f"{self.home}." if self.home else ""
            here = [known.removeprefix(start) for known in self.by_name if known.startswith(start)]
            hint = did_you_mean(wanted, here) if wanted else None
            self.diagnostics.report(
                "E301", f"'share' names no earlier layer or block: {plain(tree)!r}", tree.place, hint=hint, trail=trail
            )
            raise Unevaluated
        items = list(walk(found))
        self.count(spec, sum(isinstance(item, Layer) for item in items), len(items))
        made = twin(found, name, spec.op_place, trail, spec.label)
        for item in reversed(list(walk(made))):  # a residual after its main path, which has its name
            self.by_name[item.name] = item
        return replace(made, source=source)

    def patched(
        self, body: Sequence, patches: tuple[PatchSpec, ...], env: Environment, blocks: Mapping[str, BlockSpec]
    ) -> Sequence:
        def made(specs: tuple[LayerSpec, ...], prefix: str, trail: tuple[str, ...], taken: Names) -> tuple[Item, ...]:
            return self.layers(specs, prefix, env, blocks, trail, taken)

        return patched(body, patches, made, env, self.diagnostics)
