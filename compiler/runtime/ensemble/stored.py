"""Arrays of an uncompressed `.npz` as views of its bytes: nothing is unpacked or copied, and no code of it is run."""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAPPED = 2**20
"""From so many bytes on a file is mapped and not read: a mapping holds a file descriptor, of which there are few."""

_LOCAL = struct.Struct("<4s22xHH")
"""What stands before a file in a zip archive: a signature, ..., the lengths of its name and of what follows that."""


def content(path: Path) -> memoryview:
    """The bytes of a file, which stay those of now when another one takes its name.

    Raises:
        OSError: from the file system.
    """
    with path.open("rb") as file:
        file.seek(0, io.SEEK_END)
        if file.tell() >= _MAPPED:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        file.seek(0)
        return memoryview(file.read())


def release(data: memoryview) -> None:
    """Let the kernel take back the memory of mapped bytes; they are read again where they are asked for."""
    if isinstance(data.obj, mmap.mmap):
        data.obj.madvise(mmap.MADV_DONTNEED)


def arrays(data: memoryview) -> Mapping[str, NDArray[Any]]:
    """The arrays of an archive as `np.savez` writes it, by their names; read-only views of `data`.

    The archive's own checksums are not compared: whoever calls this has a better one of the whole.

    Raises:
        ValueError: it is no such archive.
    """
    try:
        with zipfile.ZipFile(_Reading(data)) as archive:
            return {info.filename.removesuffix(".npy"): _array(data, info) for info in archive.infolist()}
    except Exception as error:  # what a damaged archive makes zipfile and NumPy raise has no end
        raise ValueError(str(error) or type(error).__name__) from error


def _array(data: memoryview, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename!r} is compressed; np.savez writes it as it is")
    signature, name, extra = _LOCAL.unpack_from(data, info.header_offset)
    start = info.header_offset + _LOCAL.size + name + extra
    if signature != b"PK\x03\x04" or start + info.file_size > len(data):
        raise ValueError(f"{info.filename!r} does not stand where the archive says")
    file = io.BytesIO(data[start : start + min(info.file_size, 2**16)])
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError(f"{info.filename!r} holds Python objects")
    count = int(np.prod(shape, dtype=object))
    if file.tell() + count * dtype.itemsize != info.file_size:
        raise ValueError(f"{info.filename!r} has not the length that its shape {shape} asks for")
    flat = np.frombuffer(data, dtype, count, start + file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


class _Reading(io.RawIOBase):
    """A file over `data` that copies only what is read of it."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._at = data, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        if at < 0:
            raise OSError("a seek before the beginning")
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        piece = self._data[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
