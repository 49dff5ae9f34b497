"""Where a model comes from: Hydra's `model=NAME`, or a file from someone else by `model_file=PATH`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from omegaconf import OmegaConf

from compiler.errors import Diagnostics, Place, Source, did_you_mean
from compiler.spec.compose import Composed, resolved
from compiler.spec.files import find_file, read_source
from compiler.spec.located import Leaf, Map, Seq, Tree, located, plain
from compiler.spec.model import NESTED
from compiler.spec.overlay import overlay
from compiler.spec.reader import FOREIGN, read_tree

_DATA = re.compile(r"\$\{(data\.[A-Za-z_][A-Za-z0-9_.]*)\}")


def model_tree(composed: Composed, diagnostics: Diagnostics) -> Map | None:
    """The located model, overrides laid over it; None with the faults in `diagnostics`."""
    path = composed.value("model_file")
    if path is None:
        return composed.section("model")
    if "model" in composed.choices:
        diagnostics.report("E007", "'model_file' and 'model' are both given", path.place, hint="leave out model=...")
        return None
    tree = _foreign(Path(str(path.value)), path.place, composed, diagnostics)
    if tree is None:
        return None
    overrides = composed.section("model")
    whole = overlay(tree, overrides) if overrides.entries else tree
    return whole if isinstance(whole, Map) else None


def model_name(composed: Composed) -> str:
    """How messages and runs call the model: its option, or its file's stem."""
    path = composed.value("model_file")
    return composed.choices.get("model", "model") if path is None else Path(str(path.value)).stem


def model_loader(composed: Composed, diagnostics: Diagnostics) -> Callable[[str, Place], Map | None]:
    """Reads `model/<name>` from the folders of configuration, with the same interpolations."""

    def load(name: str, place: Place) -> Map | None:
        path = find_file(composed.loader, f"{NESTED}{name}") if re.fullmatch(r"[A-Za-z0-9_-]+", name) else None
        if path is None:
            options = composed.loader.get_group_options("model")
            diagnostics.report("E006", f"no model {name!r}", place, hint=did_you_mean(name, options))
            return None
        tree = read_tree(read_source(path), diagnostics)
        if not isinstance(tree, Map):
            return None
        root = OmegaConf.masked_copy(composed.raw, [str(key) for key in composed.raw if key not in ("model", "hydra")])
        OmegaConf.set_struct(root, False)
        root.model = plain(tree)
        found = resolved(plain(tree), tree, root, "model", diagnostics)
        return found if isinstance(found, Map) else None

    return load


def _foreign(path: Path, place: Place, composed: Composed, diagnostics: Diagnostics) -> Map | None:
    try:
        if path.stat().st_size > FOREIGN.bytes:
            hint = "'repeat', 'each' and blocks say the same in fewer lines"
            diagnostics.report("E004", f"{str(path)!r} is larger than {FOREIGN.bytes:,} bytes", place, hint=hint)
            return None
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        diagnostics.report("E006", f"cannot read {str(path)!r}: {error.strerror or error}", place)
        return None
    except UnicodeDecodeError as error:
        diagnostics.report("E001", f"{str(path)!r} is not UTF-8 text (byte {error.start})", place)
        return None
    tree = read_tree(Source(str(path), text), diagnostics, caps=FOREIGN, strict=True)
    if tree is None:
        return None
    if not isinstance(tree, Map):
        diagnostics.report("E114", "a model file must be a mapping with 'layers'", tree.place)
        return None
    filled = _with_data(tree, composed, diagnostics)
    assert isinstance(filled, Map)
    return filled


def _with_data(tree: Tree, composed: Composed, diagnostics: Diagnostics) -> Tree:
    """A foreign file's `${data.KEY}` filled in, whole values only; every other interpolation is refused."""
    if isinstance(tree, Map):
        entries = {key: _with_data(value, composed, diagnostics) for key, value in tree.entries.items()}
        return Map(entries, tree.place, tree.keys)
    if isinstance(tree, Seq):
        return Seq(tuple(_with_data(item, composed, diagnostics) for item in tree.items), tree.place)
    if not isinstance(tree.value, str) or "${" not in tree.value:
        return tree
    match = _DATA.fullmatch(tree.value)
    found: Tree | None = composed.config if match else None
    for key in match[1].split(".") if match else ():
        found = found.get(key) if isinstance(found, Map) else None
    if found is None:
        hint = "only ${data.KEY} is understood here, as a whole value, for a key that the data have"
        message = "this interpolation is not allowed in a file from elsewhere"
        diagnostics.report("E005", message, tree.place, hint=hint)
        return Leaf(None, tree.place)
    return located(plain(found), tree.place)
