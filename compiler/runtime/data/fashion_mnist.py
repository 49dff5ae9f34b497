"""Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28x28 grey bytes, 10 classes.

Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms, 2017, https://arxiv.org/abs/1708.07747.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from compiler.runtime.data.keras_datasets import download
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, DataSettings, Part, Rows, Unreadable, ValSplit, record
from compiler.settings import MaybeStr

if TYPE_CHECKING:
    from compiler.runtime.data.dataset import Array
    from compiler.runtime.data.keras_datasets import Pair

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist installs the files."""

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_FILES = {"train": "train", "test": "t10k"}
_HINT = "data.path=FOLDER with the four IDX files of Fashion-MNIST, or install Debian's package dataset-fashion-mnist"


class FashionMnist(DataSettings, source="fashion_mnist"):
    """From `path`, a folder with the four IDX files; else from Debian's folder; else from `keras.datasets`.

    The official test split stays `test`; `val` is taken from the training rows.
    """

    path: MaybeStr = None
    split: Annotated[ValSplit, record(ValSplit)] = ValSplit()

    def read(self, blame: Blame) -> Rows | None:
        folder = user_path(self.path) if self.path is not None else DEBIAN
        if self.path is None and not is_folder(folder):
            try:
                train, test = download("fashion_mnist")
            except Unreadable as error:
                message = f"no Fashion-MNIST here: {str(DEBIAN)!r} is no folder, and {error}"
                blame("E701", message, "path", hint=_HINT)
                return None
        elif not is_folder(folder):
            what = "is a file, not a folder" if is_file(folder) else "is no folder"
            blame("E701", f"{str(folder)!r} {what}", "path", hint=_HINT)
            return None
        else:
            pairs = {part: _read_pair(folder, stem, blame) for part, stem in _FILES.items()}
            if pairs["train"] is None or pairs["test"] is None:
                return None
            train, test = pairs["train"], pairs["test"]
        parts = {"train": _part(train, "_train"), "test": _part(test, "_test")}
        return Rows(CLASSES, parts)


def _part(pair: Pair, suffix: str) -> Part:
    return Part({"": pair[0][..., None]}, pair[1], suffix)


def _read_pair(folder: Path, stem: str, blame: Blame) -> Pair | None:
    x = _read(folder, f"{stem}-images-idx3-ubyte", 3, blame)
    y = _read(folder, f"{stem}-labels-idx1-ubyte", 1, blame)
    return None if x is None or y is None else (x, y)


def _read(folder: Path, name: str, rank: int, blame: Blame) -> Array | None:
    from compiler.runtime.data.idx import read_idx  # imports NumPy

    looked_at = [folder / f"{name}.gz", folder / name]
    path = next((path for path in looked_at if is_file(path)), None)
    if path is None:
        blame("E701", f"no file {' or '.join(repr(str(path)) for path in looked_at)}", "path", hint=_HINT)
        return None
    try:
        return read_idx(path, rank)
    except Unreadable as error:
        blame(error.code, f"{str(path)!r} {error}", "path")
        return None
