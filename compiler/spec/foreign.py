"""A model file from someone else: read strictly, and never handed to Hydra.

Caps hold bytes, depth and nodes; anchors, aliases, tags and merge keys are refused, and of interpolations all but
`${data.KEY}` as a whole value, which is filled in with what the data of this configuration say.
"""

from __future__ import annotations

import re
from pathlib import Path

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.spec.located import Leaf, Map, Seq, Tree, located, plain
from compiler.spec.reader import FOREIGN, read_tree

_DATA = re.compile(r"\$\{(data\.[A-Za-z_][A-Za-z0-9_.]*)\}")
_HINT = "only ${data.KEY} is understood here, as a whole value, for a key that the data have"


def read_foreign(path: Path, place: Place) -> Map:
    """The located tree of a model file, its interpolations still in it.

    Args:
        place: where the configuration names the file.

    Raises:
        ConfigError: the file cannot be read, or is refused.
    """
    diagnostics = Diagnostics()
    tree = read_tree(Source(str(path), _text(path, place)), diagnostics, caps=FOREIGN, strict=True)
    if tree is not None:
        _refuse_interpolations(tree, diagnostics)
        if not isinstance(tree, Map):
            diagnostics.report("E114", "a model file must be a mapping with 'layers'", tree.place)
    diagnostics.raise_errors()
    assert isinstance(tree, Map), "anything else has a fault"
    return tree


def with_data(tree: Tree, config: Map, diagnostics: Diagnostics) -> Tree:
    """`tree` with `${data.KEY}` filled in from the composed configuration."""
    if isinstance(tree, Map):
        entries = {key: with_data(value, config, diagnostics) for key, value in tree.entries.items()}
        return Map(entries, tree.place, tree.keys)
    if isinstance(tree, Seq):
        return Seq(tuple(with_data(item, config, diagnostics) for item in tree.items), tree.place)
    match = _DATA.fullmatch(tree.value) if isinstance(tree.value, str) else None
    if match is None:
        return tree
    found: Tree | None = config
    for key in match[1].split("."):
        found = found.get(key) if isinstance(found, Map) else None
    if found is None:
        diagnostics.report("E008", f"{tree.value} does not resolve: there is no {match[1]!r}", tree.place, hint=_HINT)
        return Leaf(None, tree.place)
    return located(plain(found), tree.place)


def _text(path: Path, place: Place) -> str:
    if path.exists() and not path.is_file():  # a device or a pipe may never end
        raise ConfigError([Fault("E006", f"{str(path)!r} is not a file", place)])
    try:
        with path.open("rb") as file:
            content = file.read(FOREIGN.bytes + 1)
        if len(content) > FOREIGN.bytes:
            message = f"{str(path)!r} is larger than {FOREIGN.bytes:,} bytes"
            raise ConfigError([Fault("E004", message, place)])
        return content.decode("utf-8")
    except OSError as error:
        message = f"cannot read {str(path)!r}: {error.strerror or error}"
        raise ConfigError([Fault("E006", message, place)]) from None
    except UnicodeDecodeError as error:
        message = f"{str(path)!r} is not UTF-8 text (byte {error.start})"
        raise ConfigError([Fault("E001", message, place)]) from None


def _refuse_interpolations(tree: Tree, diagnostics: Diagnostics) -> None:
    if isinstance(tree, Leaf):
        if isinstance(tree.value, str) and "${" in tree.value and not _DATA.fullmatch(tree.value):
            message = "this interpolation is not allowed in a file from elsewhere"
            diagnostics.report("E005", message, tree.place, hint=_HINT)
        return
    for child in tree.items if isinstance(tree, Seq) else tree.entries.values():
        _refuse_interpolations(child, diagnostics)
