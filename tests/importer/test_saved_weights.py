"""Arrays from elsewhere: plain ones are read as they stand, and what is no plain array of the file is refused."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from compiler.errors import ConfigError, Fault
from compiler.importer.saved_weights import Held, arrays, inventory
from tests.importer.foreign_files import BIAS, KERNEL, members, weights, write

KEY = "layers/dense/vars/0"
DTYPES = (
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
)


def refusal(path: Path) -> Fault:
    with pytest.raises(ConfigError) as refused:
        inventory(path)
    return refused.value.faults[0]


@pytest.fixture(params=["model.keras", "model.weights.h5"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], Path]:
    """`file(weights)`: a file of either kind with these weights."""
    path = tmp_path / request.param

    def make(content: bytes) -> Path:
        if path.suffix == ".keras":
            return write(path, members(content=content))
        path.write_bytes(content)
        return path

    return make


def test_what_a_file_has(file: Callable[[bytes], Path]) -> None:
    path = file(weights())
    held = inventory(path)
    assert held == {KEY: Held((4, 3), "float32", "head"), "layers/dense/vars/1": Held((3,), "float32", "head")}
    with arrays(path, {key: one.shape for key, one in held.items()}) as found:
        assert np.array_equal(found[KEY], KERNEL)
        assert np.array_equal(found["layers/dense/vars/1"], BIAS)
        assert not found[KEY].flags.writeable


def test_arrays_of_every_kind(file: Callable[[bytes], Path]) -> None:
    values = {dtype: np.arange(6).reshape(2, 3).astype(dtype) for dtype in DTYPES}
    values |= {"scalar": np.float32(3), "empty": np.zeros((0, 2), "float32")}
    path = file(weights(lambda h5: [h5.create_dataset(f"more/{name}", data=value) for name, value in values.items()]))
    with arrays(path, {f"more/{name}": value.shape for name, value in values.items()}) as found:
        for name, value in values.items():
            assert found[f"more/{name}"].dtype == value.dtype
            assert np.array_equal(found[f"more/{name}"], value)


def test_another_shape_or_name_than_wanted(file: Callable[[bytes], Path]) -> None:
    path = file(weights())
    for wanted, message in (({KEY: (3, 4)}, "of shape [4, 3], not [3, 4]"), ({"x": (1,)}, "has no array 'x'")):
        with pytest.raises(ConfigError) as refused, arrays(path, wanted):
            pass
        assert refused.value.faults[0].code == "E904"
        assert message in refused.value.faults[0].message


def _bomb(h5: h5py.File, chunks: tuple[int, ...] | None) -> None:
    h5.create_dataset("x", shape=(10**12,), dtype="float32", chunks=chunks, fillvalue=1)


def _objects(h5: h5py.File) -> None:
    h5.create_dataset("x", data=np.array(["a", "b"], dtype=object), dtype=h5py.string_dtype())


def _external(h5: h5py.File) -> None:
    h5.create_dataset("x", shape=(10,), dtype="uint8", external=[("/etc/passwd", 0, 10)])


def _virtual(h5: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="uint8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    h5.create_virtual_dataset("x", layout)


def _loop(h5: h5py.File) -> None:
    h5["layers/again"] = h5["layers"]


def _deep(h5: h5py.File) -> None:
    h5.create_group("/".join("a" * 80))


CHANGES: dict[str, tuple[Callable[[h5py.File], object], str, str]] = {
    "bomb": (lambda h5: _bomb(h5, None), "E902", "declares 4,000,000,000,000 bytes for the array 'x'"),
    "bomb in pieces": (lambda h5: _bomb(h5, (1024,)), "E902", "the array 'x' in pieces or compressed"),
    "compressed": (lambda h5: h5.create_dataset("x", data=KERNEL, compression="gzip"), "E902", "in pieces"),
    "objects": (_objects, "E902", "the array 'x', which does not hold plain numbers"),
    "text": (lambda h5: h5.create_dataset("x", data=np.array([b"ab"])), "E902", "does not hold plain numbers"),
    "records": (lambda h5: h5.create_dataset("x", data=np.zeros(2, "f4,i4")), "E902", "does not hold plain numbers"),
    "complex": (lambda h5: h5.create_dataset("x", data=np.zeros(2, "complex64")), "E902", "not hold plain numbers"),
    "big endian": (lambda h5: h5.create_dataset("x", data=np.zeros(2, ">f4")), "E902", "not hold plain numbers"),
    "two opaque bytes": (lambda h5: h5.create_dataset("x", data=np.zeros(2, "V2")), "E902", "not hold plain numbers"),
    "no space": (lambda h5: h5.create_dataset("x", data=h5py.Empty("f4")), "E902", "the array 'x'"),
    "external": (_external, "E902", "the array 'x' in another file"),
    "virtual": (_virtual, "E902", "the array 'x' in pieces or compressed"),
    "soft link": (lambda h5: h5.__setitem__("x", h5py.SoftLink("/layers")), "E902", "the link 'x', which leads"),
    "outer link": (lambda h5: h5.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")), "E902", "the link 'x'"),
    "loop": (_loop, "E902", "'layers/again' under two names"),
    "array twice": (lambda h5: h5.__setitem__("x", h5[KEY]), "E902", "under two names"),
    "type": (lambda h5: h5.__setitem__("x", np.dtype("f4")), "E902", "'x', which is neither a group nor an array"),
    "deep": (_deep, "E903", "nests them too deep"),
    "long name": (lambda h5: h5.create_group("x" * 2_000), "E903", "nests them too deep"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_contents_that_are_refused(case: str, tmp_path: Path) -> None:
    change, code, message = CHANGES[case]
    path = write(tmp_path / "model.keras", members(content=weights(change)))
    fault = refusal(path)
    assert fault.code == code
    assert message in fault.message
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < (1 << 30) / (
        1 if sys.platform == "darwin" else 1024
    )


def test_arrays_in_the_same_place(tmp_path: Path) -> None:
    """Many small headers that all name the same bytes would be a bomb too."""
    content = weights(lambda h5: h5.create_dataset("x", data=np.zeros((5, 5), "float32")))
    path = tmp_path / "model.weights.h5"
    path.write_bytes(content)
    with h5py.File(path, "r") as h5:
        first, second = h5["x"].id.get_offset(), h5[KEY].id.get_offset()
    at = content.index(second.to_bytes(8, "little") + (48).to_bytes(8, "little"))
    path.write_bytes(content[:at] + first.to_bytes(8, "little") + content[at + 8 :])
    assert "in the same place" in refusal(path).message


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    for content in (b"", b"hello", weights()[:1000], b"\x80\x04K\x01."):
        path.write_bytes(content)
        assert refusal(path).code == "E901"


def test_a_bit_flipped_in_an_archive_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "model.keras", members())
    content = path.read_bytes()
    at = content.index(KERNEL.tobytes()) + 5
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert "Bad CRC-32 for file 'model.weights.h5'" in refusal(path).message
