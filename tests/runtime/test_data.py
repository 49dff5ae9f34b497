"""Data sources: their rows, splits and fingerprints against scikit-learn, SciPy and NumPy."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits

from compiler.errors import Diagnostics
from compiler.runtime.data import SOURCES, Dataset, cifar10, fashion_mnist, read_data
from compiler.runtime.data.images import resized
from compiler.runtime.data.load import load
from compiler.runtime.data.settle import settled_section
from tests.runtime.data_files import (
    CIFAR,
    DIGITS,
    FASHION,
    IMAGES,
    NPZ,
    X,
    Y,
    bytes_images,
    cifar,
    folder,
    loaded,
    put,
    save,
    section,
)

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "data"
SHARED = ROOT.parent / "shared" / "data" / "fashion-mnist"
pytestmark = pytest.mark.usefixtures("own_folder")


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
    np.testing.assert_allclose(resized(x, new), np.moveaxis(np.asarray(expected), 1, -1), atol=1e-6)


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
    pixels, _ = load_digits(return_X_y=True)
    images = np.asarray(pixels, np.float32).reshape(-1, 8, 8)[data.val.ids, ..., np.newaxis]
    np.testing.assert_allclose(np.asarray(data.val.x), resized(images, (32, 32)) / 16, atol=1e-7)


UNSET = {
    **{name: ["'path'", "'input_shape'", "'classes'"] for name in ("images", "npy", "npz")},
    **dict.fromkeys(("csv", "parquet"), ("'target'",)),
    "tfrecord": ["'path'", "'features'", "'input_shape'", "'classes'"],
    "tfds": ["'name'", "'input_shape'", "'classes'"],
}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_shipped_configurations_are_valid(name: str) -> None:
    diagnostics = Diagnostics()
    tree = settled_section(section((CONF / f"{name}.yaml").read_text("utf-8")), diagnostics)
    if tree is not None:
        read_data(tree, diagnostics)
    unset = UNSET.get(name, [])
    assert sorted(fault.message.split()[0] for fault in diagnostics.faults) == sorted(unset)


def test_given_splits_are_kept() -> None:
    np.savez("mine.npz", x_train=X, y_train=Y, x_test=X[:6] + 1000, y_test=Y[:6], x_val=X[:9] + 500, y_val=Y[:9])
    data = loaded(NPZ)
    assert list(data.val.ids) == list(range(60, 69)) and list(data.test.ids) == list(range(69, 75))
    assert np.array_equal(np.asarray(data.test.x), (X[:6] + 1000).astype(np.float32)) and len(data.train) == 60
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
