"""Files as someone else might make them: archives, configs and weights, sound ones and such as do harm."""

from __future__ import annotations

import io
import json
import resource
import stat
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

KEY = "layers/dense/vars/0"
CONFIG: dict[str, Any] = {"module": "keras", "class_name": "Sequential", "config": {"name": "small", "layers": []}}
KERNEL = np.arange(12, dtype="float32").reshape(4, 3)
BIAS = np.arange(3, dtype="float32")

GIGABYTE = (1 << 30) if sys.platform == "darwin" else (1 << 20)
"""As the operating system counts memory."""


@contextmanager
def small_children() -> Iterator[None]:
    """No process that ends meanwhile has taken a gigabyte, unless one did before: the system tells the peak of all."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, GIGABYTE)


Member = tuple[str | zipfile.ZipInfo, bytes]


def weights(change: Callable[[h5py.File], object] = lambda file: None) -> bytes:
    """A `.weights.h5` with one Dense layer, changed by `change`."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "head"
        group["0"], group["1"] = KERNEL, BIAS
        change(file)
    return content.getvalue()


def members(config: bytes | None = None, content: bytes | None = None) -> list[Member]:
    """What Keras puts into an archive."""
    return [
        ("metadata.json", b'{"keras_version": "3.15.1"}'),
        ("config.json", json.dumps(CONFIG).encode() if config is None else config),
        ("model.weights.h5", weights() if content is None else content),
    ]


def write(path: Path, content: list[Member], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip file with these members."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of a name given twice
        for name, data in content:
            archive.writestr(name, data)
    return path


def link(name: str) -> zipfile.ZipInfo:
    """A member that is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


# --- weights that do harm ---


def _bomb(h5: h5py.File, name: str = "x", chunks: tuple[int, ...] | None = None) -> None:
    h5.create_dataset(name, shape=(10**12,), dtype="float32", chunks=chunks, fillvalue=1)


def _bomb_for_a_weight(h5: h5py.File) -> None:
    del h5[KEY]
    _bomb(h5, KEY)


def _virtual(h5: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="uint8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    h5.create_virtual_dataset("x", layout)


def _put(value: object, **options: Any) -> Callable[[h5py.File], object]:
    return lambda h5: h5.create_dataset("x", data=value, **options)


def _assign(name: str, value: Callable[[h5py.File], object]) -> Callable[[h5py.File], object]:
    return lambda h5: h5.__setitem__(name, value(h5))


HOSTILE: dict[str, Callable[[h5py.File], object]] = {
    "bomb": _bomb,
    "bomb for a weight": _bomb_for_a_weight,
    "bomb in pieces": lambda h5: _bomb(h5, chunks=(1024,)),
    "compressed": _put(KERNEL, compression="gzip"),
    "objects": _put(np.array(["a", "b"], dtype=object), dtype=h5py.string_dtype()),
    "text": _put(np.array([b"ab"])),
    "records": _put(np.zeros(2, "f4,i4")),
    "complex": _put(np.zeros(2, "complex64")),
    "big endian": _put(np.zeros(2, ">f4")),
    "two opaque bytes": _put(np.zeros(2, "V2")),
    "no space": _put(h5py.Empty("f4")),
    "external": lambda h5: h5.create_dataset("x", shape=(10,), dtype="uint8", external=[("/etc/passwd", 0, 10)]),
    "virtual": _virtual,
    "soft link": _assign("x", lambda h5: h5py.SoftLink("/layers")),
    "outer link": _assign("x", lambda h5: h5py.ExternalLink("/etc/passwd", "/")),
    "loop": _assign("layers/again", lambda h5: h5["layers"]),
    "array twice": _assign("x", lambda h5: h5[KEY]),
    "type": _assign("x", lambda h5: np.dtype("f4")),
    "deep": lambda h5: h5.create_group("/".join("a" * 80)),
    "long name": lambda h5: h5.create_group("x" * 2_000),
}
"""What can be done to a file of weights, by a title. All of it is refused."""
