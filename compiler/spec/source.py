"""Where a model comes from: Hydra's `model=NAME`, or a file from someone else by `model_file=PATH`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from omegaconf import OmegaConf

from compiler.errors import Diagnostics, Place, did_you_mean
from compiler.spec.compose import Composed, resolved
from compiler.spec.files import find_file, read_source
from compiler.spec.foreign import read_foreign, with_data
from compiler.spec.located import Map, plain
from compiler.spec.model import NESTED
from compiler.spec.overlay import overlay
from compiler.spec.reader import read_tree


def model_tree(composed: Composed, diagnostics: Diagnostics) -> Map | None:
    """The located model, overrides laid over it; None with the faults in `diagnostics`."""
    path = composed.value("model_file")
    if path is None:
        return composed.section("model")
    if "model" in composed.choices:
        diagnostics.report("E007", "'model_file' and 'model' are both given", path.place, hint="leave out model=...")
        return None
    tree = with_data(read_foreign(Path(str(path.value)), path.place), composed.config, diagnostics)
    assert isinstance(tree, Map)
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
