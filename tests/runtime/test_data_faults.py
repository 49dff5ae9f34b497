"""Every fault of the data, by the whole text that a user sees."""

from __future__ import annotations

import gzip
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.runtime.data import fashion_mnist
from tests.runtime.data_files import (
    CIFAR,
    DIGITS,
    FASHION,
    HUGE_IDX,
    HUGE_NPZ,
    IMAGES,
    NPZ,
    TRAIN_X,
    TRAIN_Y,
    Write,
    X,
    Y,
    a_zip_cut_short,
    an_npy,
    bytes_images,
    cifar,
    folder,
    idx,
    loaded,
    no_file,
    put,
    raw_npz,
    save,
    text_of,
)

GOLDENS = Path(__file__).parents[1] / "golden" / "data"
pytestmark = pytest.mark.usefixtures("own_folder")


MANY = (np.arange(180).reshape(60, 3) * 7 % 5 < 2).astype(int)
"""Labels of 60 rows, three each."""

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
    "npz_npy": (NPZ, an_npy),
    "npz_pickled": (NPZ, save(x=np.array([{"a": 1}] * 60, object), y=np.array(["a"] * 60, object))),
    "npz_no_y": (NPZ, save(y=None, labels=Y)),
    "npz_y_and_y_train": (NPZ, save(x_train=X, y_train=Y)),
    "npz_no_y_val": (NPZ, save(x=None, y=None, x_train=X, y_train=Y, x_val=X)),
    "npz_no_x_b": ({**NPZ, "input_shape": "{a: [4], b: [2]}"}, save(x=None, **{"x.a": X})),
    "npz_structured": (NPZ, save(x=np.zeros(60, [("a", "f4"), ("b", "f4")]))),
    "npz_text_x": (NPZ, save(x=X.astype(str))),
    "npz_huge": (NPZ, HUGE_NPZ),
    "npz_negative": (NPZ, raw_npz("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -8), }", bytes(64))),
    "npz_class_names": (NPZ, save(classes=np.array(["a", "b", "a"]))),
    "idx_cut": (FASHION, folder("fashion", IMAGES, **{TRAIN_X: gzip.compress(idx(np.zeros((100, 28, 28)))[:-1])})),
    "idx_longer": (FASHION, folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(idx(Y) + b"\0")})),
    "idx_huge": (
        FASHION,
        HUGE_IDX,
    ),
    "idx_other": (FASHION, folder("fashion", IMAGES, **{TRAIN_Y: gzip.compress(idx(np.zeros((1, 2, 2))))})),
    "idx_text": (FASHION, folder("fashion", IMAGES, **{TRAIN_X: gzip.compress(b"images"), TRAIN_Y: b"labels"})),
    "idx_header_cut": (FASHION, folder("fashion", IMAGES, **{TRAIN_X: gzip.compress(b"\0\0\x08\x03\0\0")})),
    "cifar_pickles": (CIFAR, folder("cifar/cifar-10-batches-py", {"data_batch_1": b"\x80\x02}."})),
    "cifar_cut": (CIFAR, folder("cifar", cifar(), data_batch_2=cifar()["data_batch_2.bin"][:3000], test_batch=b"")),
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
    "multilabel_values": ({**NPZ, "task": "multilabel"}, save(y=put(MANY, slice(3, 9), 2))),
    "multilabel_numbers": ({**NPZ, "task": "multilabel"}, save()),
    "multilabel_columns": ({**NPZ, "task": "multilabel", "classes": "4"}, save(y=MANY)),
    # E706, W725
    "multilabel_absent": ({**NPZ, "task": "multilabel"}, save(y=MANY * [1, 0, 1])),
    "multilabel_absent_val": ({**NPZ, "task": "multilabel"}, save(y=put(MANY * [1, 0, 1], 3, [1, 1, 1]))),
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
    goldens = "".join(path.read_text("utf-8") for path in GOLDENS.glob("*.txt"))
    for code in ("E701", "E702", "E703", "E704", "E705", "E706", "E707", "E708", "W709", "W725"):
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
