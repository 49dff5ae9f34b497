"""Data sections and files to read, for the tests of data sources; files go to the working directory."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compiler.errors import ConfigError, Diagnostics, Source, render
from compiler.runtime.data import Dataset, read_data
from compiler.runtime.data.load import load
from compiler.spec.located import Map
from compiler.spec.reader import read_tree

NPZ = {"source": "npz", "path": "mine.npz", "input_shape": "[4]", "classes": "3", "split": "{val: 0.2, test: 0.2}"}
FASHION = {
    "source": "fashion_mnist",
    "path": "fashion",
    "input_shape": "[28, 28, 1]",
    "classes": "10",
    "divide_by": "255",
}
CIFAR = {"source": "cifar10", "path": "cifar", "input_shape": "[32, 32, 3]", "classes": "10", "divide_by": "255"}
DIGITS = {"source": "digits", "input_shape": "[8, 8, 1]", "classes": "10", "divide_by": "16"}

Write = Callable[[], object]


def section(keys: dict[str, str] | str) -> Map:
    text = keys if isinstance(keys, str) else "".join(f"{key}: {value}\n" for key, value in keys.items() if value)
    diagnostics = Diagnostics()
    tree = read_tree(Source("conf/data/mine.yaml", text), diagnostics)
    assert isinstance(tree, Map) and not diagnostics.faults
    return tree


def loaded(keys: dict[str, str]) -> Dataset:
    tree, diagnostics = section(keys), Diagnostics()
    settings = read_data(tree, diagnostics)
    assert settings is not None, render(diagnostics.faults)
    return load(settings, tree)


def text_of(keys: dict[str, str] | str) -> str:
    """What the user sees for this section: its faults, or the data set's warnings."""
    tree, diagnostics = section(keys), Diagnostics()
    settings = read_data(tree, diagnostics)
    if settings is None:
        assert diagnostics.has_errors
        return render(diagnostics.faults)
    assert not diagnostics.faults
    try:
        return render(load(settings, tree).warnings)
    except ConfigError as error:
        return render(error.faults)


def arrays(n: int = 60, width: int = 4, classes: int = 3) -> dict[str, Any]:
    return {"x": np.arange(n * width, dtype=np.float64).reshape(n, width) / 8 - 7, "y": np.arange(n) % classes}


def save(**changed: Any) -> Write:
    """Write mine.npz: `x` and `y` with some arrays in their place; None leaves one out."""

    def write() -> None:
        given = {name: array for name, array in {**arrays(), **changed}.items() if array is not None}
        np.savez("mine.npz", **given)

    return write


def put(array: Any, row: int | slice, value: object) -> Any:
    copy = np.array(array)
    copy[row] = value
    return copy


def raw_npz(header: str, body: bytes = b"") -> Write:
    """Write mine.npz with an `x` whose .npy header is `header`."""

    def write() -> None:
        line = header.encode().ljust(117) + b"\n"
        y = io.BytesIO()
        np.save(y, arrays()["y"])
        with zipfile.ZipFile("mine.npz", "w") as archive:
            archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + body)
            archive.writestr("y.npy", y.getvalue())

    return write


def idx(array: Any) -> bytes:
    dims = b"".join(dim.to_bytes(4, "big") for dim in array.shape)
    return bytes([0, 0, 8, array.ndim]) + dims + np.asarray(array, np.uint8).tobytes()


def fashion(train: int = 100, test: int = 20) -> dict[str, bytes]:
    rng = np.random.RandomState(0)
    files: dict[str, bytes] = {}
    for stem, n in (("train", train), ("t10k", test)):
        files[f"{stem}-images-idx3-ubyte.gz"] = gzip.compress(idx(rng.randint(0, 256, (n, 28, 28))), mtime=0)
        files[f"{stem}-labels-idx1-ubyte.gz"] = gzip.compress(idx(np.arange(n) % 10), mtime=0)
    return files


def folder(name: str, files: dict[str, bytes], **changed: bytes | None) -> Write:
    """Write a folder of files; `changed` replaces or removes the one that starts with its key."""

    def write() -> None:
        Path(name).mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            key = file.replace("-", "_").partition(".")[0]
            new = changed.get(key, content)
            if new is not None:
                Path(name, file).write_bytes(new)

    return write


def cifar(rows: int = 10) -> dict[str, bytes]:
    """Rows whose pixel (row i, column j, channel k) is i + 2j + 50k, whatever the label."""
    image = np.fromfunction(lambda k, i, j: i + 2 * j + 50 * k, (3, 32, 32)).astype(np.uint8).tobytes()
    records = b"".join(bytes([label % 10]) + image for label in range(rows))
    return {**{f"data_batch_{i}.bin": records for i in range(1, 6)}, "test_batch.bin": records}


IMAGES = fashion()
TRAIN_X, TRAIN_Y = "train_images_idx3_ubyte", "train_labels_idx1_ubyte"
X, Y = arrays()["x"], arrays()["y"]


def no_file() -> None: ...


def an_npy() -> None:
    with Path("mine.npz").open("wb") as file:
        np.save(file, X)


def a_zip_cut_short() -> None:
    save()()
    Path("mine.npz").write_bytes(Path("mine.npz").read_bytes()[:-40])


def bytes_images(n: int, dtype: str) -> dict[str, Any]:
    return {"x": np.arange(n * 48).reshape(n, 4, 4, 3).astype(np.uint8).astype(dtype), "y": np.arange(n) % 3}


HUGE_NPZ = raw_npz("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4), }")
HUGE_IDX = folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(b"\0\0\x08\x01\xff\xff\xff\xff", mtime=0)})
"""Files of a few bytes that declare terabytes and gigabytes."""
