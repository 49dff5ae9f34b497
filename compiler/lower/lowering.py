"""Lowering: the expanded tree -> a `Graph`. Every `from` becomes an edge; names become the nodes' names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler.errors import Diagnostics
from compiler.expand import Expanded, Item, Layer, Parallel, Sequence
from compiler.ir import Operand, Output
from compiler.lower.references import References, Scope, Unresolved
from compiler.spec.located import Map


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


def lower(model: Expanded, diagnostics: Diagnostics) -> Lowered:
    """Wire up a model. Faults go to `diagnostics`; a layer whose inputs have one is left without inputs."""
    return _Lowering(model, diagnostics).run()


class _Lowering:
    def __init__(self, model: Expanded, diagnostics: Diagnostics) -> None:
        self.model, self.diagnostics = model, diagnostics
        self.references = References(model, diagnostics)
        self.wired: list[Wired] = []

    def run(self) -> Lowered:
        inputs = {layer.name: layer.name for layer in self.model.inputs}
        for layer in self.model.inputs:
            self.wired.append(Wired(layer, ()))
        only = self.model.inputs[0].name if len(inputs) == 1 else None
        scope = Scope("", None, only, inputs)
        last = self.items(self.model.body.items, scope, only)
        outputs = self.outputs(scope, last)
        if outputs is not None:
            self.unreachable(outputs)
        return Lowered(tuple(self.wired), outputs or ())

    # --- items ---

    def items(self, items: tuple[Item, ...], scope: Scope, previous: str | None) -> str | None:
        """Lower a list; gives the node of its last item. None stands for a result that has a fault."""
        for item in items:
            try:
                previous = self.item(item, scope, previous)
            except Unresolved:
                previous = None
                self.references.results[item.name] = None
        return previous

    def item(self, item: Item, scope: Scope, previous: str | None) -> str | None:
        sources = self.references.sources(item, scope, previous)
        self.take(item, sources)
        self.references.open.append(item.name)
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
            self.references.open.pop()
        self.references.results[item.name] = result
        return result

    def take(self, item: Item, sources: tuple[Operand, ...]) -> None:
        """Count the edges, and see that what takes one tensor is given it without a name."""
        self.references.spend(len(sources), item.place)
        named = [source.argument for source in sources if source.argument]
        if named and not isinstance(item, Layer) and not (isinstance(item, Sequence) and item.inputs):
            message = f"one tensor enters here, without a name (got {', '.join(named)})"
            self.diagnostics.report("E306", message, item.place, hint="from: NAME", trail=item.trail)
            raise Unresolved

    def layer(self, item: Layer, sources: tuple[Operand, ...]) -> str:
        original = self.references.layers.get(item.shares) if item.shares else None
        if item.shares and original is None:
            message = f"{item.name!r} shares the weights of {item.shares!r}, which a patch took away"
            self.diagnostics.report("E309", message, item.place, hint="patch both", trail=item.trail)
            raise Unresolved
        if original is not None and original.args is not item.args:  # a patch may have changed the original
            item = replace(item, op=original.op, args=original.args)
        self.wired.append(Wired(item, sources))
        return item.name

    def parallel(self, item: Parallel, scope: Scope, entering: str | None) -> str:
        ends: list[Operand] = []
        for path in item.paths:
            # a residual's main path stands under the residual's own name
            prefix = path.name
            inner = Scope(prefix, scope, scope.entering, scope.named)
            end = self.items(path.items, inner, entering)
            if path.name != item.name:
                self.references.results[path.name] = end
            if end is not None:
                ends.append(Operand(end))
        whole = len(ends) == len(item.paths)
        self.wired.append(Wired(item.merge, tuple(ends) if whole else ()))
        self.references.results[item.merge.name] = item.merge.name
        return item.merge.name

    def block(self, item: Sequence, sources: tuple[Operand, ...]) -> str | None:
        if item.inputs:
            named = self.fill(item, sources)
            only = next(iter(named.values())) if len(named) == 1 else None
            scope = Scope(item.name, None, only, named)
            end = self.items(item.items, scope, only)
            if not item.items and only is None:
                message = "this block has several inputs and no layers, so it has no output"
                self.diagnostics.report("E308", message, item.place, trail=item.trail)
        else:
            entering = self.single(item, sources)
            scope = Scope(item.name, None, entering, {})
            end = self.items(item.items, scope, entering)
        return end if item.output is None else self.references.resolve_one(item.output, scope, end, item.trail)

    def fill(self, item: Sequence, sources: tuple[Operand, ...]) -> dict[str, str]:
        """A block's named inputs, filled in order or by name."""
        if not sources:
            raise Unresolved  # reported where it was lost
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
            raise Unresolved
        return given

    def sequence(self, item: Sequence, scope: Scope, sources: tuple[Operand, ...]) -> str | None:
        # the copies of a repeat resolve their own `from`, so only a first item without one needs what enters
        entering = sources[0].node if len(sources) == 1 else None
        if len(sources) > 1:
            self.single(item, sources)
        return self.items(item.items, Scope(item.name, scope, scope.entering, scope.named), entering)

    def single(self, item: Item, sources: tuple[Operand, ...]) -> str | None:
        if len(sources) > 1:
            self.diagnostics.report(
                "E306", f"one tensor enters here, but 'from' names {len(sources)}", item.place, trail=item.trail
            )
            raise Unresolved
        return sources[0].node if sources else None

    # --- the end ---

    def outputs(self, scope: Scope, last: str | None) -> tuple[Output, ...] | None:
        """The model's outputs; None where one has a fault."""
        if not self.model.outputs:
            if not self.model.body.items and not self.diagnostics.has_errors:
                self.diagnostics.report("E308", "the model has no layers, so it has no output", self.model.body.place)
            return (Output(last),) if last is not None else None
        outputs: list[Output] = []
        for key, reference in self.model.outputs:
            try:
                outputs += [Output(node, key) for node in self.references.resolve(reference, scope, last, None)]
            except Unresolved:
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
