"""Objects that a model file says again and again, such as one initializer for all layers, become its variables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from compiler.expand.names import Names

MANY = 3
"""Occurrences from which on an object is a variable."""

_SECTIONS = ("blocks", "layers")


def with_variables(sections: Mapping[str, object]) -> dict[str, object]:
    """The sections with `vars` for the objects that occur often; without it where there are none."""
    counts = Counter(repr(value) for value in _objects([sections.get(key, ()) for key in _SECTIONS]))
    often = {text for text, count in counts.items() if count >= MANY}
    used = set(re.findall(r"[A-Za-z_]\w*", repr([sections.get(key) for key in _SECTIONS])))
    taken = Names(used)
    names: dict[str, str] = {}
    variables: dict[str, object] = {}
    for value in _objects([sections.get(key, ()) for key in _SECTIONS]):
        if repr(value) in often and repr(value) not in names:
            words = [str(value["op"]), *(part for part in value.values() if isinstance(part, str))][:2]
            name = taken.take(taken.free(_snake(words[-1])))
            names[repr(value)], variables[name] = name, value
    made = {key: _replaced(value, names) if key in _SECTIONS else value for key, value in sections.items()}
    return {key: variables if key == "vars" else value for key, value in made.items() if key != "vars" or variables}


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    """The objects in the arguments of layers: mappings with an op, as the value of another key than a list's."""
    if isinstance(value, Mapping):
        for key, inner in cast(Mapping[str, object], value).items():
            if _is_object(key, inner):
                yield cast(Mapping[str, object], inner)
            else:
                yield from _objects(inner)
    elif isinstance(value, (list, tuple)):
        for inner in cast(Sequence[object], value):
            yield from _objects(inner)


def _is_object(key: str, value: object) -> bool:
    return (
        key.endswith(("initializer", "regularizer", "constraint"))
        and isinstance(value, Mapping)
        and "op" in value
        and "$" not in repr(cast(object, value))
    )


def _replaced(value: object, names: Mapping[str, str]) -> object:
    if isinstance(value, Mapping):
        return {
            key: f"${names[repr(inner)]}"
            if _is_object(key, inner) and repr(inner) in names
            else _replaced(inner, names)
            for key, inner in cast(Mapping[str, object], value).items()
        }
    if isinstance(value, (list, tuple)):
        return [_replaced(inner, names) for inner in cast(Sequence[object], value)]
    return value


def _snake(words: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words).lower()
