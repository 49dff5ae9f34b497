"""NumPy archives (.npz) from anywhere: no pickles, and no array larger than the file can hold.

Format: numpy.lib.format; an archive is a zip file with one `NAME.npy` for each array.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from compiler.runtime.data.dataset import Array
from compiler.runtime.data.idx import DEFLATE_RATIO
from compiler.runtime.data.source import Unreadable

_PLAIN = "save plain arrays: numpy.savez(path, x=numpy.asarray(x, 'float32'), y=numpy.asarray(y))"


@dataclass(frozen=True, slots=True)
class Archive:
    """An .npz file; its arrays are read when asked for."""

    path: Path
    names: tuple[str, ...]

    def read(self, name: str) -> Array:
        """The array `name`.

        Raises:
            Unreadable: it is damaged, pickled, of a kind that is no data, or says that it is larger than it is.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                info = archive.getinfo(f"{name}.npy")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise Unreadable(f"has the array {name!r} in a compression that NumPy does not write")
                if info.file_size > info.compress_size * DEFLATE_RATIO or info.compress_size > self.path.stat().st_size:
                    raise Unreadable(f"declares {info.file_size:,} bytes for the array {name!r}, more than it can hold")
                with archive.open(info) as stream:
                    _check_header(stream, name, info.file_size)
                with archive.open(info) as stream:
                    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
                    while stream.read(1 << 16):  # to the end, where zipfile compares the checksum
                        pass
                    return array
        except Unreadable:
            raise
        except Exception as error:  # zipfile, its codecs and NumPy raise a dozen kinds on damaged bytes
            raise Unreadable(f"has a damaged array {name!r} ({_reason(error)})", damaged=True) from None


def open_archive(path: Path) -> Archive:
    """The archive at `path`.

    Raises:
        Unreadable: it is no .npz file, or damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start == b"\x93NUMPY":
            raise Unreadable("is a single .npy array, not an .npz archive with 'x' and 'y'")
        if not zipfile.is_zipfile(path):
            cut = start.startswith(b"PK\3\4")
            raise Unreadable("is cut short" if cut else "is not an .npz file", damaged=cut)
        with zipfile.ZipFile(path) as archive:
            names = tuple(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
    except Unreadable:
        raise
    except OSError as error:
        raise Unreadable(f"cannot be read ({_reason(error)})") from None
    except Exception as error:  # zipfile raises several kinds on damaged bytes
        raise Unreadable(f"is a damaged .npz file ({_reason(error)})", damaged=True) from None
    return Archive(path, names)


def _check_header(stream: IO[bytes], name: str, size: int) -> None:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(stream)
    else:
        raise Unreadable(f"has the array {name!r} in .npy version {version[0]}.{version[1]}: only 1.0 and 2.0 are read")
    shape: tuple[int, ...] = header[0]
    dtype: np.dtype[Any] = header[2]
    if dtype.hasobject:
        message = f"holds Python objects in {name!r}: pickles, which can run code, are refused"
        raise Unreadable(message, hint=_PLAIN)
    if dtype.kind not in "biufUS" or dtype.itemsize == 0:
        raise Unreadable(f"holds neither numbers nor text in {name!r} (dtype {str(dtype)[:60]})")
    if min(shape, default=0) < 0:
        raise Unreadable(f"declares the impossible shape {shape} in {name!r}")
    declared, held = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if declared != held:
        raise Unreadable(f"declares shape {shape} of {dtype} in {name!r}, {declared:,} bytes, but holds {held:,}")


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:120]
