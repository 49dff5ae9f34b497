"""The file of a plain form: an .npz of arrays that are not compressed, with its other values as JSON in one of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from compiler.runtime.estimators.linear import Linear
from compiler.runtime.estimators.neighbors import Neighbors
from compiler.runtime.estimators.trees import Trees

FILE = "model.npz"
"""What the artefact is called."""

_HEADER = "header"
_VERSION = 1

Plain = Trees | Linear | Neighbors
_FORMS: dict[str, type[Trees] | type[Linear] | type[Neighbors]] = {cls.form: cls for cls in (Trees, Linear, Neighbors)}


def write(path: Path, plain: Plain) -> None:
    """Write a model's file."""
    values, arrays = plain.parts()
    header = np.array(json.dumps({"version": _VERSION, "form": plain.form, **values}))
    columns: dict[str, Any] = {_HEADER: header, **arrays}
    np.savez(path, allow_pickle=False, **columns)


def read(path: Path) -> Plain:
    """The model of a file, whoever wrote it: nothing in it can run, and it takes no more memory than its own size.

    Raises:
        ValueError: it is none, or of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [info.filename for info in archive.infolist() if info.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise ValueError(f"{packed[0]!r} in it is compressed")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop(_HEADER)))
        if header["version"] > _VERSION:
            raise ValueError(f"it is of version {header['version']}, and this program reads up to {_VERSION}")
        return _FORMS[header["form"]].from_parts(header, arrays)
    except (KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
