"""Arrays in files that are mapped instead of read: the same rows, in memory that does not grow with the file."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from compiler.runtime.data import Dataset
from compiler.runtime.data.archive import NpyFiles, open_archive
from compiler.runtime.data.rows import LazyRows
from tests.runtime.data_files import NPZ, X, Y, arrays, loaded, text_of

pytestmark = pytest.mark.usefixtures("own_folder")
NPY = {**NPZ, "source": "npy", "path": "arrays"}
MAPPED = {"memory": "map"}


def write_npy(folder: str = "arrays", **named: np.ndarray) -> None:
    Path(folder).mkdir(exist_ok=True)
    for name, array in named.items():
        np.save(Path(folder, f"{name}.npy"), array)


def same(first: Dataset, second: Dataset) -> None:
    assert first.fingerprints == second.fingerprints and first.class_names == second.class_names
    for a, b in ((first.train, second.train), (first.val, second.val), (first.test, second.test)):
        assert_array_equal(a.ids, b.ids)
        assert_array_equal(a.y, b.y)
        assert not isinstance(a.x, Mapping) and not isinstance(b.x, Mapping)
        assert_array_equal(a.x[:], b.x[:])


@pytest.mark.parametrize("dtype", ["float64", ">f4", "uint8", "int64"])
def test_every_way_of_keeping_an_array_gives_the_same_rows(dtype: str) -> None:
    given = {"x": (X * 8).astype(dtype), "y": Y, "classes": np.array(["a", "b", "c"])}
    np.savez("mine.npz", **given)
    np.savez_compressed("packed.npz", **given)
    write_npy(**given)
    np.save("arrays/x.npy", np.asfortranarray(given["x"]))
    whole = loaded(NPZ)
    for keys in (NPZ, {**NPZ, "path": "packed.npz"}, NPY):
        same(loaded({**keys, **MAPPED}), whole)
    named = "{x: arrays/x.npy, y: arrays/y.npy, classes: arrays/classes.npy}"
    same(loaded({**NPY, "path": named}), whole)


def test_stored_arrays_are_mapped_inside_the_archive_and_compressed_ones_unpacked_once() -> None:
    np.savez("mine.npz", a=np.zeros(7), **arrays())
    np.savez_compressed("packed.npz", **arrays())
    stored = open_archive(Path("mine.npz")).mapped("x")
    assert isinstance(stored, np.memmap) and stored.offset > 7 * 8
    assert_array_equal(stored, X)
    assert open_archive(Path("packed.npz")).mapped("x") is None
    packed = {**NPZ, **MAPPED, "path": "packed.npz", "cache": "kept"}
    loaded(packed)
    (entry,) = Path("kept").glob("packed-*/array.npy")
    first = entry.stat().st_ino
    loaded(packed)
    assert entry.stat().st_ino == first
    entry.write_bytes(entry.read_bytes()[:-8])  # damaged: made anew
    same(loaded(packed), loaded(NPZ))
    np.savez_compressed("packed.npz", x=X + 1, y=Y)  # stale: made anew
    test = loaded(packed).test
    assert isinstance(test.x, LazyRows)
    assert_array_equal(test.x[:], (X + 1)[test.ids].astype(np.float32))
    assert len(list(Path("kept").glob("packed-*/array.npy"))) == 1


def test_a_flipped_bit_in_a_mapped_archive_is_found() -> None:
    np.savez("mine.npz", **arrays())
    content = bytearray(Path("mine.npz").read_bytes())
    content[content.index(X.tobytes()) + 100] ^= 1
    Path("mine.npz").write_bytes(content)
    assert "error[E720]: 'mine.npz' has a damaged array 'x'" in text_of({**NPZ, **MAPPED})


def test_faults_of_folders_and_files(tmp_path: Path) -> None:
    assert "error[E701]: no folder 'arrays'" in text_of(NPY)
    Path("empty").mkdir()
    assert "error[E702]: 'empty' holds no .npy files" in text_of({**NPY, "path": "empty"})
    write_npy(x=X)
    assert "'arrays' has neither 'y' nor 'y_train' (it has 'x')" in text_of(NPY)
    write_npy(y=Y[:50])
    assert "error[E703]" in text_of({**NPY, **MAPPED})
    write_npy(y=Y)
    text = text_of({**NPY, "path": "{x: arrays/x.npy, y: arrays/Y.npy}"})
    assert "error[E701]: no file 'arrays/Y.npy'" in text and "did you mean 'y.npy'?" in text
    assert "error[E702]: 'arrays/x.npy' is a file, not a folder" in text_of({**NPY, "path": "arrays/x.npy"})
    content = Path("arrays/x.npy").read_bytes()
    for damage, said in (
        (content[:-8], "declares shape (60, 4) of float64 in 'x', 1,920 bytes, but holds 1,912"),
        (b"x,y" + content[3:], "is not an .npy file"),
        (content.replace(b"(60, 4)", b"(6e, 4)"), "has a damaged array 'x'"),
    ):
        Path("arrays/x.npy").write_bytes(damage)
        for memory in ("map", "load"):
            assert f"'arrays/x.npy' {said}" in text_of({**NPY, "memory": memory})
    write_npy(x=np.where(np.arange(240).reshape(60, 4) == 30, np.nan, X))
    assert "error[E704]" in text_of({**NPY, **MAPPED})


def test_a_mapped_array_of_no_rows_is_read() -> None:
    write_npy(x=X[:0])
    assert NpyFiles(Path("arrays"), {"x": Path("arrays/x.npy")}).mapped("x").shape == (0, 4)


BEYOND = """
import resource, sys
import numpy as np
from tests.runtime.data_files import loaded
import sklearn.model_selection  # what loading imports is not what it allocates
keys = {"source": sys.argv[1], "path": sys.argv[2], "input_shape": "[65536]", "classes": "2", "divide_by": "255"}
held = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + int(sys.argv[3]), held + int(sys.argv[3])))
data = loaded(keys)
total = sum(float(data.train.x[first : first + 64].sum()) for first in range(0, len(data.train), 64))
print(type(data.train.x).__name__, total)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the limit is Linux's")
@pytest.mark.parametrize("kind", ["npy", "npz", "packed"])
def test_a_file_larger_than_the_memory_allowed_is_loaded(kind: str) -> None:
    rows, allowed = 2000, 48 << 20
    Path("big").mkdir()
    x = np.lib.format.open_memmap("big/x.npy", "w+", np.uint8, (rows, 65536))  # 125 MiB
    x[:, 0] = 255
    x.flush()
    np.save("big/y.npy", np.arange(rows) % 2)
    if kind != "npy":
        with zipfile.ZipFile("big.npz", "w", zipfile.ZIP_STORED if kind == "npz" else zipfile.ZIP_DEFLATED) as archive:
            for name in ("x.npy", "y.npy"):
                archive.write(f"big/{name}", name, compresslevel=1)
    path = {"npy": "big", "npz": "big.npz", "packed": "big.npz"}[kind]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", BEYOND, kind.replace("packed", "npz"), path, str(allowed)],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["PreparedRows", "1400.0"]
