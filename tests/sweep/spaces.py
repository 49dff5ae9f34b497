"""Spaces and definitions for tests, as a command line and a `search` section say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.sweep.parameters import Space, read_space
from compiler.spec.located import Map, located


def section(values: Mapping[str, object]) -> Map:
    tree = located(values, Place(Source("search.yaml", ""), 1, 1))
    assert isinstance(tree, Map)
    return tree


def read(*arguments: str, **search: object) -> tuple[list[str], Space]:
    """Fixed overrides and space; a fault is raised."""
    diagnostics = Diagnostics()
    found = read_space(arguments, section(search), diagnostics)
    diagnostics.raise_errors()
    return found


def space(*arguments: str, **search: object) -> Space:
    return read(*arguments, **search)[1]


def messages(arguments: Sequence[str], **search: object) -> list[tuple[str, str, str | None]]:
    """Code, message and hint of each fault."""
    diagnostics = Diagnostics()
    read_space(arguments, section(search), diagnostics)
    return [(fault.code, fault.message, fault.hint) for fault in diagnostics.faults]
