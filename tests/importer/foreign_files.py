"""Files as someone else might make them: archives, configs and weights, sound ones and such as do harm."""

from __future__ import annotations

import io
import json
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

CONFIG: dict[str, Any] = {"module": "keras", "class_name": "Sequential", "config": {"name": "small", "layers": []}}
KERNEL = np.arange(12, dtype="float32").reshape(4, 3)
BIAS = np.arange(3, dtype="float32")

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
