"""Image files decoded to bytes of one shape, with Pillow, in threads."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from compiler.runtime.data.archive import NpyFiles
from compiler.runtime.data.array_file import ArrayFile
from compiler.runtime.data.source import Unreadable

Bytes = NDArray[np.uint8]
Resize = Literal["stretch", "crop", "pad"]
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
VERSION = f"Pillow {Image.__version__}"
"""What decoded pixels depend on besides the files."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_CHUNK = 256  # files that are decoded between two writes


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Some images.

    Attributes:
        x: pixels, uint8 (N, H, W, C).
        digests: sha256 of each file, uint8 (N, 32).
        rows: which of the files they are, int64 (N,).
        broken: the paths of those that cannot be decoded, and why.
    """

    x: Bytes
    digests: Bytes
    rows: NDArray[np.int64]
    broken: Mapping[str, str] = field(default_factory=dict[str, str])


class BrokenFiles(Exception):
    """Files that cannot be decoded: their paths, and why."""

    def __init__(self, broken: Mapping[str, str]) -> None:
        super().__init__(f"{len(broken)} files")
        self.broken = broken


@dataclass(frozen=True, slots=True)
class Decoder:
    """How image files become bytes.

    Attributes:
        shape: (H, W, C) of an image, C of 1, 3 or 4.
        resize: `stretch`, `crop` the middle that has the shape's proportions, or `pad` with black.
        skip_broken: leave out files that cannot be decoded; else `BrokenFiles` is raised once all have been tried.
    """

    shape: tuple[int, ...]
    resize: Resize
    skip_broken: bool = False

    def decode(self, content: bytes) -> Bytes:
        """The pixels of an image file, uint8 (H, W, C).

        Its orientation is what its EXIF says. Downscaling takes the mean over a triangle as wide as two of the new
        pixels, Pillow's bilinear filter; 16 bits of grey become 8. Where there are 3 channels or 1, transparency is
        dropped.

        Raises:
            Unreadable: it is damaged, or no image.
        """
        size = (self.shape[1], self.shape[0])
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                image: Any = _eight_bits(ImageOps.exif_transpose(opened)).convert(_MODES[self.shape[2]])
            if self.resize == "crop":
                image = ImageOps.fit(image, size, Image.Resampling.BILINEAR)
            elif self.resize == "pad":
                image = ImageOps.pad(image, size, Image.Resampling.BILINEAR)
            else:
                image = image.resize(size, Image.Resampling.BILINEAR)
            return np.asarray(image, np.uint8).reshape(self.shape)
        except (Unreadable, MemoryError):
            raise
        except Image.UnidentifiedImageError:
            raise Unreadable("is no image") from None
        except Exception as error:  # Pillow's plugins raise many kinds on damaged bytes
            reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
            raise Unreadable(f"is damaged ({reason})", damaged=True) from None

    def all(self, folder: Path, paths: Sequence[str]) -> Decoded:
        """The images of files below `folder`, in memory."""
        broken = dict[str, str]()
        some = list(self._pieces(folder, paths, broken))
        self._refuse(broken)
        return Decoded(
            np.concatenate([piece.x for piece in some]),
            np.concatenate([piece.digests for piece in some]),
            np.concatenate([piece.rows for piece in some]),
            broken,
        )

    def keep(self, folder: Path, paths: Sequence[str], entry: Path) -> None:
        """Write the images of files below `folder` into the folder `entry`, for `kept`.

        Raises:
            BrokenFiles: there are some, and they are not to be skipped.
            OSError: `entry` cannot be written.
        """
        broken = dict[str, str]()
        with (
            ArrayFile(entry / "x.npy", self.shape, np.uint8) as x,
            ArrayFile(entry / "digests.npy", (32,), np.uint8) as digests,
            ArrayFile(entry / "rows.npy", (), np.int64) as rows,
        ):
            for piece in self._pieces(folder, paths, broken):
                x.append(piece.x)
                digests.append(piece.digests)
                rows.append(piece.rows)
            self._refuse(broken)
        (entry / "broken.json").write_text(json.dumps(broken), "utf-8")

    def _refuse(self, broken: Mapping[str, str]) -> None:
        if broken and not self.skip_broken:
            raise BrokenFiles(broken)

    def _pieces(self, folder: Path, paths: Sequence[str], broken: dict[str, str]) -> Iterator[Decoded]:
        """The images, some at a time; `broken` gets the paths of those that cannot be decoded, and why."""
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        root = str(folder)
        numbers = iter(range(len(paths)))
        with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
            warnings.simplefilter("ignore")  # Pillow's, of large images and odd EXIF
            while some := list(islice(numbers, _CHUNK)):
                results = list(pool.map(self._read, (os.path.join(root, paths[number]) for number in some)))  # noqa: PTH118  # a Path costs as much as a small image
                good = [
                    (number, *found) for number, found in zip(some, results, strict=True) if not isinstance(found, str)
                ]
                broken |= {
                    paths[number]: found for number, found in zip(some, results, strict=True) if isinstance(found, str)
                }
                x = np.stack([pixels for _, pixels, _ in good]) if good else np.empty((0, *self.shape), np.uint8)
                digests = np.frombuffer(b"".join(digest for _, _, digest in good), np.uint8).reshape(-1, 32)
                yield Decoded(x, digests, np.array([number for number, _, _ in good], np.int64))

    def _read(self, path: str) -> tuple[Bytes, bytes] | str:
        """A file's pixels and its sha256; or what is wrong with it."""
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # as above
                content = file.read()
            return self.decode(content), hashlib.sha256(content).digest()
        except Unreadable as error:
            return str(error)
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"


def kept(entry: Path, *, in_memory: Callable[[int], bool]) -> Decoded:
    """The images that `Decoder.keep` wrote.

    Args:
        in_memory: whether so many bytes of pixels are to be read; else they are mapped.
    """
    arrays = NpyFiles(entry, {name: entry / f"{name}.npy" for name in ("x", "digests", "rows")})
    x = arrays.read("x") if in_memory(arrays.nbytes("x")) else arrays.mapped("x")
    broken: dict[str, str] = json.loads((entry / "broken.json").read_text("utf-8"))
    return Decoded(x, arrays.read("digests"), arrays.read("rows"), broken)


def _eight_bits(image: Any) -> Any:
    """`image` with 8 bits a channel: 16 bits of grey lose their lower half."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise Unreadable(f"has pixels of 32 bits (mode {image.mode!r}), which no 8 bits can stand for")
    return image
