"""Files from elsewhere: whatever is in them, they are refused in words or read unharmed."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import ConfigError, render
from compiler.runtime.data import Dataset
from tests.runtime.data_files import (
    CIFAR,
    FASHION,
    HUGE_IDX,
    HUGE_NPZ,
    IMAGES,
    NPZ,
    Write,
    arrays,
    cifar,
    folder,
    loaded,
    text_of,
)

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("own_folder")


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


@pytest.mark.parametrize(("keys", "write"), [(NPZ, HUGE_NPZ), (FASHION, HUGE_IDX)], ids=["npz", "idx"])
def test_a_header_alone_allocates_nothing(keys: dict[str, str], write: Write) -> None:
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
