"""A data set that tensorflow-datasets built: its rows, and what cannot be had."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from numpy.testing import assert_array_equal
from PIL import Image

from tests.runtime.data_files import loaded, text_of
from tests.runtime.image_files import digits

X, Y = digits(150)
pytestmark = pytest.mark.usefixtures("own_folder")


class TinyDigits(tfds.core.GeneratorBasedBuilder):
    """100 and 50 handwritten digits."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None  # nothing lies beside it: neither checksums nor a package of the test

    def _info(self) -> Any:
        features = {
            "image": tfds.features.Image(shape=(None, None, 1)),
            "label": tfds.features.ClassLabel(names=[f"digit {digit}" for digit in range(10)]),
            "mean": tfds.features.Tensor(shape=(2,), dtype=np.float32),
        }
        keys = ("image", "label")
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=keys)

    def _split_generators(self, dl_manager: Any) -> Any:
        return {"train": self._generate_examples(0, 100), "test": self._generate_examples(100, 150)}

    def _generate_examples(self, first: int, end: int) -> Any:
        for i in range(first, end):
            yield i, {"image": X[i][..., None], "label": int(Y[i]), "mean": np.full(2, X[i].mean(), np.float32)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("tfds"))
    TinyDigits(data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture
def keys(prepared: str) -> dict[str, str]:
    return {
        "source": "tfds", "name": "tiny_digits", "data_dir": prepared, "input_shape": "[8, 8, 1]", "classes": "10",
        "divide_by": "255", "cache": "kept", "split": "{val: 20}",
    }  # fmt: skip


def rows_of(prepared: str, split: str) -> list[Any]:
    """What tensorflow-datasets itself gives."""
    builder: Any = tfds.builder("tiny_digits", data_dir=prepared)
    return list(tfds.as_numpy(builder.as_dataset(split=split)))


def test_rows_are_those_of_the_data_set(keys: dict[str, str], prepared: str) -> None:
    data = loaded(keys)
    train, test = rows_of(prepared, "train"), rows_of(prepared, "test")
    assert (len(data.train), len(data.val), len(data.test)) == (80, 20, 50) and data.class_names[3] == "digit 3"
    assert_array_equal(np.asarray(data.test.x), np.stack([row["image"] for row in test]).astype("f4") / np.float32(255))
    assert_array_equal(data.test.y, [row["label"] for row in test])
    assert_array_equal(data.val.y, [train[i]["label"] for i in data.val.ids])
    assert len(list(Path("kept").glob("tiny_digits-*/x.npy"))) == 1


def test_other_features_and_sizes(keys: dict[str, str], prepared: str) -> None:
    numbers = loaded(
        {**keys, "x": "mean", "input_shape": "[2]", "divide_by": "", "val": "train[:30%]", "train": "train[30%:]"}
    )
    assert (len(numbers.train), len(numbers.val)) == (70, 30)
    assert_array_equal(np.asarray(numbers.val.x), np.stack([row["mean"] for row in rows_of(prepared, "train[:30%]")]))
    several = loaded({**keys, "input_shape": "{image: [4, 4, 3], mean: [2]}", "divide_by": "", "test": "null"})
    assert isinstance(several.train.x, dict) and several.train.x["image"].shape[1:] == (4, 4, 3)
    row = rows_of(prepared, "train")[several.train.ids[0]]
    expected = Image.fromarray(row["image"][..., 0]).convert("RGB").resize((4, 4), Image.Resampling.BILINEAR)
    assert_array_equal(several.train.x["image"][:1][0], np.asarray(expected))


def test_what_cannot_be_had(keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of({**keys, "name": "tiny_digts"})
    assert "error[E701]: no data set 'tiny_digts' in " in text and "name: tiny_digts" in text
    text = text_of({**keys, "data_dir": "empty"})
    assert "error[E701]: 'tiny_digits' is not prepared in 'empty'" in text and "data.download=true" in text
    text = text_of({**keys, "val": "validation"})
    assert "error[E701]: 'tiny_digits/1.0.0' has no split 'validation'" in text and "one of train, test" in text
    text = text_of({**keys, "y": "class"})
    assert "'tiny_digits/1.0.0' has no feature 'class' for 'y'" in text and "one of image, label, mean" in text
    text = text_of({**keys, "x": "mean"})
    assert "error[E702]" in text and "'mean' holds 2 values, but 'input_shape' says [8, 8, 1]" in text
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    text = text_of(keys)
    assert "error[E808]: data=tfds needs the package 'tensorflow_datasets'" in text and "lamina[tfds]" in text
    assert "source: tfds" in text


def test_a_damaged_file_is_named(keys: dict[str, str], prepared: str) -> None:
    (path,) = Path(prepared, "tiny_digits", "1.0.0").glob("*test.tfrecord*")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
        assert "error[E720]: 'tiny_digits/1.0.0', row" in text_of(keys)
    finally:
        path.write_bytes(whole)
