"""The child's side of weights: which plain arrays an HDF5 file holds, and their bytes.

HDF5's own reading is not asked for any data. Its metadata say where in the file a contiguous dataset lies; what is
declared must lie in the file, and those bytes are copied. So no filter runs, no other file is opened, nothing is
converted, and a shape that the file does not fill is refused before memory is taken for it.
Format: docs.hdfgroup.org, "HDF5 File Format Specification"; Keras writes contiguous datasets in groups named `vars`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from compiler.importer.members import extract_weights
from compiler.importer.refused import Refused

h5py: Any = import_module("h5py")  # it has no types

MOST_OBJECTS, MOST_DEPTH, MOST_NAME = 200_000, 64, 1_000
_KINDS = {"b", "i", "u", "f"}
_HINT = "load the file in Keras and save it again"


def inventory(asked: dict[str, Any]) -> dict[str, Any]:
    """Every array of the file by its path: shape, dtype, and the name that Keras gave the group around it.

    Raises:
        Refused: E901, it is damaged; E902, it has links that lead out, filters, or data that are no plain numbers;
            E903, more objects than allowed.
    """
    return {path: found.as_json() for path, found in _open(asked).items()}


def arrays(asked: dict[str, Any]) -> dict[str, Any]:
    """Copy the wanted arrays, one after another, into the file `asked["to"]`; gives their dtypes in that order.

    Raises:
        Refused: E904, one is missing or has another shape; and as for `inventory`.
    """
    source = _file(asked)
    found = _walk(source)
    wanted: dict[str, list[int]] = asked["wanted"]
    for path, shape in wanted.items():
        if path not in found:
            raise Refused("E904", f"has no array {path!r}")
        if found[path].shape != shape:
            raise Refused("E904", f"has the array {path!r} of shape {found[path].shape}, not {shape}")
    with source.open("rb") as file, Path(asked["to"]).open("wb") as out:
        for path in wanted:
            _copy(file, out, found[path])
    return {path: found[path].dtype for path in wanted}


class Found:
    """One array of the file: what it is, and where its bytes lie."""

    def __init__(self, shape: list[int], dtype: str, offset: int, size: int, layer: str | None) -> None:
        self.shape, self.dtype, self.offset, self.size, self.layer = shape, dtype, offset, size, layer

    def as_json(self) -> list[Any]:
        return [self.shape, self.dtype, self.layer]


def _open(asked: dict[str, Any]) -> dict[str, Found]:
    return _walk(_file(asked))


def _file(asked: dict[str, Any]) -> Path:
    return extract_weights(Path(asked["path"]), Path(asked["folder"]) / "weights.h5")


def _walk(path: Path) -> dict[str, Found]:
    length = path.stat().st_size
    found: dict[str, Found] = {}
    seen: set[int] = set()
    with h5py.File(path, "r") as file:
        if file.userblock_size:
            raise Refused("E902", "has something in front of its HDF5 content")
        groups: list[tuple[str, Any, int]] = [("", file["/"], 0)]
        while groups:
            prefix, group, depth = groups.pop()
            layer = _layer(group) if prefix.endswith("vars") else None
            for name in group:
                inner = f"{prefix}/{name}" if prefix else name
                if len(seen) >= MOST_OBJECTS or depth >= MOST_DEPTH or len(inner) > MOST_NAME:
                    raise Refused("E903", f"has more than {MOST_OBJECTS:,} groups and arrays, or nests them too deep")
                child = _child(group, name, inner, seen)
                if isinstance(child, h5py.Group):
                    groups.append((inner, child, depth + 1))
                else:
                    found[inner] = _dataset(child, inner, layer, length)
    _refuse_overlaps(found)
    return dict(sorted(found.items()))


def _child(group: Any, name: str, path: str, seen: set[int]) -> Any:
    encoded = name.encode("utf-8")
    if group.id.links.get_info(encoded).type != h5py.h5l.TYPE_HARD:
        raise Refused("E902", f"has the link {path[:80]!r}, which leads elsewhere")
    address = h5py.h5o.get_info(group.id, encoded).addr
    if address in seen:
        raise Refused("E902", f"has {path[:80]!r} under two names", _HINT)
    seen.add(address)
    child = group[name]
    if not isinstance(child, (h5py.Group, h5py.Dataset)):
        raise Refused("E902", f"has {path[:80]!r}, which is neither a group nor an array")
    return child


def _dataset(data: Any, path: str, layer: str | None, length: int) -> Found:
    properties = data.id.get_create_plist()
    if properties.get_external_count():
        raise Refused("E902", f"has the array {path[:80]!r} in another file")
    if properties.get_layout() != h5py.h5d.CONTIGUOUS or properties.get_nfilters():
        raise Refused("E902", f"has the array {path[:80]!r} in pieces or compressed, as Keras writes none", _HINT)
    if data.shape is None:
        raise Refused("E902", f"has the array {path[:80]!r} without a shape")
    shape = [int(dim) for dim in data.shape]
    dtype, item = _dtype(data, path)
    size = item
    for dim in shape:
        size *= dim
    offset = data.id.get_offset() if size else 0
    if offset is None or offset + size > length:
        held = 0 if offset is None else max(0, length - offset)
        message = f"declares {size:,} bytes for the array {path[:80]!r} of shape {shape}, but holds {held:,}"
        raise Refused("E902", message)
    return Found(shape, dtype, offset, size, layer)


def _dtype(data: Any, path: str) -> tuple[str, int]:
    kind = data.id.get_type().get_class()
    if kind in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
        dtype = data.dtype
        if dtype.kind in _KINDS and dtype.itemsize in (1, 2, 4, 8) and dtype.byteorder in "<=|":
            return dtype.name, dtype.itemsize
    # Keras writes bfloat16 as two opaque bytes, and says so in an attribute
    if kind == h5py.h5t.OPAQUE and data.id.get_type().get_size() == 2 and text_of(data, "dtype") == "bfloat16":
        return "bfloat16", 2
    raise Refused("E902", f"has the array {path[:80]!r}, which does not hold plain numbers")


def _layer(group: Any) -> str | None:
    return text_of(group, "name")


def text_of(holder: Any, name: str) -> str | None:
    """An attribute that is one text; None where it is none, or something else."""
    if name not in holder.attrs:
        return None
    attribute = holder.attrs.get_id(name)
    if attribute.shape != () or attribute.get_type().get_class() != h5py.h5t.STRING:
        return None
    value = holder.attrs[name]
    return value[:MOST_NAME] if isinstance(value, str) and value.isprintable() else None


def _refuse_overlaps(found: dict[str, Found]) -> None:
    end, last = 0, ""
    for path, array in sorted(found.items(), key=lambda item: item[1].offset):
        if array.size and array.offset < end:
            raise Refused("E902", f"has the arrays {last[:80]!r} and {path[:80]!r} in the same place")
        if array.size:
            end, last = array.offset + array.size, path


def _copy(file: Any, out: Any, array: Found) -> None:
    file.seek(array.offset)
    left = array.size
    while left:
        piece = file.read(min(left, 1 << 20))
        if not piece:
            raise Refused("E901", "became shorter while it was read")
        out.write(piece)
        left -= len(piece)
