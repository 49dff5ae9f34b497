"""What the data section leaves to the data: keys that are `auto` get their values before a model is looked at.

Model files say `${data.input_shape}` and `${data.classes}`. For a table these follow from its columns and categories,
which nobody wants to count. So a source with such keys is looked at here, and interpolations are resolved anew; the
other sources stay unread until a training.
"""

from __future__ import annotations

from compiler.errors import ConfigError, Diagnostics, Place
from compiler.runtime.data.source import SOURCES, Blame, read_data
from compiler.spec.compose import Composed, with_values
from compiler.spec.located import Leaf, Map, located, plain


def settled(composed: Composed) -> Composed:
    """`composed`, with numbers in the place of `auto` in its data section.

    Raises:
        ConfigError: the data section or the data are at fault, or an interpolation does not resolve even now (E008);
            with the faults of `composed`.
    """
    section, diagnostics = composed.section("data"), Diagnostics()
    keys = _auto(section)
    if keys:
        found = settled_section(section, diagnostics)
        if found is None:
            raise ConfigError([*composed.faults, *diagnostics.faults])
        composed = with_values(composed, {f"data.{key}": plain(found.entries[key]) for key in keys})
    if composed.unresolved:
        raise ConfigError(composed.unresolved)
    return composed


def settled_section(section: Map, diagnostics: Diagnostics) -> Map | None:
    """A data section with numbers in the place of `auto`; None, faults in `diagnostics`, where they are unknown."""
    keys = _auto(section)
    if not keys:
        return section
    auto = SOURCES[str(plain(section.entries["source"]))].auto
    provisional = _with(section, {key: auto[key] for key in keys})
    settings = read_data(provisional, diagnostics)
    values = None if settings is None else settings.settled(frozenset(keys), Blame(provisional, diagnostics))
    return None if values is None else _with(section, values)


def _auto(section: Map) -> list[str]:
    """The keys that are to be settled."""
    source = section.get("source")
    name = source.value if isinstance(source, Leaf) else None
    auto = SOURCES[name].auto if isinstance(name, str) and name in SOURCES else {}
    return [key for key in auto if _is_auto(section, key)]


def _is_auto(section: Map, key: str) -> bool:
    value = section.get(key)
    return value is None or (isinstance(value, Leaf) and value.value in (None, "auto"))


def _place(section: Map, key: str) -> Place:
    value = section.get(key)
    return section.place if value is None else value.place


def _with(section: Map, values: dict[str, object]) -> Map:
    entries = {key: located(value, _place(section, key)) for key, value in values.items()}
    keys = {**{key: tree.place for key, tree in entries.items()}, **section.keys}
    return Map({**section.entries, **entries}, section.place, keys)
