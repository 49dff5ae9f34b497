"""Names of entries: which are legal, which are in use within one list of layers, and what each entry is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from compiler.errors import Diagnostics, Note, shown
from compiler.expand.items import Item
from compiler.spec.environment import Environment, Unevaluated, compute
from compiler.spec.expression import is_expression
from compiler.spec.located import Leaf, plain, trap_hint
from compiler.spec.model import LayerSpec, empty_map, string

MAX_NAME = 100
"""Cap on the characters between two dots of a name."""

_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_-]{{0,{MAX_NAME - 1}}}")
_WORDS = ("prev", "input")  # what `from` means by itself


class Names:
    """Which names are taken, and the next number for each that is taken again.

    >>> names = Names()
    >>> [names.take(names.free("Dense")) for _ in range(3)]
    ['Dense', 'Dense_1', 'Dense_2']
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def take(self, name: str) -> str:
        """Note that `name` is in use, and give it back."""
        self._taken.add(name)
        return name

    def free(self, base: str) -> str:
        """`base` with what a name may not have replaced, and with a number where it is taken."""
        base = re.sub(r"[^A-Za-z0-9_-]", "_", base)[:MAX_NAME]
        if base not in self._taken:
            return base
        number = self._next.get(base, 1)
        while f"{base}_{number}" in self._taken:
            number += 1
        self._next[base] = number + 1
        return f"{base}_{number}"


def base_name(spec: LayerSpec) -> str:
    """What an entry without a name is called after: its op or the layer that it shares; an expression as it stands."""
    base = spec.op or string(spec.share or spec.op_tree or empty_map(spec.op_place)) or "layer"
    return base.rsplit("/", 1)[-1].rsplit(".", 1)[-1]


def legal(name: str) -> bool:
    """Whether a layer or an input can be called so, as far as the characters go."""
    return _NAME.fullmatch(name) is not None


def key_of(
    spec: LayerSpec,
    env: Environment,
    taken: Names,
    standing: Callable[[str], Item | None],
    diagnostics: Diagnostics,
    trail: tuple[str, ...],
) -> str:
    """The entry's own part of the dotted name: its `name`, or its op with a number where that is taken.

    Args:
        standing: the item that has a name of this list already.

    Raises:
        Unevaluated: the name is illegal or taken.
    """
    tree = spec.keys.get("name")
    if tree is None:
        base = base_name(spec)
        if is_expression(base):
            base = str(plain(compute(Leaf(spec.op, spec.op_place), env, diagnostics, trail)))
        key = taken.free(base)
    else:
        value = compute(tree, env, diagnostics, trail)
        key = string(value)
        if key is None or not legal(key) or key in _WORDS:
            rule = "a name is a letter, then letters, digits, '_' or '-', and not 'prev' or 'input'"
            hint = trap_hint(value) or ("dots join names: leave them out" if key and "." in key else None)
            hint = f"at most {MAX_NAME} characters" if key and len(key) > MAX_NAME else hint
            diagnostics.report("E212", f"{rule} (got {shown(plain(value))})", value.place, hint=hint, trail=trail)
            raise Unevaluated
        if key in taken:
            first = standing(key)
            notes = (Note("it stands here already", first.place),) if first else ()
            diagnostics.report("E211", f"duplicate name {key!r}", value.place, trail=trail, notes=notes)
            raise Unevaluated
    taken.take(key)
    return key
