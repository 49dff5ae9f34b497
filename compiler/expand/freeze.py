"""`freeze`: layers whose weights training leaves alone, by globs over the names of an expanded model."""

from __future__ import annotations

from dataclasses import replace

from compiler.errors import Diagnostics, shown
from compiler.expand.globs import near, within
from compiler.expand.items import Item, Layer, Parallel, Sequence, walk
from compiler.spec.environment import Environment, Unevaluated, afford, compute
from compiler.spec.located import Leaf, Seq, Tree, plain

BACK = "!"
"""Before a glob: what it matches is not frozen after all."""


def frozen(body: Sequence, tree: Tree | None, env: Environment, diagnostics: Diagnostics) -> Sequence:
    """`body` with the layers marked that the globs in `tree` mean: one after another, the last that matches decides.

    A layer that shares another's weights stands for that one.
    """
    if tree is None:
        return body
    start = len(body.name) + 1 if body.name else 0
    layers = {item.name[start:]: item for item in walk(body) if isinstance(item, Layer)}
    owners = {name: layer.shares or layer.name for name, layer in layers.items()}
    chosen = {layer.name for layer in layers.values() if layer.frozen}
    try:
        for leaf, glob in _globs(tree, env, diagnostics):
            afford(env, len(layers), leaf.place, diagnostics)
            pattern = glob.removeprefix(BACK)
            matched = {owners[name] for name in within(pattern, layers)}
            if not matched and all(layer.op is not None for layer in layers.values()):  # else it may mean a faulty one
                message = f"'freeze' has {glob!r}, which matches no layer"
                diagnostics.report("E213", message, leaf.place, hint=near(pattern, layers), notes=leaf.notes)
            chosen = chosen - matched if glob.startswith(BACK) else chosen | matched
    except Unevaluated:
        return body
    marked = _marked(body, chosen)
    assert isinstance(marked, Sequence)
    return marked


def _globs(tree: Tree, env: Environment, diagnostics: Diagnostics) -> list[tuple[Leaf, str]]:
    """The globs of a `freeze` section; wrong ones are reported and left out."""
    section = compute(tree, env, diagnostics)
    if not isinstance(section, Seq):
        hint = f"[{section.value}]" if isinstance(section, Leaf) and isinstance(section.value, str) else None
        message = f"'freeze' must be a list of globs (got {shown(plain(section))})"
        diagnostics.report("E114", message, section.place, hint=hint)
        return []
    globs: list[tuple[Leaf, str]] = []
    for item in section.items:
        if not isinstance(item, Leaf) or not isinstance(item.value, str) or not item.value.removeprefix(BACK):
            message = f"'freeze' must be a list of globs (got {shown(plain(item))} in it)"
            diagnostics.report("E114", message, item.place)
        elif not globs and item.value.startswith(BACK):
            message = f"'freeze' begins with {item.value!r}, before which nothing is frozen"
            diagnostics.report("E114", message, item.place, hint=f"['*', '{item.value}']: all but that")
            return []
        else:
            globs.append((item, item.value))
    return globs


def _marked(item: Item, chosen: set[str]) -> Item:
    if isinstance(item, Layer):
        return replace(item, frozen=(item.shares or item.name) in chosen)
    if isinstance(item, Sequence):
        return replace(item, items=tuple(_marked(child, chosen) for child in item.items))
    paths, merge = [_marked(path, chosen) for path in item.paths], _marked(item.merge, chosen)
    assert isinstance(item, Parallel) and isinstance(merge, Layer)
    return replace(item, paths=tuple(path for path in paths if isinstance(path, Sequence)), merge=merge)
