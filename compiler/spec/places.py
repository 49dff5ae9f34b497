"""Where each value of a composed configuration was written: in a file, or on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override

from compiler.errors import Diagnostics, Place, Source
from compiler.spec.files import find_file, read_source
from compiler.spec.located import Map, Tree, located
from compiler.spec.overlay import delete, overlay, set_value
from compiler.spec.overrides import override_place
from compiler.spec.reader import read_tree


def file_places(
    loader: ConfigLoaderImpl, config_name: str, defaults: Sequence[ResultDefault], diagnostics: Diagnostics
) -> Tree:
    """All files of a composition laid over each other: a tree whose places count, not its values."""
    source = find_file(loader, config_name)
    tree: Tree = Map({}, Place(read_source(source) if source else Source(config_name, ""), 1, 1))
    for default in defaults:
        path = find_file(loader, default.config_path or "")
        if path is None or (default.config_path or "").startswith("hydra"):
            continue
        read = read_tree(read_source(path), diagnostics)
        if read is None:
            continue
        for key in reversed((default.package or "").split(".") if default.package else []):
            read = Map({key: read}, read.place, {key: read.place})
        tree = overlay(tree, read)
    return tree


def laid_over(tree: Tree, overrides: Iterable[Override], loader: ConfigLoaderImpl) -> Tree:
    """`tree` with the places of the command line's values."""
    for override in overrides:
        if loader.repository.group_exists(str(override.key_or_group)) or override.is_hydra_override():
            continue  # it chose a file, or is Hydra's own
        place = override_place(override)
        path = tuple(str(override.key_or_group).split("."))
        tree = delete(tree, path) if override.is_delete() else set_value(tree, path, located(_value(override), place))
    return tree


def _value(override: Override) -> object:
    value = override.value()
    return value if isinstance(value, (dict, list, str, int, float, bool, type(None))) else str(value)
