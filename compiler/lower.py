"""Lowering: the expanded tree -> a `Graph`. Every `from` becomes an edge; names become the nodes' names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from compiler.errors import Diagnostics, Place, did_you_mean
from compiler.expand import Expanded, Item, Layer, Parallel, Reference, Sequence, walk
from compiler.ir import Operand, Output
from compiler.spec.located import Map

MAX_HINTS = 20
"""Faults after which no near name is looked for."""

MAX_EDGES = 1_000_000
"""Cap on edges and on the names that globs look through, so that no glob can eat the machine."""


@dataclass(frozen=True, slots=True)
class Wired:
    """A layer with the nodes that enter it; its arguments are still located, for `check`."""

    layer: Layer
    inputs: tuple[Operand, ...]

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def args(self) -> Map:
        return self.layer.args


@dataclass(frozen=True, slots=True)
class Lowered:
    """All layers in topological order, and what the model gives."""

    layers: tuple[Wired, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean at a place: the prefix to look under, the scope around, and what entered."""

    prefix: str
    outer: _Scope | None
    entering: str | None
    named: Mapping[str, str]  # inputs of the enclosing block or model, by name


class _Unresolved(Exception):
    """A reference has a fault, which is in the diagnostics already."""


def lower(model: Expanded, diagnostics: Diagnostics) -> Lowered:
    """Wire up a model. Faults go to `diagnostics`; a layer whose inputs have one is left without inputs."""
    return _Lowering(model, diagnostics).run()


class _Lowering:
    def __init__(self, model: Expanded, diagnostics: Diagnostics) -> None:
        self.model, self.diagnostics = model, diagnostics
        self.results: dict[str, str | None] = {}  # item's full name -> node that gives its output
        self.open: list[str] = []  # items whose inside is being lowered
        self.wired: list[Wired] = []
        self.left = MAX_EDGES
        self.all_names = [item.name for item in walk(model.body) if item.name]
        self.known = set(self.all_names)
        self.faulty = [layer.name for layer in walk(model.body) if isinstance(layer, Layer) and layer.op is None]
        self.layers_by_name = {item.name: item for item in walk(model.body) if isinstance(item, Layer)}

    def run(self) -> Lowered:
        inputs = {layer.name: layer.name for layer in self.model.inputs}
        for layer in self.model.inputs:
            self.wired.append(Wired(layer, ()))
        only = self.model.inputs[0].name if len(inputs) == 1 else None
        scope = _Scope("", None, only, inputs)
        last = self.items(self.model.body.items, scope, only)
        outputs = self.outputs(scope, last)
        if outputs is not None:
            self.unreachable(outputs)
        return Lowered(tuple(self.wired), outputs or ())

    # --- items ---

    def items(self, items: tuple[Item, ...], scope: _Scope, previous: str | None) -> str | None:
        """Lower a list; gives the node of its last item. None stands for a result that has a fault."""
        for item in items:
            try:
                previous = self.item(item, scope, previous)
            except _Unresolved:
                previous = None
                self.results[item.name] = None
        return previous

    def item(self, item: Item, scope: _Scope, previous: str | None) -> str | None:
        sources = self.sources(item, scope, previous)
        self.take(item, sources)
        self.open.append(item.name)
        try:
            if isinstance(item, Layer):
                result = self.layer(item, sources)
            elif isinstance(item, Parallel):
                result = self.parallel(item, scope, self.single(item, sources))
            elif item.closed:
                result = self.block(item, sources)
            else:
                result = self.sequence(item, scope, sources)
        finally:
            self.open.pop()
        self.results[item.name] = result
        return result

    def take(self, item: Item, sources: tuple[Operand, ...]) -> None:
        """Count the edges, and see that what takes one tensor is given it without a name."""
        self.spend(len(sources), item.place)
        named = [source.argument for source in sources if source.argument]
        if named and not isinstance(item, Layer) and not (isinstance(item, Sequence) and item.inputs):
            message = f"one tensor enters here, without a name (got {', '.join(named)})"
            self.diagnostics.report("E306", message, item.place, hint="from: NAME", trail=item.trail)
            raise _Unresolved

    def spend(self, steps: int, place: Place) -> None:
        """Refuse what a few globs over many layers would make of them."""
        self.left -= steps
        if self.left < 0:
            message = f"the references of this model mean more than {MAX_EDGES:,} layers in all"
            if self.left + steps >= 0:
                self.diagnostics.report("E209", message, place, hint="name fewer layers by globs")
            raise _Unresolved

    def layer(self, item: Layer, sources: tuple[Operand, ...]) -> str:
        original = self.layers_by_name.get(item.shares) if item.shares else None
        if item.shares and original is None:
            message = f"{item.name!r} shares the weights of {item.shares!r}, which a patch took away"
            self.diagnostics.report("E309", message, item.place, hint="patch both", trail=item.trail)
            raise _Unresolved
        if original is not None and original.args is not item.args:  # a patch may have changed the original
            item = replace(item, op=original.op, args=original.args)
        self.wired.append(Wired(item, sources))
        return item.name

    def parallel(self, item: Parallel, scope: _Scope, entering: str | None) -> str:
        ends: list[Operand] = []
        for path in item.paths:
            # a residual's main path stands under the residual's own name
            prefix = path.name
            inner = _Scope(prefix, scope, scope.entering, scope.named)
            end = self.items(path.items, inner, entering)
            if path.name != item.name:
                self.results[path.name] = end
            if end is not None:
                ends.append(Operand(end))
        whole = len(ends) == len(item.paths)
        self.wired.append(Wired(item.merge, tuple(ends) if whole else ()))
        self.results[item.merge.name] = item.merge.name
        return item.merge.name

    def block(self, item: Sequence, sources: tuple[Operand, ...]) -> str | None:
        if item.inputs:
            named = self.fill(item, sources)
            only = next(iter(named.values())) if len(named) == 1 else None
            scope = _Scope(item.name, None, only, named)
            end = self.items(item.items, scope, only)
            if not item.items and only is None:
                message = "this block has several inputs and no layers, so it has no output"
                self.diagnostics.report("E308", message, item.place, trail=item.trail)
        else:
            entering = self.single(item, sources)
            scope = _Scope(item.name, None, entering, {})
            end = self.items(item.items, scope, entering)
        return end if item.output is None else self.resolve_one(item.output, scope, end, item.trail)

    def fill(self, item: Sequence, sources: tuple[Operand, ...]) -> dict[str, str]:
        """A block's named inputs, filled in order or by name."""
        if not sources:
            raise _Unresolved  # reported where it was lost
        given = {source.argument or name: source.node for source, name in zip(sources, item.inputs, strict=False)}
        if len(sources) != len(item.inputs) or set(given) != set(item.inputs):
            names = ", ".join(item.inputs)
            self.diagnostics.report(
                "E306",
                f"this block takes {len(item.inputs)} inputs ({names}), and {_enter(len(sources))}",
                item.place,
                hint=f"from: [{', '.join(['NAME'] * len(item.inputs))}]",
                trail=item.trail,
            )
            raise _Unresolved
        return given

    def sequence(self, item: Sequence, scope: _Scope, sources: tuple[Operand, ...]) -> str | None:
        # the copies of a repeat resolve their own `from`, so only a first item without one needs what enters
        entering = sources[0].node if len(sources) == 1 else None
        if len(sources) > 1:
            self.single(item, sources)
        return self.items(item.items, _Scope(item.name, scope, scope.entering, scope.named), entering)

    def single(self, item: Item, sources: tuple[Operand, ...]) -> str | None:
        if len(sources) > 1:
            self.diagnostics.report(
                "E306", f"one tensor enters here, but 'from' names {len(sources)}", item.place, trail=item.trail
            )
            raise _Unresolved
        return sources[0].node if sources else None

    # --- references ---

    def sources(self, item: Item, scope: _Scope, previous: str | None) -> tuple[Operand, ...]:
        if item.source is None:
            if previous is not None:
                return (Operand(previous),)
            # a sequence leaves it to its first item to say
            if (not isinstance(item, Sequence) or item.closed) and self.starts_nowhere(scope):
                self.ambiguous("this does not say which it takes", item.place, scope, item.trail)
            return ()
        operands: list[Operand] = []
        for reference in item.source:
            for node in self.resolve(reference, scope, previous, item):
                operands.append(Operand(node, reference.slot))
        return tuple(operands)

    def starts_nowhere(self, scope: _Scope) -> bool:
        """Whether nothing can come before: the first item of a block or model with several inputs."""
        at = scope
        while at.outer is not None:
            at = at.outer
        start = f"{at.prefix}." if at.prefix else ""
        return len(at.named) > 1 and not any(name.startswith(start) for name in self.results)

    def ambiguous(self, reason: str, place: Place, scope: _Scope, trail: tuple[str, ...]) -> None:
        message = f"several inputs enter ({', '.join(scope.named)}), and {reason}"
        self.diagnostics.report("E307", message, place, hint=f"from: {next(iter(scope.named))}", trail=trail)

    def resolve_one(
        self, reference: Reference, scope: _Scope, previous: str | None, trail: tuple[str, ...]
    ) -> str | None:
        nodes = self.resolve(reference, scope, previous, None, trail)
        return nodes[0] if nodes else None

    def resolve(
        self, reference: Reference, scope: _Scope, previous: str | None, item: Item | None, trail: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """The nodes that a reference means: one, or several where it is a glob.

        Raises:
            _Unresolved: it means none; the fault is reported, unless it is another's.
        """
        text = reference.text
        trail = item.trail if item is not None else trail
        if text == "prev":
            if previous is None:
                if self.starts_nowhere(scope):
                    self.ambiguous("no layer comes before this one", reference.place, scope, trail)
                raise _Unresolved
            return (previous,)
        if text in scope.named:
            return (scope.named[text],)
        if text == "input":
            return (self.entering(reference, scope, trail),)
        if "*" in text:
            self.spend(len(self.results), reference.place)
        at: _Scope | None = scope
        while at is not None:
            full = f"{at.prefix}.{text}" if at.prefix else text
            found = self.lookup(full)
            if found is not None:
                if None in found:
                    raise _Unresolved
                return tuple(node for node in found if node is not None)
            at = at.outer
        self.dangling(reference, scope, item, trail)
        raise _Unresolved

    def entering(self, reference: Reference, scope: _Scope, trail: tuple[str, ...]) -> str:
        if scope.entering is not None:
            return scope.entering
        if len(scope.named) > 1:
            names = ", ".join(scope.named)
            self.diagnostics.report(
                "E307", f"'input' is ambiguous: several enter ({names})", reference.place, trail=trail
            )
        raise _Unresolved

    def lookup(self, full: str) -> tuple[str | None, ...] | None:
        if "*" not in full:
            return (self.results[full],) if full in self.results and full not in self.open else None
        pattern = re.compile(re.escape(full).replace(r"\*", r"[^.]+"))
        found = tuple(node for name, node in self.results.items() if pattern.fullmatch(name) and name not in self.open)
        return found or None

    def dangling(self, reference: Reference, scope: _Scope, item: Item | None, trail: tuple[str, ...]) -> None:
        """Say why a name means nothing here: it is the layer's own, comes later, or does not exist."""
        text, at = reference.text, scope
        candidates: list[str] = []
        while at is not None:
            full = f"{at.prefix}.{text}" if at.prefix else text
            if any(full.startswith(f"{name}.") for name in self.faulty):
                return  # inside of something whose own fault is reported
            if full in self.open or (item is not None and full == item.name):
                self.diagnostics.report("E303", f"{text!r} cannot take its own output", reference.place, trail=trail)
                return
            if full in self.known:
                self.diagnostics.report(
                    "E302", f"{text!r} comes later: a layer takes what stands before it", reference.place,
                    hint="move it up, or build the loop as a recurrent layer", trail=trail,
                )  # fmt: skip
                return
            start = f"{at.prefix}." if at.prefix else ""
            candidates += [name.removeprefix(start) for name in self.results if name.startswith(start)]
            at = at.outer
        few = len(self.diagnostics.faults) < MAX_HINTS  # looking for a near one takes long where there are many names
        hint = did_you_mean(text, [*candidates, *scope.named, "prev", "input"]) if few else None
        if text in self.results or text in self.layers_by_name:
            hint = f"{text!r} stands outside of this block, which sees only what enters: add it to the block's 'inputs'"
        elif hint is None and re.fullmatch(r"-?\d+", text):
            hint = "references go by name, never by index"
        self.diagnostics.report(
            "E301", f"no layer {text!r} stands before this one", reference.place, hint=hint, trail=trail
        )

    # --- the end ---

    def outputs(self, scope: _Scope, last: str | None) -> tuple[Output, ...] | None:
        """The model's outputs; None where one has a fault."""
        if not self.model.outputs:
            if not self.model.body.items and not self.diagnostics.has_errors:
                self.diagnostics.report("E308", "the model has no layers, so it has no output", self.model.body.place)
            return (Output(last),) if last is not None else None
        outputs: list[Output] = []
        for key, reference in self.model.outputs:
            try:
                outputs += [Output(node, key) for node in self.resolve(reference, scope, last, None)]
            except _Unresolved:
                return None
        return tuple(outputs)

    def unreachable(self, outputs: tuple[Output, ...]) -> None:
        """Report the ends of what leads to no output."""
        if self.diagnostics.has_errors:
            return  # a faulty reference makes layers look unused
        used = {operand.node for wired in self.wired for operand in wired.inputs} | {out.node for out in outputs}
        for wired in self.wired:
            if wired.name not in used:
                what = "input" if wired.layer.op == "Input" else "layer"
                self.diagnostics.report(
                    "E304", f"{what} {wired.name!r} leads to no output", wired.layer.place,
                    hint="take it by 'from' somewhere, name it under 'outputs', or remove it", trail=wired.layer.trail,
                )  # fmt: skip


def _enter(count: int) -> str:
    return "one enters" if count == 1 else f"{count or 'none'} enter"
