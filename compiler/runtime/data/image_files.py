"""Which image files there are below a folder, and of which classes and splits. None is opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.runtime.data.source import Blame

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
LAYOUT = "a folder for each class, CLASS/*.png, or train/CLASS/*.png with or without val/ and test/"
SHOWN = 5
"""How many files a message lists."""

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The image files below a folder.

    Attributes:
        folder: the folder.
        paths: of the files, relative to it, with `/`; part by part, in order.
        classes: the names of their folders, in order.
        numbers: the number of each file's class.
        parts: which of the files are `all`, or `train` and `val` or `test`.
        others: what else lies there, relative paths.
        state: sha256 of paths, sizes and times of change.
    """

    folder: Path
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    numbers: tuple[int, ...]
    parts: Mapping[str, range]
    others: tuple[str, ...]
    state: str


def is_image(path: Path) -> bool:
    """Whether it is called like an image."""
    return path.suffix.lower() in SUFFIXES


def scan(folder: Path, blame: Blame) -> ImageFiles | None:
    """The image files of a folder of classes; None where `blame` was told why not: E702, E707."""
    try:
        found = sorted(files_below(folder))
        folders = {entry.name for entry in os.scandir(folder) if entry.is_dir() and not _is_hidden(entry.name)}
    except OSError as error:
        blame("E702", f"{str(error.filename or folder)!r} cannot be read ({error.strerror})", "path")
        return None
    split = "train" in folders and folders <= set(_SPLITS)
    twice = sorted(name for name in folders if split and _SPLITS[name] == "val")
    if len(twice) > 1:
        blame("E702", f"{str(folder)!r} has {' and '.join(map(repr, twice))}: which is it?", "path")
        return None
    depth = 2 if split else 1  # of the files below their class
    images = [file for file in found if file.path.count("/") >= depth and is_image(Path(file.path))]
    others = tuple(file.path for file in found if file.path.count("/") < depth or not is_image(Path(file.path)))
    if not images:
        stray = [path for path in others if is_image(Path(path))]
        what = f"has no folders of images, but {len(stray):,} beside each other" if stray else "holds no images"
        blame("E707", f"{str(folder)!r} {what}", "path", hint=LAYOUT)
        return None
    by_part: dict[str, list[File]] = {"train": [], "val": [], "test": []} if split else {"all": []}
    for file in images:
        by_part[_SPLITS[file.path.partition("/")[0]] if split else "all"].append(file)
    of_class = [file.path.split("/")[depth - 1] for files in by_part.values() for file in files]
    classes = sorted({*of_class, *(folders if not split else ())})
    number = {name: i for i, name in enumerate(classes)}
    parts: dict[str, range] = {}
    first = 0
    for part, files in by_part.items():
        if files:
            parts[part] = range(first, first + len(files))
            first += len(files)
    return ImageFiles(
        folder=folder,
        paths=tuple(file.path for files in by_part.values() for file in files),
        classes=tuple(map(printable, classes)),
        numbers=tuple(number[name] for name in of_class),
        parts=parts,
        others=others,
        state=state_of(images),
    )


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A file: its path below a folder, with `/`, its size, and when it was changed, in nanoseconds."""

    path: str
    size: int
    changed: int


def files_below(folder: Path, prefix: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[File]:
    """All files below a folder, hidden ones apart; links are followed, but not to a folder above.

    Raises:
        OSError: something cannot be read.
    """
    stat = folder.stat()
    here = (*above, (stat.st_dev, stat.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            if entry.is_dir():
                stat = entry.stat()
                if (stat.st_dev, stat.st_ino) not in here:
                    yield from files_below(folder / entry.name, f"{prefix}{entry.name}/", here)
            elif entry.is_file():
                stat = entry.stat()
                yield File(prefix + entry.name, stat.st_size, stat.st_mtime_ns)


def state_of(files: list[File]) -> str:
    """Sha256 of what tells whether any of the files has changed."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.path) + f"\0{file.size}\0{file.changed}\n".encode())
    return digest.hexdigest()


def printable(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 are spelt out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def listed(paths: Sequence[str]) -> str:
    """The first of some paths, for a message."""
    return ", ".join(repr(printable(path)) for path in paths[:SHOWN]) + (", ..." if len(paths) > SHOWN else "")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
