"""CIFAR-10: 50,000 training and 10,000 test images of 32x32 RGB bytes, 10 classes.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. Its binary version has one label
byte, then 1,024 red, 1,024 green and 1,024 blue bytes for each image.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from compiler.runtime.data.keras_datasets import download
from compiler.runtime.data.paths import is_file, is_folder, user_path
from compiler.runtime.data.source import Blame, DataSettings, Part, Rows, Unreadable, ValSplit, record
from compiler.settings import MaybeStr

if TYPE_CHECKING:
    from compiler.runtime.data.keras_datasets import Pair

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-bin"
_FILES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
_RECORD = 1 + 3 * 32 * 32
_HINT = "data.path=FOLDER with the binary version of CIFAR-10 (cifar-10-batches-bin)"


class Cifar10(DataSettings, source="cifar10"):
    """From `path`, the folder of the binary version or the one that holds it; else from `keras.datasets`.

    The official test split stays `test`; `val` is taken from the training rows.
    """

    path: MaybeStr = None
    split: Annotated[ValSplit, record(ValSplit)] = ValSplit()

    def read(self, blame: Blame) -> Rows | None:
        if self.path is None:
            try:
                train, test = download("cifar10")
            except Unreadable as error:
                blame("E701", f"no CIFAR-10 here: 'path' is not set, and {error}", "path", hint=_HINT)
                return None
        else:
            pairs = self._read_folder(user_path(self.path), blame)
            if pairs is None:
                return None
            train, test = pairs
        parts = {"train": Part({"": train[0]}, train[1], "_train"), "test": Part({"": test[0]}, test[1], "_test")}
        return Rows(CLASSES, parts)

    def _read_folder(self, folder: Path, blame: Blame) -> tuple[Pair, Pair] | None:
        if not is_folder(folder):
            blame("E701", f"{str(folder)!r} is no folder", "path", hint=_HINT)
            return None
        if is_folder(folder / FOLDER):
            folder = folder / FOLDER
        pickles = [found for found in (folder, folder / "cifar-10-batches-py") if is_file(found / "data_batch_1")]
        if pickles and not is_file(folder / "data_batch_1.bin"):
            message = f"{str(pickles[0])!r} holds pickles, the Python version: they can run code and are refused"
            blame("E702", message, "path", hint=_HINT)
            return None
        found = {part: [_read_batch(folder / name, blame) for name in names] for part, names in _FILES.items()}
        train = [pair for pair in found["train"] if pair is not None]
        test = [pair for pair in found["test"] if pair is not None]
        if len(train) + len(test) < 6:
            return None
        return _joined(train), _joined(test)


def _joined(pairs: list[Pair]) -> Pair:
    import numpy as np  # not for `check`

    return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])


def _read_batch(path: Path, blame: Blame) -> Pair | None:
    import numpy as np  # not for `check`

    if not is_file(path):
        blame("E701", f"no file {str(path)!r}", "path", hint=_HINT)
        return None
    try:
        size = path.stat().st_size
        if size == 0 or size % _RECORD:
            message = f"{str(path)!r} must hold records of {_RECORD:,} bytes, but has {size:,} bytes: cut short?"
            blame("E720", message, "path")
            return None
        records = np.fromfile(path, np.uint8).reshape(-1, _RECORD)
    except OSError as error:
        blame("E702", f"{str(path)!r} cannot be read ({error.strerror})", "path")
        return None
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0]
