"""What `from` means while a model is lowered: names, globs, `prev` and `input`, and why one means nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.errors import Diagnostics, Place, did_you_mean
from compiler.expand import Expanded, Item, Layer, Reference, Sequence, walk
from compiler.ir import Operand

MAX_HINTS = 20
"""Faults after which no near name is looked for."""

MAX_EDGES = 1_000_000
"""Cap on edges and on the names that globs look through, so that no glob can eat the machine."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean at a place: the prefix to look under, the scope around, and what entered."""

    prefix: str
    outer: Scope | None
    entering: str | None
    named: Mapping[str, str]  # inputs of the enclosing block or model, by name


class Unresolved(Exception):
    """A reference has a fault, which is in the diagnostics already."""


class References:
    """Resolves references against what is lowered so far.

    Attributes:
        results: the node that gives each item's output, by the item's full name; None where it has a fault.
        open: items whose inside is being lowered.
        layers: all of the model, by full name.
    """

    def __init__(self, model: Expanded, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.results: dict[str, str | None] = {}
        self.open: list[str] = []
        self.layers = {item.name: item for item in walk(model.body) if isinstance(item, Layer)}
        self.left = MAX_EDGES
        self.known = {item.name for item in walk(model.body) if item.name}
        self.faulty = [layer.name for layer in walk(model.body) if isinstance(layer, Layer) and layer.op is None]

    def sources(self, item: Item, scope: Scope, previous: str | None) -> tuple[Operand, ...]:
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

    def starts_nowhere(self, scope: Scope) -> bool:
        """Whether nothing can come before: the first item of a block or model with several inputs."""
        at = scope
        while at.outer is not None:
            at = at.outer
        start = f"{at.prefix}." if at.prefix else ""
        return len(at.named) > 1 and not any(name.startswith(start) for name in self.results)

    def ambiguous(self, reason: str, place: Place, scope: Scope, trail: tuple[str, ...]) -> None:
        message = f"several inputs enter ({', '.join(scope.named)}), and {reason}"
        self.diagnostics.report("E307", message, place, hint=f"from: {next(iter(scope.named))}", trail=trail)

    def resolve_one(
        self, reference: Reference, scope: Scope, previous: str | None, trail: tuple[str, ...]
    ) -> str | None:
        nodes = self.resolve(reference, scope, previous, None, trail)
        return nodes[0] if nodes else None

    def resolve(
        self, reference: Reference, scope: Scope, previous: str | None, item: Item | None, trail: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """The nodes that a reference means: one, or several where it is a glob.

        Raises:
            Unresolved: it means none; the fault is reported, unless it is another's.
        """
        text = reference.text
        trail = item.trail if item is not None else trail
        if text == "prev":
            if previous is None:
                if self.starts_nowhere(scope):
                    self.ambiguous("no layer comes before this one", reference.place, scope, trail)
                raise Unresolved
            return (previous,)
        if text in scope.named:
            return (scope.named[text],)
        if text == "input":
            return (self.entering(reference, scope, trail),)
        if "*" in text:
            self.spend(len(self.results), reference.place)
        at: Scope | None = scope
        while at is not None:
            full = f"{at.prefix}.{text}" if at.prefix else text
            found = self.lookup(full)
            if found is not None:
                if None in found:
                    raise Unresolved
                return tuple(node for node in found if node is not None)
            at = at.outer
        self.dangling(reference, scope, item, trail)
        raise Unresolved

    def entering(self, reference: Reference, scope: Scope, trail: tuple[str, ...]) -> str:
        if scope.entering is not None:
            return scope.entering
        if len(scope.named) > 1:
            names = ", ".join(scope.named)
            self.diagnostics.report(
                "E307", f"'input' is ambiguous: several enter ({names})", reference.place, trail=trail
            )
        raise Unresolved

    def lookup(self, full: str) -> tuple[str | None, ...] | None:
        if "*" not in full:
            return (self.results[full],) if full in self.results and full not in self.open else None
        pattern = re.compile(re.escape(full).replace(r"\*", r"[^.]+"))
        found = tuple(node for name, node in self.results.items() if pattern.fullmatch(name) and name not in self.open)
        return found or None

    def dangling(self, reference: Reference, scope: Scope, item: Item | None, trail: tuple[str, ...]) -> None:
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
        if text in self.results or text in self.layers:
            hint = f"{text!r} stands outside of this block, which sees only what enters: add it to the block's 'inputs'"
        elif hint is None and re.fullmatch(r"-?\d+", text):
            hint = "references go by name, never by index"
        self.diagnostics.report(
            "E301", f"no layer {text!r} stands before this one", reference.place, hint=hint, trail=trail
        )

    def spend(self, steps: int, place: Place) -> None:
        """Refuse what a few globs over many layers would make of them."""
        self.left -= steps
        if self.left < 0:
            message = f"the references of this model mean more than {MAX_EDGES:,} layers in all"
            if self.left + steps >= 0:
                self.diagnostics.report("E209", message, place, hint="name fewer layers by globs")
            raise Unresolved
