"""Data sources: their rows against scikit-learn, SciPy and NumPy, and every fault by its whole text."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys
import tracemalloc
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits

from compiler.errors import ConfigError, Diagnostics, Source, render
from compiler.runtime.data import SOURCES, Dataset, cifar10, fashion_mnist, read_data
from compiler.runtime.data.images import resized
from compiler.runtime.data.load import load
from compiler.spec.located import Map
from compiler.spec.reader import read_tree

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "data"
SHARED = ROOT.parent / "shared" / "data" / "fashion-mnist"

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


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- the configuration, and files to read -----------------------------------------------------


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


def put(array: Any, row: int, value: object) -> Any:
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


def cut(content: bytes, end: int) -> bytes:
    return content[:end]


# --- every fault, by its whole text ------------------------------------------------------------

IMAGES = fashion()
TRAIN_X, TRAIN_Y = "train_images_idx3_ubyte", "train_labels_idx1_ubyte"
X, Y = arrays()["x"], arrays()["y"]


def no_file() -> None: ...


def an_empty_npy() -> None:
    with Path("mine.npz").open("wb") as file:
        np.save(file, X)


def a_zip_cut_short() -> None:
    save()()
    Path("mine.npz").write_bytes(Path("mine.npz").read_bytes()[:-40])


def bytes_images(n: int, dtype: str) -> dict[str, Any]:
    return {"x": np.arange(n * 48).reshape(n, 4, 4, 3).astype(np.uint8).astype(dtype), "y": np.arange(n) % 3}


CASES: dict[str, tuple[dict[str, str], Write]] = {
    # settings, without a look at the data
    "source_unknown": ({**NPZ, "source": "digit"}, no_file),
    "source_missing": ({**NPZ, "source": ""}, no_file),
    "source_no_word": ({**NPZ, "source": "[digits]"}, no_file),
    "keys": ({**NPZ, "clases": "3", "split": "{val: 1.5, sed: 0}", "limit": "0", "divide_by": "-1"}, no_file),
    "values": (
        {**NPZ, "input_shape": "[4, 0]", "split": "{val: true, seed: -1}", "size": "[8]", "task": "binery"},
        no_file,
    ),
    "split_no_mapping": ({**NPZ, "split": "0.2"}, no_file),
    "split_test_given": ({**FASHION, "split": "{val: 0.1, test: 0.1}"}, no_file),
    "binary_classes": ({**NPZ, "task": "binary"}, no_file),
    "one_class": ({**NPZ, "classes": "1"}, no_file),
    "size_of_several": ({**NPZ, "input_shape": "{a: [4], b: [2]}", "size": "[8, 8]"}, no_file),
    "fractions_of_all": ({**NPZ, "split": "{val: 0.5, test: 0.5}"}, no_file),
    # E701
    "npz_absent": ({**NPZ, "path": "mines.npz"}, save()),
    "npz_absent_folder": ({**NPZ, "path": "nowhere/mine.npz"}, no_file),
    "fashion_absent": (FASHION, no_file),
    "fashion_a_file": ({**FASHION, "path": "mine.npz"}, save()),
    "fashion_incomplete": (
        FASHION,
        folder("fashion", IMAGES, train_images_idx3_ubyte=None, t10k_labels_idx1_ubyte=None),
    ),
    "cifar_absent": (CIFAR, no_file),
    "cifar_incomplete": (CIFAR, folder("cifar", cifar(), data_batch_3=None)),
    # E702
    "npz_text": (NPZ, lambda: Path("mine.npz").write_text("x,y\n1,2\n")),
    "npz_cut": (NPZ, a_zip_cut_short),
    "npz_folder": (NPZ, lambda: Path("mine.npz").mkdir()),
    "npz_npy": (NPZ, an_empty_npy),
    "npz_pickled": (NPZ, save(x=np.array([{"a": 1}] * 60, object), y=np.array(["a"] * 60, object))),
    "npz_no_y": (NPZ, save(y=None, labels=Y)),
    "npz_y_and_y_train": (NPZ, save(x_train=X, y_train=Y)),
    "npz_no_y_val": (NPZ, save(x=None, y=None, x_train=X, y_train=Y, x_val=X)),
    "npz_no_x_b": ({**NPZ, "input_shape": "{a: [4], b: [2]}"}, save(x=None, **{"x.a": X})),
    "npz_structured": (NPZ, save(x=np.zeros(60, [("a", "f4"), ("b", "f4")]))),
    "npz_text_x": (NPZ, save(x=X.astype(str))),
    "npz_huge": (NPZ, raw_npz("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4), }")),
    "npz_negative": (NPZ, raw_npz("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -8), }", bytes(64))),
    "npz_class_names": (NPZ, save(classes=np.array(["a", "b", "a"]))),
    "idx_cut": (FASHION, folder("fashion", IMAGES, **{TRAIN_X: gzip.compress(idx(np.zeros((100, 28, 28)))[:-1])})),
    "idx_longer": (FASHION, folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(idx(Y) + b"\0")})),
    "idx_huge": (
        FASHION,
        folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(b"\0\0\x08\x01\xff\xff\xff\xff", mtime=0)}),
    ),
    "idx_other": (FASHION, folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(idx(np.zeros((1, 2, 2))))})),
    "idx_text": (FASHION, folder("fashion", IMAGES, **{TRAIN_X: gzip.compress(b"images"), TRAIN_Y: b"labels"})),
    "idx_header_cut": (FASHION, folder("fashion", IMAGES, **{TRAIN_X: gzip.compress(b"\0\0\x08\x03\0\0")})),
    "cifar_pickles": (CIFAR, folder("cifar/cifar-10-batches-py", {"data_batch_1": b"\x80\x02}."})),
    "cifar_cut": (CIFAR, folder("cifar", cifar(), data_batch_2=cut(cifar()["data_batch_2.bin"], 3000), test_batch=b"")),
    # E703
    "lengths": (NPZ, save(y=Y[:-1])),
    "lengths_inputs": ({**NPZ, "input_shape": "{a: [4], b: [4]}"}, save(x=None, **{"x.a": X, "x.b": X[:50]})),
    "lengths_splits": (FASHION, folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(idx(np.arange(50) % 10))})),
    # E704
    "nan": (NPZ, save(x=put(X, 7, np.nan))),
    "infinity": (NPZ, save(x=put(put(X, slice(3, 40, 4), np.nan), 2, [0, -np.inf, 0, 0]))),
    "beyond_float32": (NPZ, save(x=put(X, 5, 1e39))),
    "beyond_float32_divided": ({**NPZ, "divide_by": "1e-30"}, save(x=put(X, 5, 1e20))),
    "nan_targets": ({**NPZ, "task": "regression", "classes": "1"}, save(y=put(Y.astype(float), 9, np.nan))),
    # E705
    "labels_fractional": (NPZ, save(y=put(Y.astype(float), 8, 1.5))),
    "labels_nan": (NPZ, save(y=put(Y.astype(float), 8, np.nan))),
    "labels_negative": (NPZ, save(y=put(Y, slice(0, 60, 7), -1))),
    "labels_too_large": (NPZ, save(y=np.arange(60) % 5)),
    "labels_too_large_named": (NPZ, save(y=np.arange(60) % 5, classes=np.array(["a", "b", "c"]))),
    "labels_from_one": (NPZ, save(y=Y + 1)),
    "labels_one_hot": (NPZ, save(y=np.eye(3)[Y])),
    "labels_text": (NPZ, save(y=np.array(["cat", "dog", "cow"])[Y])),
    "targets_rank": ({**NPZ, "task": "regression", "classes": "1"}, save(y=X.reshape(60, 2, 2))),
    # E706
    "class_absent_val": ({**NPZ, "split": "{val: 3, test: 30}"}, save(y=np.repeat([0, 1, 2], [50, 6, 4]))),
    "class_absent_small": ({**NPZ, "split": "{val: 2, test: 0.2}"}, save()),
    "class_absent_limit": ({**NPZ, "limit": "2"}, save()),
    "class_scarce": (NPZ, save(y=np.repeat([0, 1, 2], [30, 29, 1]))),
    "class_absent_given": (
        NPZ,
        save(x=None, y=None, x_train=X, y_train=Y, x_test=X, y_test=Y * 0, classes=np.array(["cat", "cow", "dog"])),
    ),
    # E707
    "empty_zero": ({**NPZ, "split": "{val: 0, test: 0.2}"}, save()),
    "empty_fraction": ({**NPZ, "split": "{val: 0.2, test: 0.001}"}, save()),
    "nothing_left": ({**NPZ, "split": "{val: 40, test: 20}"}, save()),
    "no_rows": (NPZ, save(x=X[:0], y=Y[:0])),
    "no_rows_given": (NPZ, save(x=None, y=None, x_train=X, y_train=Y, x_val=X[:0], y_val=Y[:0])),
    # E708
    "shape": ({**NPZ, "input_shape": "[5]"}, save()),
    "shape_of_image": ({**DIGITS, "input_shape": "[32, 32, 1]"}, no_file),
    "shape_resized": ({**DIGITS, "size": "[16, 16]"}, no_file),
    "shape_of_one": ({**NPZ, "input_shape": "{a: [4], b: [3]}"}, save(x=None, **{"x.a": X, "x.b": X})),
    "size_of_vectors": ({**NPZ, "size": "[8, 8]"}, save()),
    "classes_fixed": ({**DIGITS, "classes": "12", "input_shape": "[64]"}, no_file),
    "classes_fewer": ({**NPZ, "classes": "5"}, save()),
    "classes_named": ({**NPZ, "classes": "4"}, save(classes=np.array(["a", "b", "c"]))),
    "targets": ({**NPZ, "task": "regression"}, save(y=X[:, :2])),
    # W709
    "unscaled_bytes": ({**NPZ, "input_shape": "[4, 4, 3]"}, lambda: np.savez("mine.npz", **bytes_images(60, "uint8"))),
    "unscaled_images": (
        {**NPZ, "input_shape": "[4, 4, 3]"},
        lambda: np.savez("mine.npz", **bytes_images(60, "float64")),
    ),
    "unscaled_input": (
        {**NPZ, "input_shape": "{image: [4, 4, 3], row: [4]}", "divide_by": "null"},
        lambda: np.savez("mine.npz", **{"x.image": bytes_images(60, "uint8")["x"], "x.row": X, "y": Y}),
    ),
    # several at once
    "several": (
        {**NPZ, "input_shape": "[5]", "classes": "2"},
        save(x=put(X, 3, np.nan), y=put(Y.astype(float), 4, 0.5)[:-1]),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_text_of_a_fault(case: str, golden: Callable[[str, str], None]) -> None:
    keys, write = CASES[case]
    write()
    golden(f"data/{case}.txt", text_of(keys))


def test_every_code_of_the_data_has_a_case() -> None:
    goldens = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "golden" / "data").glob("*.txt"))
    for code in ("E701", "E702", "E703", "E704", "E705", "E706", "E707", "E708", "W709"):
        assert f"[{code}]" in goldens


@pytest.mark.parametrize("source", ["fashion_mnist", "cifar10"])
def test_keras_datasets_is_the_last_resort(
    source: str, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, str], None]
) -> None:
    keys = {**(FASHION if source == "fashion_mnist" else CIFAR), "path": ""}
    monkeypatch.setattr(fashion_mnist, "DEBIAN", Path("not-installed"))
    module: Any = types.ModuleType(f"keras.datasets.{source}")
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    monkeypatch.setitem(sys.modules, "keras.datasets", types.ModuleType("keras.datasets"))
    monkeypatch.setitem(sys.modules, f"keras.datasets.{source}", module)

    def fail() -> None:
        raise Exception("URL fetch failure: no network\nat length")

    module.load_data = fail
    golden(f"data/download_{source}.txt", text_of(keys))

    shape = (28, 28) if source == "fashion_mnist" else (32, 32, 3)
    x, y = np.full((100, *shape), 51, np.uint8), np.arange(100) % 10
    module.load_data = lambda: ((x, y[:, np.newaxis]), (x[:20], y[:20]))
    data = loaded(keys)
    assert (len(data.train), len(data.val), len(data.test)) == (90, 10, 20)
    assert np.all(data.train.x == np.float32(0.2))


# --- rows and splits -----------------------------------------------------------------------------


def all_y(data: Dataset) -> dict[int, int]:
    return {
        int(i): int(y) for split in (data.train, data.val, data.test) for i, y in zip(split.ids, split.y, strict=True)
    }


def test_digits_are_scikit_learns() -> None:
    oracle: Any = load_digits()
    data = loaded(DIGITS)
    for split in (data.train, data.val, data.test):
        assert isinstance(split.x, np.ndarray)
        assert split.x.dtype == np.float32 and split.x.shape == (len(split), 8, 8, 1)
        assert split.y.dtype == np.int64 and split.ids.dtype == np.int64
        assert np.array_equal(split.x[..., 0], (oracle.images[split.ids] / 16).astype(np.float32))
        assert np.array_equal(split.y, oracle.target[split.ids])
        assert np.all(np.diff(split.ids) > 0)
    assert sorted(all_y(data)) == list(range(1797))
    assert data.name == "digits" and data.task == "multiclass" and data.class_names == tuple("0123456789")
    assert data.warnings == ()


@pytest.mark.parametrize("split", ["{val: 0.15, test: 0.15}", "{val: 100, test: 0.3, seed: 5}", "{val: 11, test: 10}"])
def test_splits_have_each_class_in_proportion(split: str) -> None:
    data = loaded({**DIGITS, "split": split})
    counts = {name: np.bincount(getattr(data, name).y) for name in ("train", "val", "test")}
    totals = np.sum(list(counts.values()), axis=0)
    for count in counts.values():
        assert np.all(np.abs(count - totals * count.sum() / 1797) < 2)  # two draws, each off by less than one
    asked = {"{val: 0.15, test: 0.15}": (270, 270), "{val: 100, test: 0.3, seed: 5}": (100, 539)}.get(split, (11, 10))
    assert (len(data.val), len(data.test)) == asked


def test_the_seed_alone_decides_the_split() -> None:
    first, again, other = (loaded({**DIGITS, "split": f"{{seed: {seed}}}"}) for seed in (0, 0, 1))
    assert np.array_equal(first.val.ids, again.val.ids) and np.array_equal(first.train.ids, again.train.ids)
    assert not np.array_equal(first.val.ids, other.val.ids)


def test_limit_takes_training_rows_by_class() -> None:
    whole, some = loaded(DIGITS), loaded({**DIGITS, "limit": "200"})
    assert len(some.train) == 200 and set(some.train.ids) <= set(whole.train.ids)
    assert np.array_equal(some.val.ids, whole.val.ids) and np.array_equal(some.test.ids, whole.test.ids)
    assert np.all(np.abs(np.bincount(some.train.y) - 20) <= 1)
    assert len(loaded({**DIGITS, "limit": "100000"}).train) == len(whole.train)


def test_a_limit_just_below_the_rows_is_a_most() -> None:
    save()()
    rows = len(loaded(NPZ).train)
    assert rows == 36 and len(loaded({**NPZ, "limit": str(rows - 1)}).train) == rows - 3


@pytest.mark.parametrize(("old", "new"), [((8, 8), (32, 32)), ((8, 8), (5, 11)), ((7, 3), (7, 9)), ((1, 4), (3, 2))])
def test_resizing_is_scipys_linear_interpolation_at_half_pixels(old: tuple[int, int], new: tuple[int, int]) -> None:
    x = np.random.RandomState(0).rand(3, *old, 2).astype(np.float32)
    at = np.meshgrid(*[(np.arange(n) + 0.5) * m / n - 0.5 for m, n in zip(old, new, strict=True)], indexing="ij")
    expected = [[map_coordinates(image[..., c], at, order=1, mode="nearest") for c in range(2)] for image in x]
    np.testing.assert_allclose(resized(x, new), np.moveaxis(expected, 1, -1), atol=1e-6)


def test_digits_as_shipped_are_resized() -> None:
    tree = section((CONF / "digits.yaml").read_text("utf-8"))
    settings = read_data(tree, Diagnostics())
    assert settings is not None
    data = load(settings, tree)
    assert [split.x.shape for split in (data.train, data.val, data.test) if isinstance(split.x, np.ndarray)] == [
        (1257, 32, 32, 1),
        (270, 32, 32, 1),
        (270, 32, 32, 1),
    ]
    images = np.asarray(load_digits().images, np.float32)[data.val.ids, ..., np.newaxis]
    np.testing.assert_allclose(data.val.x, resized(images, (32, 32)) / 16, atol=1e-7)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_shipped_configurations_are_valid(name: str) -> None:
    diagnostics = Diagnostics()
    read_data(section((CONF / f"{name}.yaml").read_text("utf-8")), diagnostics)
    unset = {"npz": ["'path'", "'input_shape'", "'classes'"]}.get(name, [])
    assert sorted(fault.message.split()[0] for fault in diagnostics.faults) == sorted(unset)


def test_given_splits_are_kept() -> None:
    np.savez("mine.npz", x_train=X, y_train=Y, x_test=X[:6] + 1000, y_test=Y[:6], x_val=X[:9] + 500, y_val=Y[:9])
    data = loaded(NPZ)
    assert list(data.val.ids) == list(range(60, 69)) and list(data.test.ids) == list(range(69, 75))
    assert np.array_equal(data.test.x, (X[:6] + 1000).astype(np.float32)) and len(data.train) == 60
    np.savez("mine.npz", x_train=X, y_train=Y, x_test=X[:6], y_test=Y[:6])
    data = loaded(NPZ)
    assert (len(data.train), len(data.val), len(data.test)) == (48, 12, 6)
    assert list(data.test.ids) == list(range(60, 66)) and data.val.ids.max() < 60


def test_regression_targets_are_floats_and_not_stratified() -> None:
    targets = np.linspace(0, 1, 120).reshape(60, 2)
    for y, columns, shape in ((targets, 2, (12, 2)), (targets[:, 0], 1, (12,))):
        save(y=y)()
        data = loaded({**NPZ, "task": "regression", "classes": str(columns)})
        assert data.task == "regression" and data.class_names == ()
        assert data.val.y.dtype == np.float32 and data.val.y.shape == shape
        assert np.array_equal(data.val.y, y[data.val.ids].astype(np.float32))


def test_labels_of_any_whole_dtype_are_class_numbers() -> None:
    for y in (Y.astype(np.uint8), Y.astype(np.float64), Y.astype(np.uint64), Y.reshape(60, 1)):
        save(y=y)()
        assert all_y(loaded(NPZ)) == dict(enumerate(Y.tolist()))
    save(y=(Y > 0))()
    data = loaded({**NPZ, "task": "binary", "classes": "2"})
    assert data.task == "binary" and set(data.train.y) == {0, 1}


def test_several_inputs_come_by_name() -> None:
    save(x=None, **{"x.image": np.zeros((60, 5, 5)), "x.meta": X})()
    data = loaded({**NPZ, "input_shape": "{image: [5, 5, 1], meta: [4]}"})
    assert isinstance(data.val.x, dict)
    assert {name: x.shape for name, x in data.val.x.items()} == {"image": (12, 5, 5, 1), "meta": (12, 4)}
    assert np.array_equal(data.val.x["meta"], X[data.val.ids].astype(np.float32))


def test_class_names_are_the_files() -> None:
    for names in (np.array(["cat", "dog", "cow"]), np.array([b"cat", b"dog", b"cow"])):
        save(classes=names)()
        assert loaded(NPZ).class_names == ("cat", "dog", "cow")


def test_divide_by_one_says_that_bytes_are_meant() -> None:
    np.savez("mine.npz", **bytes_images(60, "uint8"))
    keys = {**NPZ, "input_shape": "[4, 4, 3]"}
    assert loaded({**keys, "divide_by": "1"}).warnings == () and loaded({**keys, "divide_by": "255"}).warnings == ()
    assert np.asarray(loaded({**keys, "divide_by": "255"}).train.x).max() == 1


def test_small_whole_numbers_are_no_bytes() -> None:
    save(x=np.arange(240).reshape(60, 4) % 2 == 1)()
    assert loaded(NPZ).warnings == ()
    save(x=(np.arange(240).reshape(60, 4)).astype(np.float64))()  # ages, say
    assert loaded(NPZ).warnings == ()


@pytest.mark.parametrize("where", ["cifar", "cifar/cifar-10-batches-bin"])
def test_cifar10_planes_become_channels(where: str) -> None:
    folder(where, cifar(20))()
    data = loaded(CIFAR)
    assert (len(data.train), len(data.val), len(data.test)) == (90, 10, 20) and data.class_names[3] == "cat"
    expected = np.fromfunction(lambda i, j, k: i + 2 * j + 50 * k, (32, 32, 3)) / 255
    assert isinstance(data.test.x, np.ndarray)
    np.testing.assert_allclose(data.test.x, np.broadcast_to(expected, (20, 32, 32, 3)), atol=1e-7)
    assert list(data.test.y) == list(range(10)) * 2 and data.class_names == cifar10.CLASSES


def test_idx_files_may_be_unpacked() -> None:
    folder("fashion", IMAGES)()
    packed = loaded(FASHION)
    folder("plain", {name.removesuffix(".gz"): gzip.decompress(content) for name, content in IMAGES.items()})()
    assert loaded({**FASHION, "path": "plain"}).fingerprints == packed.fingerprints


def test_debians_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    folder("datasets", IMAGES)()
    monkeypatch.setattr(fashion_mnist, "DEBIAN", Path("datasets"))
    assert len(loaded({**FASHION, "path": "null"}).test) == 20


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real Fashion-MNIST is not beside the project")
def test_real_fashion_mnist() -> None:
    data = loaded({**FASHION, "path": str(SHARED), "limit": "1000"})
    assert (len(data.train), len(data.val), len(data.test)) == (1000, 6000, 10000)
    assert np.bincount(data.val.y).tolist() == [600] * 10 and np.bincount(data.test.y).tolist() == [1000] * 10
    assert np.bincount(data.train.y).tolist() == [100] * 10
    assert data.test.ids[0] == 60000 and data.class_names[9] == "Ankle boot" == data.class_names[data.test.y[0]]
    pixels = gzip.decompress((SHARED / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    expected = np.frombuffer(pixels, np.uint8).reshape(10000, 28, 28, 1)
    assert np.array_equal(np.asarray(data.test.x), expected.astype(np.float32) / 255)
    assert data.fingerprints["rows"]["test"] == "2a51a64a675abf491b0f36f0dc7717af416def03917b12049ea0661d0a3525ce"


# --- fingerprints ----------------------------------------------------------------------------------


def test_fingerprints_of_digits_never_change() -> None:
    data = loaded(DIGITS)
    assert data.fingerprints == {
        "rows": {
            "train": "3a0ef62b5538f1571d909e40dd8d2018f4bbe79842519bfba8b6e3d82c713f22",
            "val": "9ddff2fdb99bcd70666d8710debd45f7a5d4c51fa7007fbaae6f9d7b58cc298b",
            "test": "86532e35fad98611e70767654c86070b8a4bff5bc1c42c69205d570d75dba4b2",
            "all": "6c529bb584127779e4f92f1b6c56dc7233e1fb9ba1b611dcfa2fb2e9b75598ee",
        },
        "labels": {
            "train": "550d60ba632b88a17d656d0ce4701f7c7b88ed8f1e07af65f47d74b920ed633e",
            "val": "426d7d162410dec8a96ce7fe7f90de8669d88a263144890f4fc7750f75b468b9",
            "test": "fe1b092a553314d458c94dc5ccf373efbb2456d160fce351e518ca4fe004e66f",
            "all": "da16c93afbaaa3b2d04ef751c76a3544bd532ba31cc312b13256bf6e6368e9ed",
        },
        "classes": {"all": "14a21a638a550aa3e57c4c8d12522cd74276f9c3191a8ea0644c9e31bcd14b37"},
    }


def test_fingerprints_are_of_the_sources_rows_not_of_their_preparation() -> None:
    plain, prepared = loaded(DIGITS), loaded({**DIGITS, "size": "[9, 9]", "input_shape": "[9, 9, 1]", "divide_by": "2"})
    assert plain.fingerprints == prepared.fingerprints


def test_fingerprints_tell_a_changed_row_label_and_class() -> None:
    names = np.array(["a", "b", "c"])

    def prints(keys: dict[str, str] = NPZ, **changed: Any) -> Any:
        save(**{"classes": names, **changed})()
        return loaded(keys).fingerprints

    first = prints()
    row = int(loaded(NPZ).val.ids[0])
    moved = prints(x=put(X, row, X[row] + 1e-9))
    assert {part for part in first["rows"] if first["rows"][part] != moved["rows"][part]} == {"val", "all"}
    assert moved["labels"] == first["labels"] and moved["classes"] == first["classes"]
    relabelled = prints(y=2 - Y)
    assert relabelled["labels"]["all"] != first["labels"]["all"] and relabelled["classes"] == first["classes"]
    renamed = prints(classes=names[::-1])
    assert renamed["classes"] != first["classes"] and renamed["rows"] == first["rows"]
    assert prints({**NPZ, "split": "{val: 0.2, test: 0.2, seed: 1}"})["rows"]["val"] != first["rows"]["val"]
    assert prints(x=X.astype(">f8")) == first  # the byte order of the file does not count


# --- files from elsewhere ------------------------------------------------------------------------


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` cut short, or with one to four bytes changed, more often near its ends where the structure is."""
    if rng.random() < 0.3:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        spot = rng.choice([rng.randrange(len(content)), rng.randrange(min(300, len(content)))])
        if rng.random() < 0.3:
            spot = len(content) - 1 - rng.randrange(min(300, len(content)))
        changed[spot] ^= 1 << rng.randrange(8)
    return bytes(changed)


def outcome(keys: dict[str, str]) -> Dataset | None:
    """What is loaded, or None where the data are refused; anything else than a located refusal is raised."""
    try:
        return loaded(keys)
    except ConfigError as error:
        assert error.faults and all(fault.place is not None for fault in error.faults)
        assert "Traceback" not in render(error.faults)
        return None


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_npz_files_are_refused_or_unharmed(compressed: bool) -> None:
    (np.savez_compressed if compressed else np.savez)("mine.npz", **arrays(90))
    content, intact = Path("mine.npz").read_bytes(), loaded(NPZ).fingerprints
    rng = random.Random(int(compressed))
    refused = 0
    for _ in range(300):
        Path("mine.npz").write_bytes(damaged(content, rng))
        data = outcome(NPZ)
        refused += data is None
        # What gets through the checksums has the same rows: the damage was in a time stamp, say.
        assert data is None or data.fingerprints == intact
    assert refused > 200


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_idx_files_are_refused(packed: bool) -> None:
    files = IMAGES if packed else {name.removesuffix(".gz"): gzip.decompress(data) for name, data in IMAGES.items()}
    folder("fashion", files)()
    intact = loaded(FASHION).fingerprints
    rng = random.Random(int(packed))
    refused = 0
    for _ in range(200):
        name = rng.choice(sorted(files))
        Path("fashion", name).write_bytes(damaged(files[name], rng))
        data = outcome(FASHION)
        refused += data is None
        assert data is None or not packed or data.fingerprints == intact  # plain IDX has no checksum
        Path("fashion", name).write_bytes(files[name])
    assert refused > (100 if packed else 40)


def test_damaged_cifar_files_never_crash() -> None:
    files = cifar(20)
    folder("cifar", files)()
    assert outcome(CIFAR) is not None
    rng = random.Random(0)
    refused = 0
    for _ in range(60):
        name = rng.choice(sorted(files))
        Path("cifar", name).write_bytes(damaged(files[name], rng))
        refused += outcome(CIFAR) is None
        Path("cifar", name).write_bytes(files[name])
    assert refused > 10


@pytest.mark.parametrize("case", ["npz_huge", "idx_huge"])
def test_a_header_alone_allocates_nothing(case: str) -> None:
    keys, write = CASES[case]
    write()
    text_of(keys)
    tracemalloc.start()
    try:
        text_of(keys)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("path", ["~nobody-of-this-name/a.npz", '"a\\0b.npz"', "a" * 5000, '""', "/dev/null", "'.'"])
@pytest.mark.parametrize("keys", [NPZ, FASHION, CIFAR], ids=["npz", "fashion_mnist", "cifar10"])
def test_odd_paths_are_faults(keys: dict[str, str], path: str) -> None:
    assert outcome({**keys, "path": path}) is None


def test_reading_data_imports_neither_keras_nor_tensorflow() -> None:
    program = """
import sys
from compiler.errors import Place, Source, Diagnostics
from compiler.runtime.data import read_data
from compiler.spec.located import located
keys = {"source": "digits", "input_shape": [8, 8, 1], "classes": 10, "divide_by": 16}
section = located(keys, Place(Source("a", "a"), 1, 1))
settings = read_data(section, Diagnostics())
assert not {"numpy", "sklearn", "scipy"} & set(sys.modules), "`check` would wait for them"
from compiler.runtime.data.load import load
load(settings, section)
assert not {"keras", "tensorflow"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
