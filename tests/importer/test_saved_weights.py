"""Arrays from elsewhere: plain ones are read as they stand, and what is no plain array of the file is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from compiler.errors import ConfigError, Fault
from compiler.importer.saved_weights import Held, arrays, inventory
from tests.importer.foreign_files import BIAS, HOSTILE, KERNEL, KEY, members, small_children, weights, write

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


SAID = {
    "bomb": "declares 4,000,000,000,000 bytes for the array 'x'",
    "bomb for a weight": "declares 4,000,000,000,000 bytes for the array 'layers/dense/vars/0'",
    "bomb in pieces": "the array 'x' in pieces or compressed",
    "compressed": "the array 'x' in pieces or compressed",
    "objects": "the array 'x', which does not hold plain numbers",
    "text": "the array 'x', which does not hold plain numbers",
    "records": "the array 'x', which does not hold plain numbers",
    "complex": "the array 'x', which does not hold plain numbers",
    "big endian": "the array 'x', which does not hold plain numbers",
    "two opaque bytes": "the array 'x', which does not hold plain numbers",
    "no space": "the array 'x'",
    "external": "the array 'x' in another file",
    "virtual": "the array 'x' in pieces or compressed",
    "soft link": "the link 'x', which leads elsewhere",
    "outer link": "the link 'x', which leads elsewhere",
    "loop": "'layers/again' under two names",
    "array twice": "under two names",
    "type": "'x', which is neither a group nor an array",
    "deep": "nests them too deep",
    "long name": "nests them too deep",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_contents_that_are_refused(case: str, tmp_path: Path) -> None:
    with small_children():
        fault = refusal(write(tmp_path / "model.keras", members(content=weights(HOSTILE[case]))))
    assert fault.code == ("E903" if case in ("deep", "long name") else "E902")
    assert SAID[case] in fault.message


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
