"""`patch`: edit an expanded model by globs over its names, from the command line or from the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from compiler.errors import Diagnostics, closest, did_you_mean
from compiler.expand.expander import Expander, TooManyLayers
from compiler.expand.items import Expanded, Item, Layer, Parallel, Sequence, walk
from compiler.expand.names import Names
from compiler.spec.environment import Environment, Unevaluated, compute
from compiler.spec.located import Map
from compiler.spec.model import LayerSpec, PatchSpec


def apply_patches(
    model: Expanded, patches: tuple[PatchSpec, ...], expander: Expander, env: Environment, diagnostics: Diagnostics
) -> Expanded:
    """The model with all patches applied, in the order in which they are written."""
    body = model.body
    for patch in patches:
        matched = _matches(body, patch)
        if not matched:
            items = [item for item in walk(body) if item.name]
            if not any(isinstance(item, Layer) and item.op is None for item in items):  # it may mean what is faulty
                hint = _near(patch.glob, [item.name for item in items])
                diagnostics.report("E213", f"patch {patch.glob!r} matches no layer", patch.place, hint=hint)
            continue
        if patch.args.entries and not any(isinstance(item, Layer) for item in matched.values()):
            diagnostics.report("E215", f"patch {patch.glob!r} sets arguments, but matches no single layer", patch.place)
            continue
        try:
            args = compute(patch.args, env, diagnostics)
            assert isinstance(args, Map)
            body = _Patcher(patch, args, set(matched), expander, env).sequence(body)
        except (Unevaluated, TooManyLayers):
            continue
    return replace(model, body=body)


def _near(glob: str, names: list[str]) -> str:
    """A hint for a glob that matches none of `names`."""
    start, dot, last = glob.rpartition(".")
    close = closest(last, {name.rpartition(".")[2] for name in names})
    if close and any(fnmatchcase(name, f"{start}{dot}{close}") for name in names):
        return f"did you mean '{start}{dot}{close}'?"
    return did_you_mean(glob, names) or "globs go over the names that 'show' prints; '*' matches dots too"


def _matches(body: Sequence, patch: PatchSpec) -> dict[str, Item]:
    """What the glob means: single layers to set arguments; outermost items to insert beside, replace or remove."""
    found = {item.name: item for item in walk(body) if item.name and fnmatchcase(item.name, patch.glob)}
    if patch.args.entries:
        return {name: item for name, item in found.items() if isinstance(item, Layer)} or found
    return {name: item for name, item in found.items() if not any(name.startswith(f"{outer}.") for outer in found)}


class _Patcher:
    def __init__(self, patch: PatchSpec, args: Map, matched: set[str], expander: Expander, env: Environment) -> None:
        self.patch, self.args, self.matched, self.expander, self.env = patch, args, matched, expander, env

    def sequence(self, body: Sequence) -> Sequence:
        taken = Names(item.name.rsplit(".", 1)[-1] for item in body.items)
        items = tuple(made for item in body.items for made in self.item(item, body.name, taken))
        return replace(body, items=items)

    def item(self, item: Item, prefix: str, taken: Names) -> Iterator[Item]:
        hit = item.name in self.matched
        if hit and self.patch.restructures:
            yield from self.made(self.patch.before, prefix, taken)
            if self.patch.replace is None:
                yield self.inside(item, hit)
            else:
                yield from self.made(self.patch.replace, prefix, taken)
            yield from self.made(self.patch.after, prefix, taken)
            return
        yield self.inside(item, hit)

    def inside(self, item: Item, hit: bool) -> Item:
        if isinstance(item, Sequence):
            return self.sequence(item)
        if isinstance(item, Parallel):
            merge = self.inside(item.merge, item.merge.name in self.matched)
            assert isinstance(merge, Layer)
            return replace(item, paths=tuple(self.sequence(path) for path in item.paths), merge=merge)
        return replace(item, args=_merged(item.args, self.args)) if hit else item

    def made(self, specs: tuple[LayerSpec, ...], prefix: str, taken: Names) -> Iterator[Item]:
        trail = (f"patch {self.patch.glob!r}",)
        start = f"{prefix}." if prefix else ""
        yield from self.expander.layers(specs, start, self.env, self.expander.spec.blocks, trail, taken)


def _merged(args: Map, new: Map) -> Map:
    return Map({**args.entries, **new.entries}, args.place, {**args.keys, **new.keys})
