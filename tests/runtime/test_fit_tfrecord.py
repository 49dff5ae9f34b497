"""TFRecord files written by TensorFlow: their rows, and what is damaged."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal
from PIL import Image

from compiler.runtime.data.load import load
from compiler.runtime.plan import plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, consoles
from tests.runtime.data_files import loaded, text_of
from tests.runtime.image_files import digits

pytestmark = pytest.mark.usefixtures("own_folder")
RECORDS = {
    "source": "tfrecord", "path": "digits.tfrecord", "features": "{image: png}", "input_shape": "[8, 8, 1]",
    "classes": "10", "divide_by": "255", "cache": "kept",
}  # fmt: skip
X, Y = digits(100)


def feature(value: Any) -> Any:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    array = np.atleast_1d(value).ravel()
    if array.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=array))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=array))


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def write(path: str, rows: Iterable[dict[str, Any]]) -> None:
    with tf.io.TFRecordWriter(path, "GZIP" if path.endswith(".gz") else "") as writer:
        for row in rows:
            found = {name: feature(value) for name, value in row.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=found)).SerializeToString())


def images(n: int = 100) -> list[dict[str, Any]]:
    return [{"image": png(x), "label": y} for x, y in zip(X[:n], Y[:n], strict=True)]


@pytest.mark.parametrize(("kind", "value", "divide_by"), [
    ("png", png, "255"), ("uint8", bytes, "255"), ("uint8", lambda x: x.astype(int), "255"),
    ("float32", lambda x: (x / 255).astype(np.float32).tobytes(), ""), ("float32", lambda x: x / 255, ""),
    ("int64", lambda x: x.astype(int), "255"),
])  # fmt: skip
def test_an_input_may_be_of_any_kind(kind: str, value: Callable[[np.ndarray], Any], divide_by: str) -> None:
    write("digits.tfrecord", ({"image": value(x), "label": y} for x, y in zip(X, Y, strict=True)))
    data = loaded({**RECORDS, "features": f"{{image: {kind}}}", "divide_by": divide_by})
    for split in (data.train, data.val, data.test):
        assert_array_equal(np.asarray(split.x)[..., 0], X[split.ids].astype(np.float32) / np.float32(255))
        assert_array_equal(split.y, Y[split.ids])


def test_files_by_split_several_inputs_and_targets() -> None:
    def rows(first: int, end: int) -> list[dict[str, Any]]:
        return [{"image": png(X[i]), "meta": [i, i + 0.5], "y": [Y[i] / 2, 1.0]} for i in range(first, end)]

    Path("parts").mkdir()
    write("parts/a.tfrecord", rows(0, 30))
    write("parts/b.tfrecord.gz", rows(30, 60))
    write("test-0", rows(60, 80))
    keys = {
        **RECORDS, "path": "{train: parts, test: 'test-*'}", "features": "{image: png, meta: float32}", "label": "y",
        "input_shape": "{image: [4, 4, 3], meta: [2]}", "task": "regression", "classes": "2", "divide_by": "",
    }  # fmt: skip
    data = loaded({**keys, "split": "{val: 20}"})
    assert isinstance(data.train.x, dict) and isinstance(data.test.x, dict)
    assert (len(data.train), len(data.val), len(data.test)) == (40, 20, 20)
    assert_array_equal(data.train.x["meta"][:][:, 0], data.train.ids)
    assert_array_equal(data.test.x["meta"][:][:, 0], np.arange(60, 80))
    assert_array_equal(data.test.y[:, 0], (Y[60:80] / 2).astype(np.float32))
    expected = np.asarray(Image.fromarray(X[60]).convert("RGB").resize((4, 4), Image.Resampling.BILINEAR))
    assert_array_equal(data.test.x["image"][:1][0], expected)


def test_labels_of_several_classes_each() -> None:
    write("digits.tfrecord", ({"image": png(x), "label": [y % 2, y > 4]} for x, y in zip(X, Y, strict=True)))
    data = loaded({**RECORDS, "task": "multilabel", "classes": "2"})
    assert_array_equal(data.val.y, np.stack([Y % 2, Y > 4], 1)[data.val.ids])


def test_once_kept_it_needs_no_tensorflow_and_changes_are_seen() -> None:
    write("digits.tfrecord", images())
    first = loaded(RECORDS)
    code = """if True:
        import sys
        from tests.runtime.data_files import loaded
        keys = dict(pair.split("=", 1) for pair in sys.argv[1:])
        print(len(loaded(keys).train), "tensorflow" in sys.modules)
    """
    words = [f"{key}={value}" for key, value in RECORDS.items()]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, env={"PYTHONPATH": root}
    )
    assert done.stdout.split() == [str(len(first.train)), "False"], done.stderr
    write("digits.tfrecord", images()[::-1])
    assert loaded(RECORDS).fingerprints != first.fingerprints


def cut() -> None:
    write("digits.tfrecord", images())
    content = Path("digits.tfrecord").read_bytes()
    Path("digits.tfrecord").write_bytes(content[:-30])


def flipped() -> None:
    write("digits.tfrecord", images())
    content = bytearray(Path("digits.tfrecord").read_bytes())
    content[len(content) // 2] ^= 4
    Path("digits.tfrecord").write_bytes(content)


def no_example() -> None:
    with tf.io.TFRecordWriter("digits.tfrecord") as writer:
        writer.write(b"\xff\xff no example")


def damaged_image() -> None:
    write("digits.tfrecord", [*images(3), {"image": png(X[4])[:60], "label": 4}])


CASES: dict[str, tuple[dict[str, str], Callable[[], object]]] = {
    "absent": ({}, lambda: None),
    "cut": ({}, cut),
    "flipped": ({}, flipped),
    "no_example": ({}, no_example),
    "no_records": ({}, lambda: Path("digits.tfrecord").write_bytes(b"")),
    "damaged_image": ({}, damaged_image),
    "no_feature": ({"features": "{img: png}"}, lambda: write("digits.tfrecord", images())),
    "no_label": ({"label": "class"}, lambda: write("digits.tfrecord", images())),
    "kind": ({"features": "{label: png}"}, lambda: write("digits.tfrecord", images())),
    "shape": ({"features": "{label: int64}"}, lambda: write("digits.tfrecord", images())),
    "settings": ({"features": "{image: gif}", "path": "{traim: a}", "size": "[8, 8]"}, lambda: None),
    "features": ({"features": "{a: uint8, b: png}", "input_shape": "[4]"}, lambda: None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_text_of_a_fault(case: str, golden: Callable[[str, str], None]) -> None:
    keys, write_files = CASES[case]
    write_files()
    golden(f"tfrecord/{case}.txt", text_of({**RECORDS, **keys}))


def test_the_example_of_the_page_loads(tmp_path: Path) -> None:
    (example,) = (example for example in consoles(ROOT / "docs/data.md") if example.title == "TFRecord files")
    example.make_files(tmp_path)
    job = plan(compose(for_hydra(example.commands[0][1:])))
    assert job.data is not None and len(load(job.data, job.data_section).train) == 210
