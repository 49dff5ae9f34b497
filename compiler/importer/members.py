"""The child's side of `.keras` archives: strict about members, sizes and checksums, and about JSON.

Format: a zip file with `metadata.json`, `config.json`, `model.weights.h5` and, for some layers, a folder `assets/`
(keras.io/api/models/model_saving_apis). Nothing is ever extracted under a name that the archive gives.
"""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, cast

from compiler.importer.refused import Refused
from compiler.importer.strict_json import parse

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"
MOST_MEMBERS = 1_000
MOST_METADATA = 64 << 10
RATIO, FREE = 8, 64 << 20
"""A compressed member may give eight times its bytes, or 64 MB: what has been trained hardly shrinks at all."""

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_HINT = "a model saved by model.save('NAME.keras') or a file with the text of model.to_json() is read"


def config(asked: dict[str, Any]) -> dict[str, Any]:
    """The Keras config of a `.keras` archive or of a JSON file.

    Raises:
        Refused: E901, it is neither, or damaged; E902, its content is refused; E903, it is too large.
    """
    path = Path(asked["path"])
    with path.open("rb") as file:
        start = file.read(8)
        if start.startswith(_ZIP):
            with zipfile.ZipFile(file) as archive:
                members = checked_members(archive)
                if METADATA in members:
                    read_member(archive, members[METADATA], MOST_METADATA)
                content = read_member(archive, _wanted(members, CONFIG), asked["bytes"])
                where = f"has in {CONFIG} "
        elif start.startswith(_HDF5):
            hint = "weights alone have no architecture; of Keras 2 files, load the model in Keras and save it as .keras"
            raise Refused("E901", "is an HDF5 file, which has no config that is read here", hint)
        else:
            file.seek(0)
            content = file.read(asked["bytes"] + 1)
            where = "has "
            if not content.lstrip()[:1] == b"{":
                raise Refused("E901", "is neither a .keras archive nor a JSON config", _HINT)
            if len(content) > asked["bytes"]:
                raise Refused("E903", f"is larger than {asked['bytes']:,} bytes")
    try:
        tree = parse(content, nodes=asked["nodes"], depth=asked["depth"])
    except Refused as refused:
        raise Refused(refused.code, where + str(refused), refused.hint) from None
    found = cast(dict[str, Any], tree) if isinstance(tree, dict) else {}
    if not isinstance(found.get("class_name"), str):
        raise Refused("E901", where + "no Keras config, which is a mapping with 'class_name' and 'config'", _HINT)
    if not isinstance(found.get("config"), dict):
        raise Refused("E901", where + f"a {found['class_name'][:40]!r} without the mapping 'config'", _HINT)
    return found


def extract_weights(path: Path, to: Path) -> Path:
    """The HDF5 file with the weights: `path` itself, or the member of a `.keras` archive, copied to the file `to`.

    Raises:
        Refused: as for `config`.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if start == _HDF5:
            return path
        if not start.startswith(_ZIP):
            raise Refused("E901", "is neither a .keras archive nor an HDF5 file", "weights are in NAME.weights.h5")
        with zipfile.ZipFile(file) as archive:
            member = _wanted(checked_members(archive), WEIGHTS)
            with archive.open(member) as stream, to.open("wb") as out:
                copied = 0
                while piece := stream.read(1 << 20):
                    copied += out.write(piece)
            if copied != member.file_size:
                raise Refused("E901", f"is cut short in its member {WEIGHTS!r}")
    return to


def checked_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by name, when all of them are what Keras writes.

    Raises:
        Refused: E902, a name that leads elsewhere or is none of a model file's, a member given twice, a link, an
            encrypted or oddly compressed one; E903, one that unpacks to far more than it holds.
    """
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise Refused("E903", f"has {len(infos):,} members: at most {MOST_MEMBERS:,} are read")
    if infos and min(info.header_offset for info in infos) != 0:
        raise Refused("E902", "has something in front of its first member")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        problem = _problem(info)
        if problem is None and info.filename in found:
            problem = "stands there twice"
        if problem is not None:
            raise Refused("E902", f"has the member {info.filename[:80]!r}, which {problem}")
        if info.file_size > max(FREE, RATIO * info.compress_size):
            size = f"{info.compress_size:,} bytes that unpack to {info.file_size:,}"
            raise Refused("E903", f"has the member {info.filename[:80]!r} with {size}")
        found[info.filename] = info
    return found


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """A member's content; zipfile compares its checksum.

    Raises:
        Refused: E903, it is larger than `most` bytes.
        zipfile.BadZipFile: it is damaged.
    """
    if info.file_size > most:
        raise Refused(
            "E903", f"has the member {info.filename!r} of {info.file_size:,} bytes: at most {most:,} are read"
        )
    with archive.open(info) as stream:
        content = stream.read(most + 1)
        stream.read(1)  # the end, where the checksum is compared
    if len(content) != info.file_size:
        raise Refused("E901", f"is cut short in its member {info.filename!r}")
    return content


def _wanted(members: dict[str, zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    if name not in members:
        raise Refused("E901", f"has no member {name!r}", _HINT)
    return members[name]


def _problem(info: zipfile.ZipInfo) -> str | None:
    name = info.filename
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ":" in name or ".." in parts or not name.isprintable():
        return "leads out of the archive"
    if info.orig_filename != name:
        return "has two names"
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if name not in (CONFIG, METADATA, WEIGHTS) and not name.startswith(ASSETS):
        return "is none that is read here"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that Keras does not write"
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        return "has two sizes"
    return None
