"""The child's side of weights: what a file calls the layers, and their order where it tells it.

Keras 3 puts a layer's name on its group `vars`. Before, groups were named after layers, and attributes said which there
are, in which order, with what: `layer_names` of the root and `weight_names` of each group, a long list in numbered
pieces (keras.src.legacy.saving.legacy_h5_format). `model.save("x.h5")` has all of that below `model_weights`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from compiler.importer.hdf5 import text_of
from compiler.importer.members import extract_weights
from compiler.importer.refused import Refused

h5py: Any = import_module("h5py")  # it has no types

MOST_NAMES = 200_000
_WHOLE_MODEL, _VARS = "model_weights", "/vars"


def names(asked: dict[str, Any]) -> dict[str, Any]:
    """The names of layers by their groups; and for the form before Keras 3 of every layer, in the model's order, its
    group, its name, and the names of its weights.

    Only for a file whose `hdf5.inventory` was taken, which refuses links and too many objects.

    Raises:
        Refused: E901, the names are none; E903, too many.
    """
    path = extract_weights(Path(asked["path"]), Path(asked["folder"]) / "weights.h5")
    groups: dict[str, str] = {}

    def note(name: str, item: Any) -> None:
        if name.endswith(_VARS) and (title := text_of(item, "name")) is not None:
            groups[name.removesuffix(_VARS)] = title

    with h5py.File(path, "r") as file:
        file.visititems(note)
        root = file.get(_WHOLE_MODEL, file)
        older: list[list[Any]] = []
        for name in _texts(root, "layer_names"):
            if not isinstance(root.get(name), h5py.Group):
                raise Refused("E901", f"names the layer {name[:80]!r} and has nothing of it")
            older.append([f"{root.name}/{name}".lstrip("/"), name, _texts(root[name], "weight_names")])
    return {"groups": groups, "older": older}


def _texts(group: Any, name: str) -> list[str]:
    pieces = [name] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(f"{name}{len(pieces)}")
    found: list[str] = []
    for piece in pieces:
        for item in group.attrs[piece]:
            text = item.decode("utf-8") if isinstance(item, bytes) else item
            if not isinstance(text, str) or not text.isprintable():
                raise Refused("E901", f"has {piece!r} that are no names")
            found.append(text)
            if len(found) > MOST_NAMES:
                raise Refused("E903", f"has more than {MOST_NAMES:,} {name!r}")
    return found
