"""Folders of images against Pillow itself: pixels, orientation, colours, splits, the cache, and what is damaged."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps

from compiler.errors import Diagnostics, render
from compiler.runtime.data import decoding, read_data
from compiler.runtime.data.decoding import Decoder
from compiler.runtime.data.new_rows import NewRows
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.data.source import Blame
from tests.runtime.data_files import loaded, section, text_of
from tests.runtime.image_files import IMAGES, digits, write, write_digits

pytestmark = pytest.mark.usefixtures("own_folder")
NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def content(image: Image.Image, form: str = "png", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def test_rows_are_the_files_in_the_order_of_their_paths() -> None:
    paths, (pixels, labels) = write_digits(), digits()
    order = np.argsort(paths)
    data = loaded(IMAGES)
    assert data.names == tuple(np.array(paths)[order]) and data.class_names == tuple("0123456789")
    for split in (data.train, data.val, data.test):
        assert isinstance(split.x, np.ndarray) and split.x.shape[1:] == (8, 8, 1)
        assert_array_equal(split.x[..., 0], pixels[order[split.ids]].astype(np.float32) / 255)
        assert_array_equal(split.y, labels[order[split.ids]])
    assert not data.warnings and data.fitted == {"classes": list("0123456789")}
    mapped = loaded({**IMAGES, "memory": "map"})
    assert isinstance(mapped.val.x, LazyRows) and mapped.fingerprints == data.fingerprints
    assert_array_equal(mapped.val.x[:], data.val.x)


@pytest.mark.parametrize("val", ["val", "valid", "validation", None])
def test_given_splits_are_kept(val: str | None) -> None:
    write_digits("photos/train", 150)
    write_digits("photos/test", 40)
    if val:
        write_digits(f"photos/{val}", 60)
    data = loaded({**IMAGES, "split": "{val: 30}"})
    assert (len(data.train), len(data.val), len(data.test)) == ((150, 60, 40) if val else (120, 30, 40))
    assert data.names and all(data.names[i].startswith("test/") for i in data.test.ids)
    assert all(
        data.names[i].split("/")[1] == data.class_names[y] for i, y in zip(data.val.ids, data.val.y, strict=True)
    )


def test_a_class_may_be_called_train() -> None:
    for name in ("car", "train"):
        for number in range(10):
            write(f"photos/{name}/{number}/{number}.png", NOISE)
    data = loaded(
        {**IMAGES, "classes": "2", "input_shape": "[4, 4, 3]", "task": "binary", "split": "{val: 2, test: 2}"}
    )
    assert data.class_names == ("car", "train") and data.names and data.names[0] == "car/0/0.png"


COLOURS = [
    ("RGB", 3),
    ("RGB", 1),
    ("L", 3),
    ("L", 1),
    ("RGBA", 4),
    ("RGBA", 3),
    ("P", 3),
    ("CMYK", 3),
    ("1", 1),
    ("LA", 4),
]


@pytest.mark.parametrize(("mode", "channels"), COLOURS)
def test_colours_are_pillows(mode: str, channels: int) -> None:
    image = Image.fromarray(NOISE).convert(mode)
    written = content(image, "tiff" if mode == "CMYK" else "png")
    expected = Image.open(io.BytesIO(written)).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    found = Decoder((40, 60, channels), "stretch").decode(written)
    assert_array_equal(found, np.asarray(expected).reshape(40, 60, channels))


@pytest.mark.parametrize(("resize", "expected"), [
    ("stretch", lambda image: image.resize((24, 16), Image.Resampling.BILINEAR)),
    ("crop", lambda image: ImageOps.fit(image, (24, 16), Image.Resampling.BILINEAR)),
    ("pad", lambda image: ImageOps.pad(image, (24, 16), Image.Resampling.BILINEAR)),
])  # fmt: skip
def test_resizing_is_pillows(resize: decoding.Resize, expected: Callable[[Image.Image], Image.Image]) -> None:
    tall = Image.fromarray(np.ascontiguousarray(NOISE.swapaxes(0, 1)))
    found = Decoder((16, 24, 3), resize).decode(content(tall))
    assert_array_equal(found, np.asarray(expected(tall)))
    black = (found == 0).all(axis=(0, 2))  # the columns beside a tall image
    assert black[0] == black[-1] == (resize == "pad") and not black[12]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_is_honoured(orientation: int) -> None:
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:10, :10], upright[10:, 20:] = 255, 120
    stored = {  # https://exiftool.org/TagNames/EXIF.html, tag 0x0112: how the stored image lies
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: upright[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(upright, 3),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = content(Image.fromarray(np.ascontiguousarray(stored)), "jpeg", quality=100, exif=exif)
    found = Decoder((20, 30, 3), "stretch").decode(written)
    assert np.abs(found.astype(int) - upright).mean() < 6


def test_sixteen_bits_become_eight_and_thirty_two_are_refused() -> None:
    deep = np.array([[0, 255, 256], [0x7FFF, 0x8000, 0xFFFF]], np.uint16)
    assert Decoder((2, 3, 1), "stretch").decode(content(Image.fromarray(deep))).ravel().tolist() == [
        0,
        0,
        1,
        127,
        128,
        255,
    ]
    write("photos/a/deep.tiff", Image.fromarray(deep.astype(np.float32)))
    write("photos/b/flat.png", NOISE)
    assert "'a/deep.tiff' has pixels of 32 bits" in text_of({**IMAGES, "classes": "2"})


def test_fingerprints_are_of_the_files_whatever_their_size_here() -> None:
    write_digits()
    small, large = loaded(IMAGES), loaded({**IMAGES, "input_shape": "[16, 12, 3]", "resize": "pad"})
    assert small.fingerprints == large.fingerprints
    write("photos/3/0003.png", np.zeros((8, 8), np.uint8))
    assert loaded(IMAGES).fingerprints["rows"]["all"] != small.fingerprints["rows"]["all"]


# --- the cache -------------------------------------------------------------------------------------


def entry() -> Path:
    (found,) = (path for path in Path("kept").iterdir() if path.is_dir())
    return found


def test_images_are_decoded_once_until_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    decode = Decoder.keep

    def counted(self: Decoder, folder: Path, paths: list[str], target: Path) -> None:
        times.append(len(paths))
        decode(self, folder, paths, target)

    monkeypatch.setattr(Decoder, "keep", counted)
    write_digits()
    first = loaded(IMAGES)
    assert loaded(IMAGES).fingerprints == first.fingerprints and times == [200]
    assert loaded({**IMAGES, "limit": "20", "split": "{seed: 1}"}).train.y.size and times == [200]
    os.utime("photos/0/0000.png", ns=(1, 1))  # touched
    assert loaded(IMAGES).fingerprints == first.fingerprints and times == [200, 200]
    Path("photos/0/0000.png").unlink()  # gone
    assert len(loaded(IMAGES).names or ()) == 199 and times[2:] == [199]
    loaded({**IMAGES, "input_shape": "[4, 4, 1]"})  # another shape is another entry
    assert times[3:] == [199] and sum(path.is_dir() for path in Path("kept").iterdir()) == 2


@pytest.mark.parametrize("name", ["x.npy", "rows.npy", "digests.npy", "broken.json", "entry.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_cache_is_made_anew(name: str, damage: str) -> None:
    write_digits(n=100)
    whole = loaded(IMAGES)
    path = entry() / name
    bytes_ = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        bytes_[len(bytes_) // 2] ^= 8
        path.write_bytes(bytes_ if damage == "flip" else bytes_[:-1])
    again = loaded(IMAGES)
    assert again.fingerprints == whole.fingerprints
    assert_array_equal(np.asarray(again.train.x), np.asarray(whole.train.x))


def test_a_kill_while_decoding_leaves_nothing_that_is_taken_for_whole() -> None:
    write_digits(n=100)
    code = """if True:
        import os
        from compiler.runtime.data import decoding
        from tests.runtime.data_files import loaded
        from tests.runtime.image_files import IMAGES
        decoding._CHUNK = 30
        pieces = decoding.Decoder._pieces
        def killed(self, *args):
            for number, piece in enumerate(pieces(self, *args)):
                if number == 2:
                    os.kill(os.getpid(), 9)
                yield piece
        decoding.Decoder._pieces = killed
        loaded(IMAGES)
    """
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(root)}, check=False)
    assert done.returncode == -9 and [path for path in Path("kept").iterdir() if path.is_dir()]
    assert len(loaded(IMAGES).names or ()) == 100
    assert entry().name.startswith("photos-")  # and what was left is gone


def test_a_full_disk_and_a_folder_that_cannot_be_written() -> None:
    write_digits(n=100)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        text = text_of(IMAGES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "error[E805]: cannot keep a cache in 'kept': File too large" in text and "cache: kept" in text
    assert not [path for path in Path("kept").iterdir() if path.is_dir()]
    Path("file").write_text("")
    assert "error[E006]: cannot keep a cache in 'file/below'" in text_of({**IMAGES, "cache": "file/below"})


# --- faults ----------------------------------------------------------------------------------------


def broken_files() -> None:
    write_digits(n=100)
    whole = Path("photos/0/0000.png").read_bytes()
    Path("photos/0/cut.png").write_bytes(whole[:60])
    Path("photos/1/flipped.png").write_bytes(whole[:-20] + b"\0" * 8 + whole[-12:])
    Path("photos/2/text.png").write_text("no image")
    Path("photos/3/empty.jpg").write_text("")
    Path("photos/4/notes.txt").write_text("cats")
    Path("photos/.hidden").write_text("")


def few() -> None:
    write_digits(n=100)
    Path("photos/10").mkdir()


def flat() -> None:
    write("photos/a.png", NOISE)
    write("photos/b.png", NOISE)


CASES: dict[str, tuple[dict[str, str], Callable[[], object]]] = {
    "absent": ({"path": "photo"}, lambda: None),
    "a_file": ({"path": "photos/0/0000.png"}, write_digits),
    "broken": ({}, broken_files),
    "skipped": ({"skip_broken": "true"}, broken_files),
    "fewer_classes": ({"classes": "12"}, lambda: write_digits(n=100)),
    "more_classes": ({}, few),
    "flat": ({}, flat),
    "empty": ({}, lambda: Path("photos").mkdir()),
    "twice": ({}, lambda: [write_digits(f"photos/{name}", 20) for name in ("train", "val", "valid")]),
    "unknown_class": ({"classes": "11"}, lambda: (write_digits("photos/train"), write("photos/test/a/a.png", NOISE))),
    "settings": ({"input_shape": "[8, 8, 2]", "classes": "1", "resize": "squeeze", "size": "[9, 9]"}, lambda: None),
    "settings_values": ({"size": "[9, 9]", "classes": "3", "task": "binary"}, lambda: None),
    "flat_shape": ({"input_shape": "[64]"}, lambda: None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_text_of_a_fault(case: str, golden: Callable[[str, str], None]) -> None:
    keys, write_files = CASES[case]
    write_files()
    golden(f"images/{case}.txt", text_of({**IMAGES, **keys}))


def test_skipped_files_are_left_out_of_the_rows() -> None:
    broken_files()
    data = loaded({**IMAGES, "skip_broken": "true"})
    assert data.names is not None and len(data.names) == 100 and "0/cut.png" not in data.names
    x, y = digits(100)
    split = data.train
    numbers = [int(data.names[i][2:6]) for i in split.ids]
    assert_array_equal(np.asarray(split.x)[..., 0], x[numbers].astype(np.float32) / 255)
    assert_array_equal(split.y, y[numbers])


def test_digests_are_sha256() -> None:
    write_digits(n=3)
    paths = sorted(path.relative_to("photos").as_posix() for path in Path("photos").rglob("*.png"))
    found = Decoder((8, 8, 1), "stretch").all(Path("photos"), paths)
    expected = [hashlib.sha256(Path("photos", path).read_bytes()).digest() for path in paths]
    assert [bytes(digest) for digest in found.digests] == expected


def test_a_link_to_a_folder_above_is_no_endless_loop() -> None:
    write_digits(n=100)
    Path("photos/0/up").symlink_to(Path.cwd() / "photos", target_is_directory=True)
    assert len(loaded(IMAGES).names or ()) == 100


# --- images that came after the training -------------------------------------------------------------


def asked(path: str, labels: bool = False, **keys: str) -> NewRows | str:
    """The rows of a file or folder, or the text of the faults."""
    tree, diagnostics = section({**IMAGES, **keys}), Diagnostics()
    settings = read_data(tree, diagnostics)
    assert settings is not None
    fitted = {"classes": list("0123456789")}
    rows = settings.new_rows(Path(path), fitted, Blame(tree, diagnostics), labels=labels)
    assert (rows is None) == diagnostics.has_errors
    return rows if rows is not None else render(diagnostics.faults)


def test_a_folder_and_a_file_are_prepared_as_in_the_training() -> None:
    write_digits()
    data = loaded(IMAGES)
    rows = asked("photos", labels=True)
    assert isinstance(rows, NewRows) and rows.y is not None and not isinstance(rows.x, Mapping)
    assert tuple(rows.ids) == data.names and rows.class_names == tuple("0123456789")
    assert_array_equal(rows.x[data.test.ids], np.asarray(data.test.x))
    assert_array_equal(rows.y[data.test.ids], data.test.y)
    one = asked("photos/7/0007.png")
    assert isinstance(one, NewRows) and one.y is None and list(one.ids) == ["0007.png"]
    assert not isinstance(one.x, Mapping)
    assert_array_equal(one.x[:], rows.x[np.array([list(rows.ids).index("7/0007.png")])])
    some = asked("photos/7")  # flat: no labels
    assert isinstance(some, NewRows) and "0007.png" in some.ids
    Path("some").mkdir()
    Path("photos/9").rename("some/9")
    nine = asked("some", labels=True)  # numbered as in the training, whatever folders there are
    assert isinstance(nine, NewRows) and nine.y is not None and set(nine.y.tolist()) == {9}


@pytest.mark.parametrize(("path", "labels", "said"), [
    ("gone", False, "error[E701]: no file or folder 'gone'"),
    ("notes.txt", False, "error[E702]: 'notes.txt' is no image file"),
    ("none", False, "error[E707]: 'none' holds no images"),
    ("photos/1", True, "error[E705]: for labels each image must lie in the folder of its class"),
    ("other", True, "error[E705]: 'cat' is no class of the run"),
    ("photos/0/cut.png", False, "error[E720]: 1 of 1 files cannot be decoded: 'cut.png' is damaged"),
])  # fmt: skip
def test_images_that_cannot_be_asked_about(path: str, labels: bool, said: str) -> None:
    broken_files()
    Path("notes.txt").write_text("")
    Path("none").mkdir()
    write("other/cat/a.png", NOISE)
    assert said in str(asked(path, labels))


def test_skipped_files_are_left_out_of_what_is_asked() -> None:
    broken_files()
    rows = asked("photos", skip_broken="true")
    assert isinstance(rows, NewRows) and len(rows) == 100 == len(rows.x)
