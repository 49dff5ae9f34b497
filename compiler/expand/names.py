"""The names in use within one list of layers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from compiler.spec.model import LayerSpec, empty_map, string

MAX_NAME = 100
"""Cap on the characters between two dots of a name."""


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
