"""NumPy's files from anywhere (.npz, .npy): no pickles, and no array larger than the file can hold.

Format: numpy.lib.format; an archive is a zip file with one `NAME.npy` for each array.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from compiler.runtime.data.dataset import Array
from compiler.runtime.data.idx import DEFLATE_RATIO
from compiler.runtime.data.source import Unreadable

_PLAIN = "save plain arrays: numpy.savez(path, x=numpy.asarray(x, 'float32'), y=numpy.asarray(y))"
_MAGIC = b"\x93NUMPY"
_BLOCK = 1 << 20
_LOCAL_HEADER = 30  # bytes of a zip member's own header; the lengths of its name and its extra field end it


@dataclass(frozen=True, slots=True)
class Archive:
    """An .npz file; its arrays are read when asked for."""

    path: Path
    names: tuple[str, ...]

    def file(self, name: str) -> Path:
        """Where the array `name` is, for messages."""
        return self.path

    def nbytes(self, name: str) -> int:
        """What the array `name` takes in memory, as its file says."""
        with _damage(name), zipfile.ZipFile(self.path) as archive:
            return self._member(archive, name).file_size

    def read(self, name: str) -> Array:
        """The array `name`.

        Raises:
            Unreadable: it is damaged, pickled, of a kind that is no data, or says that it is larger than it is.
        """
        with _damage(name), zipfile.ZipFile(self.path) as archive:
            info = self._member(archive, name)
            with archive.open(info) as stream:
                _header(stream, name, info.file_size)
            with archive.open(info) as stream:
                array: Array = np.lib.format.read_array(stream, allow_pickle=False)
                _read_to_the_end(stream)  # where zipfile compares the checksum
                return array

    def mapped(self, name: str) -> Array | None:
        """The array `name` where it lies in the file; None where it is compressed.

        It is read through once, for its checksum.

        Raises:
            Unreadable: as `read`.
        """
        with _damage(name), zipfile.ZipFile(self.path) as archive:
            info = self._member(archive, name)
            if info.compress_type != zipfile.ZIP_STORED:
                return None
            with archive.open(info) as stream:
                header = _header(stream, name, info.file_size)
                skipped = stream.tell()
                _read_to_the_end(stream)
            with self.path.open("rb") as file:
                file.seek(info.header_offset)
                local = file.read(_LOCAL_HEADER)
            lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
            return header.mapped(self.path, info.header_offset + _LOCAL_HEADER + lengths + skipped)

    def extract(self, name: str, path: Path) -> None:
        """Write the array `name` to `path`, as an .npy file.

        Raises:
            Unreadable: as `read`.
            OSError: it cannot be written.
        """
        with path.open("wb") as out:
            for block in self._blocks(name):
                out.write(block)

    def _blocks(self, name: str) -> Iterator[bytes]:
        """The .npy file of the array `name`, in pieces; the checksum has been compared when they end."""
        with _damage(name), zipfile.ZipFile(self.path) as archive:
            info = self._member(archive, name)
            with archive.open(info) as stream:
                _header(stream, name, info.file_size)
            stream = archive.open(info)
        with stream:
            while True:
                with _damage(name):
                    block = stream.read(_BLOCK)
                if not block:
                    return
                yield block

    def _member(self, archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable(f"has the array {name!r} in a compression that NumPy does not write")
        if info.file_size > info.compress_size * DEFLATE_RATIO or info.compress_size > self.path.stat().st_size:
            raise Unreadable(f"declares {info.file_size:,} bytes for the array {name!r}, more than it can hold")
        return info


@dataclass(frozen=True, slots=True)
class NpyFiles:
    """Arrays in .npy files, each under a name: what an archive is, with nothing packed.

    Attributes:
        path: the folder that they are in, for messages.
        files: their paths by name.
    """

    path: Path
    files: Mapping[str, Path]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.files)

    def file(self, name: str) -> Path:
        return self.files[name]

    def nbytes(self, name: str) -> int:
        with _damage(name):
            return self.files[name].stat().st_size

    def read(self, name: str) -> Array:
        """The array `name`; Unreadable as an archive's."""
        with self._opened(name) as (file, _):
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)

    def mapped(self, name: str) -> Array:
        """The array `name` where it lies in its file."""
        with self._opened(name) as (file, header):
            return header.mapped(self.files[name], file.tell())

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], _Header]]:
        with _damage(name), self.files[name].open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise Unreadable("is not an .npy file, or is cut short")
            file.seek(0)
            yield file, _header(file, name, self.nbytes(name), may_be_cut=True)


Arrays = Archive | NpyFiles


def open_folder(folder: Path) -> NpyFiles:
    """The .npy files of a folder.

    Raises:
        Unreadable: there are none, or it cannot be read.
    """
    try:
        files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".npy" and path.is_file()}
    except OSError as error:
        raise Unreadable(f"cannot be read ({_reason(error)})") from None
    if not files:
        raise Unreadable("holds no .npy files")
    return NpyFiles(folder, files)


def open_archive(path: Path) -> Archive:
    """The archive at `path`.

    Raises:
        Unreadable: it is no .npz file, or damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start == _MAGIC:
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


@dataclass(frozen=True, slots=True)
class _Header:
    """What an .npy file says of its array, found true."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    def mapped(self, path: Path, offset: int) -> Array:
        if 0 in self.shape:  # no bytes can be mapped
            return np.empty(self.shape, self.dtype)
        return np.memmap(path, self.dtype, "r", offset, self.shape, "F" if self.fortran else "C")


def _header(stream: IO[bytes], name: str, size: int, *, may_be_cut: bool = False) -> _Header:
    """The header at the start of a stream of `size` bytes, which is then at the array's first byte."""
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
        message = f"declares shape {shape} of {dtype} in {name!r}, {declared:,} bytes, but holds {held:,}"
        raise Unreadable(message, damaged=may_be_cut)
    return _Header(shape, header[1], dtype)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Turn what zipfile, its codecs and NumPy raise on damaged bytes into `Unreadable`."""
    try:
        yield
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # they raise a dozen kinds
        raise Unreadable(f"has a damaged array {name!r} ({_reason(error)})", damaged=True) from None


def _read_to_the_end(stream: IO[bytes]) -> None:
    while stream.read(_BLOCK):
        pass


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:120]
