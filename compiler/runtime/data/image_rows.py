"""Images that came after a training: one file, or a folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.decoding import BrokenFiles
from compiler.runtime.data.image_files import SUFFIXES, files_below, is_image, listed, printable
from compiler.runtime.data.image_folder import blame_broken
from compiler.runtime.data.images import PreparedRows
from compiler.runtime.data.new_rows import NewRows
from compiler.runtime.data.paths import is_file, is_folder
from compiler.runtime.data.source import Blame

if TYPE_CHECKING:
    from compiler.runtime.data.image_folder import Images


def image_rows(settings: Images, path: Path, classes: Sequence[str], blame: Blame, *, labels: bool) -> NewRows | None:
    """The rows of an image file, or of all image files below a folder, in the order of their paths.

    Args:
        classes: the names of the training's classes. A file's label is the folder that it lies in at the top of `path`.
        labels: whether labels are wanted.

    Returns:
        None where `blame` was told why not: E701, E702, E705, E707, E720.
    """
    found = _found(path, blame)
    if found is None:
        return None
    folder, paths = found
    y = _labels(paths, classes, blame) if labels else None
    if labels and y is None:
        return None
    try:
        images = settings.decoder.all(folder, paths)
    except BrokenFiles as error:
        blame_broken(error.broken, paths, blame)
        return None
    if images.broken:
        blame_broken(images.broken, paths, blame, skipped=True)
    every = np.arange(len(images.rows), dtype=np.int64)
    return NewRows(
        x=PreparedRows(images.x, every, settings.shapes[""], None, settings.divide_by),
        y=None if y is None else y[images.rows],
        ids=np.array([printable(paths[number]) for number in images.rows]),
        class_names=tuple(classes) if labels else None,
    )


def _found(path: Path, blame: Blame) -> tuple[Path, list[str]] | None:
    """A folder, and the paths of the images in it."""
    if is_file(path):
        if is_image(path):
            return path.parent, [path.name]
        blame(
            "E702", f"{str(path)!r} is no image file", "path", hint=f"one of {', '.join(sorted(SUFFIXES))}, or a folder"
        )
        return None
    if not is_folder(path):
        blame(
            "E701", f"no file or folder {str(path)!r}", "path", hint="paths are relative to the folder that you are in"
        )
        return None
    try:
        paths = sorted(file.path for file in files_below(path) if is_image(Path(file.path)))
    except OSError as error:
        blame("E702", f"{str(error.filename or path)!r} cannot be read ({error.strerror})", "path")
        return None
    if not paths:
        blame("E707", f"{str(path)!r} holds no images", "path")
        return None
    return path, paths


def _labels(paths: Sequence[str], classes: Sequence[str], blame: Blame) -> NDArray[np.int64] | None:
    number = {name: i for i, name in enumerate(classes)}
    names = [printable(path.rpartition("/")[0].partition("/")[0]) for path in paths]
    unknown = sorted({name for name in names if name not in number})
    if unknown == [""]:
        blame(
            "E705",
            "for labels each image must lie in the folder of its class",
            "path",
            hint=f"one of {listed(classes)}",
        )
        return None
    if unknown:
        what = f"the folders {listed(unknown)} are no classes" if len(unknown) > 1 else f"{unknown[0]!r} is no class"
        blame("E705", f"{what} of the run", "path", hint=f"one of {listed(classes)}")
        return None
    return np.array([number[name] for name in names], np.int64)
