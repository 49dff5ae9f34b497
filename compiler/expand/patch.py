"""`patch`: edit an expanded model by globs over its names, from the command line or from the file itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from compiler.errors import Diagnostics
from compiler.expand.globs import around, near
from compiler.expand.items import Item, Layer, Parallel, Sequence, TooManyLayers, walk
from compiler.expand.names import Names
from compiler.spec.environment import Environment, Unevaluated, afford, compute
from compiler.spec.located import Leaf, Map
from compiler.spec.model import LayerSpec, PatchSpec

Expand = Callable[[tuple[LayerSpec, ...], str, tuple[str, ...], Names], tuple[Item, ...]]
"""Expands layer specs under a prefix, with a trail, where some names are taken."""


MAX_HINTS = 20
"""Faults after which no near name is looked for: that takes long where there are many names."""


def patched(
    body: Sequence, patches: tuple[PatchSpec, ...], expand: Expand, env: Environment, diagnostics: Diagnostics
) -> Sequence:
    """`body` with all patches applied, in the order in which they are written; globs go over the names inside it."""
    for patch in patches:
        start = len(body.name) + 1 if body.name else 0
        items = {item.name[start:]: item for item in walk(body) if len(item.name) > start}
        try:
            afford(env, len(items), patch.place, diagnostics)
        except Unevaluated:
            break
        matched = _matches(items, patch)
        if not matched:
            if not any(isinstance(item, Layer) and item.op is None for item in items.values()):  # it may mean those
                hint = near(patch.glob, list(items)) if len(diagnostics.faults) < MAX_HINTS else None
                diagnostics.report("E213", f"patch {patch.glob!r} matches no layer", patch.place, hint=hint)
            continue
        if _refused(patch, matched, diagnostics):
            continue
        try:
            args = compute(patch.args, env, diagnostics)
            assert isinstance(args, Map)
            body = _Patcher(patch, args, {item.name for item in matched}, expand).sequence(body)
        except (Unevaluated, TooManyLayers):
            continue
    return body


def _matches(items: dict[str, Item], patch: PatchSpec) -> list[Item]:
    """What the glob means: single layers to set arguments; outermost items to insert beside, replace or remove."""
    found = {name: item for name, item in items.items() if fnmatchcase(name, patch.glob)}
    if patch.args.entries:
        return [item for item in found.values() if isinstance(item, Layer)] or list(found.values())
    return [item for name, item in found.items() if not any(outer in found for outer in around(name))]


def _refused(patch: PatchSpec, matched: list[Item], diagnostics: Diagnostics) -> bool:
    """Whether what matches cannot be patched so; the fault is reported."""
    names = {item.name for item in matched}
    layers = [item for item in matched if isinstance(item, Layer)]
    if patch.args.entries and not layers:
        message, hint = f"patch {patch.glob!r} sets arguments, but matches no single layer", None
    elif patch.restructures and any(layer.merge for layer in layers):
        merge = next(layer.name for layer in layers if layer.merge)
        message = f"patch {patch.glob!r} matches the merge {merge!r}, of which only arguments can be patched"
        hint = f"patch {merge.rpartition('.')[0]!r}, all of it"
    elif patch.args.entries and any(layer.shares and layer.shares not in names for layer in layers):
        layer = next(layer for layer in layers if layer.shares and layer.shares not in names)
        message = f"patch {patch.glob!r} matches {layer.name!r}, which shares {layer.shares!r}, arguments and all"
        hint = f"patch {layer.shares!r}"
    else:
        return False
    diagnostics.report("E215", message, patch.place, hint=hint)
    return True


class _Patcher:
    def __init__(self, patch: PatchSpec, args: Map, matched: set[str], expand: Expand) -> None:
        self.patch, self.args, self.matched, self.expand = patch, args, matched, expand

    def sequence(self, body: Sequence, reserved: tuple[str, ...] = ()) -> Sequence:
        gone = self.matched if self.patch.replace is not None else ()
        kept = (item.name.rpartition(".")[2] for item in body.items if item.name not in gone)
        taken = Names((*kept, *body.inputs, *reserved))
        items = tuple(made for item in body.items for made in self.item(item, body.name, taken))
        return replace(body, items=items)

    def item(self, item: Item, prefix: str, taken: Names) -> Iterator[Item]:
        hit = item.name in self.matched
        if not (hit and self.patch.restructures):
            yield self.inside(item, hit)
            return
        yield from self.made(self.patch.before, prefix, taken)
        if self.patch.replace is None:
            yield self.inside(item, hit)
        else:
            yield from self.made(_named_like(item, self.patch.replace), prefix, taken)
        yield from self.made(self.patch.after, prefix, taken)

    def inside(self, item: Item, hit: bool) -> Item:
        if isinstance(item, Sequence):
            return self.sequence(item)
        if isinstance(item, Parallel):
            merge = self.inside(item.merge, item.merge.name in self.matched)
            assert isinstance(merge, Layer)
            return replace(item, paths=tuple(self.path(path, item.name) for path in item.paths), merge=merge)
        return replace(item, args=_merged(item.args, self.args)) if hit else item

    def path(self, path: Sequence, outer: str) -> Sequence:
        """A path of a residual or of branches: what is put beside it goes to its ends, and it can be emptied."""
        if path.name == outer:  # the main path of a residual has no name of its own
            return self.sequence(path, reserved=("shortcut", "merge"))
        if path.name not in self.matched or not self.patch.restructures:
            return self.sequence(path)
        between = self.sequence(path).items
        taken = Names(item.name.rpartition(".")[2] for item in between if self.patch.replace is None)
        before = tuple(self.made(self.patch.before, path.name, taken))
        if self.patch.replace is not None:
            between = tuple(self.made(self.patch.replace, path.name, taken))
        return replace(path, items=(*before, *between, *self.made(self.patch.after, path.name, taken)))

    def made(self, specs: tuple[LayerSpec, ...], prefix: str, taken: Names) -> Iterator[Item]:
        yield from self.expand(specs, f"{prefix}." if prefix else "", (f"patch {self.patch.glob!r}",), taken)


def _named_like(item: Item, specs: tuple[LayerSpec, ...]) -> tuple[LayerSpec, ...]:
    """`specs` in the place of `item`: the last takes its name unless it has one, so that references to it hold."""
    key = item.name.rpartition(".")[2]
    if not specs or "name" in specs[-1].keys or key.isdigit():  # a number is that of a copy
        return specs
    last = specs[-1]
    return (*specs[:-1], replace(last, keys={**last.keys, "name": Leaf(key, last.place)}))


def _merged(args: Map, new: Map) -> Map:
    return Map({**args.entries, **new.entries}, args.place, {**args.keys, **new.keys})
