"""IDX files, the format of MNIST: a type byte, a rank byte, dimensions as big-endian uint32, then bytes.

Format: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.source import Unreadable

DEFLATE_RATIO = 1032
"""The most that deflate can expand: 258 bytes from two bits."""

_BLOCK = 1 << 20
_UINT8 = 0x08


def read_idx(path: Path, rank: int) -> NDArray[np.uint8]:
    """The bytes of a plain or gzipped (`.gz`) IDX file, as an array of `rank` dimensions.

    Raises:
        Unreadable: not such a file, cut short, longer than it says, or of another type or rank.
    """
    try:
        with path.open("rb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw) as stream:
                    return _read(stream, rank, path.stat().st_size * DEFLATE_RATIO)
            return _read(raw, rank, path.stat().st_size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        damaged = not str(error).startswith("Not a gzipped file")
        raise Unreadable(f"is not an intact gzip file ({error})", damaged=damaged) from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})") from None


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _read(stream: _Stream, rank: int, most: int) -> NDArray[np.uint8]:
    header = stream.read(4 + 4 * rank)
    if len(header) < 4 or header[:2] != b"\0\0":
        raise Unreadable("is not an IDX file")
    if header[2] != _UINT8 or header[3] != rank:
        raise Unreadable(
            f"must hold unsigned bytes in {rank} dimension{'s' if rank > 1 else ''}"
            f" (got IDX type 0x{header[2]:02x} in {header[3]})"
        )
    if len(header) < 4 + 4 * rank:
        raise Unreadable("is cut short within its header", damaged=True)
    shape = tuple(int.from_bytes(header[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    declared = math.prod(shape)
    if declared > most:
        raise Unreadable(f"declares {_dims(shape)} bytes, more than it can hold")
    # The buffer grows with what is really there: a header alone allocates nothing.
    data = bytearray()
    while len(data) <= declared and (block := stream.read(_BLOCK)):
        data += block
    if len(data) != declared:
        size = "more" if len(data) > declared else f"only {len(data):,}"
        raise Unreadable(f"declares {_dims(shape)} bytes, but holds {size}", damaged=True)
    return np.frombuffer(data, np.uint8).reshape(shape)


def _dims(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{dim:,}" for dim in shape)
