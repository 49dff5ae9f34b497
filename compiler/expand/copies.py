"""How many times an entry of a list stands: `when`, `repeat` and `each`."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.errors import Diagnostics, shown
from compiler.spec.environment import Environment, Unevaluated, compute
from compiler.spec.located import Leaf, Map, Seq, Tree, notes_of, plain
from compiler.spec.model import LayerSpec


def switched_on(spec: LayerSpec, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...]) -> bool:
    tree = spec.keys.get("when")
    if tree is None:
        return True
    value = compute(tree, env, diagnostics, trail)
    if isinstance(value, Leaf) and isinstance(value.value, (bool, int, float)):
        return bool(value.value)
    message = f"'when' must be true or false (got {shown(plain(value))})"
    diagnostics.report("E106", message, value.place, trail=trail, notes=notes_of(value))
    raise Unevaluated


def copies(
    spec: LayerSpec, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...], most: int
) -> Iterator[Environment]:
    """The environment of each copy, `most` at most; checks `repeat` and `each` at once, makes the copies when asked."""
    repeat, each = spec.keys.get("repeat"), spec.keys.get("each")
    if repeat is not None and each is not None:
        diagnostics.report(
            "E113", "a layer spec has 'repeat' or 'each', not both", spec.keys["each"].place, trail=trail
        )
    if each is not None:
        return _each(each, env, diagnostics, trail)
    if repeat is None:
        return iter((env,))
    tree = compute(repeat, env, diagnostics, trail)
    count = tree.value if isinstance(tree, Leaf) else None
    if type(count) is not int or count < 0:
        message = f"'repeat' must be an integer >= 0 (got {shown(plain(tree))})"
        diagnostics.report("E208", message, tree.place, trail=trail, notes=notes_of(tree))
        raise Unevaluated
    if count > most:
        message = f"the model expands to more than {most:,} layers"
        diagnostics.report("E209", message, tree.place, hint="limits.layers raises the cap", notes=notes_of(tree))
        raise Unevaluated
    return (env.with_value("i", index, tree.place) for index in range(count))


def _each(tree: Tree, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...]) -> Iterator[Environment]:
    if not isinstance(tree, Map) or not tree.entries:
        diagnostics.report("E210", "'each' must map names to lists", tree.place, trail=trail)
        raise Unevaluated
    columns: dict[str, tuple[Tree, ...]] = {}
    for name, values in tree.entries.items():
        if not name.isidentifier():
            diagnostics.report(
                "E212", f"a variable's name must be an identifier (got {name!r})", tree.key_place(name), trail=trail
            )
        column = compute(values, env, diagnostics, trail)
        if not isinstance(column, Seq):
            message = f"'each.{name}' must be a list (got {shown(plain(column))})"
            diagnostics.report("E210", message, column.place, trail=trail, notes=notes_of(column))
            raise Unevaluated
        columns[name] = column.items
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        diagnostics.report("E210", f"the lists of 'each' must be equally long ({said})", tree.place, trail=trail)
        raise Unevaluated

    def rows() -> Iterator[Environment]:
        for index in range(next(iter(lengths.values()))):
            cells = {name: column[index] for name, column in columns.items()}
            values = {"i": index, **{name: plain(cell) for name, cell in cells.items()}}
            yield env.with_values(values, {"i": tree.place, **{name: cell.place for name, cell in cells.items()}})

    return rows()
