"""Rows that are prepared when they are asked for are those that would have been loaded, whatever is asked for."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from compiler.runtime.data import memory
from compiler.runtime.data.rows import LazyRows
from tests.runtime.data_files import DIGITS, NPZ, X, loaded, save

pytestmark = pytest.mark.usefixtures("own_folder")


def lazy_and_loaded(keys: dict[str, str]) -> tuple[LazyRows, np.ndarray]:
    mapped, whole = loaded({**keys, "memory": "map"}), loaded({**keys, "memory": "load"})
    assert mapped.fingerprints == whole.fingerprints
    assert isinstance(mapped.train.x, LazyRows) and isinstance(whole.train.x, np.ndarray)
    return mapped.train.x, whole.train.x


@pytest.mark.parametrize("keys", [DIGITS, {**DIGITS, "size": "[5, 11]", "input_shape": "[5, 11, 1]"}])
def test_a_selection_is_that_of_the_loaded_array(keys: dict[str, str]) -> None:
    rows, whole = lazy_and_loaded(keys)
    assert rows.shape == whole.shape and rows.dtype == whole.dtype and rows.nbytes == whole.nbytes
    assert len(rows) == len(whole) and rows.ndim == whole.ndim
    shuffled = np.random.default_rng(0).permutation(len(whole))
    for asked in (slice(0, 64), slice(1200, 5000), slice(3, 3), slice(None), shuffled[:64], np.array([5, 5, 0])):
        got = rows[asked]
        assert got.dtype == np.float32 and got.flags.c_contiguous and got.flags.writeable
        assert_array_equal(got, whole[asked])


def test_several_threads_get_the_same() -> None:
    rows, whole = lazy_and_loaded(DIGITS)
    orders = [np.random.default_rng(seed).permutation(len(whole)) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for order, got in zip(orders, pool.map(lambda order: rows[order], orders), strict=True):
            assert_array_equal(got, whole[order])


def test_several_inputs_are_lazy_each() -> None:
    save(x=None, **{"x.image": np.ones((60, 5, 5), np.uint8), "x.meta": X})()
    data = loaded({**NPZ, "input_shape": "{image: [5, 5, 1], meta: [4]}", "memory": "map", "divide_by": "2"})
    assert isinstance(data.val.x, dict)
    assert data.val.x["image"].shape == (12, 5, 5, 1)
    assert_array_equal(data.val.x["meta"][:3], (X[data.val.ids[:3]] / 2).astype(np.float32))


def test_nobody_makes_one_array_of_them_by_mistake() -> None:
    rows, _ = lazy_and_loaded(DIGITS)
    with pytest.raises(TypeError, match="slices"):
        np.asarray(rows)


def test_what_would_fill_the_memory_is_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(loaded(DIGITS).train.x, np.ndarray)
    prepared = 4 * 1797 * 64
    for available, lazy in ((4 * prepared, False), (4 * prepared - 4, True)):
        monkeypatch.setattr(memory, "available_bytes", lambda available=available: available)
        assert isinstance(loaded(DIGITS).test.x, LazyRows) == lazy


def test_a_limit_of_the_process_is_seen() -> None:
    code = """if True:
        import resource
        from compiler.runtime.data.memory import available_bytes
        before = available_bytes()
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        print(before, available_bytes())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, after = map(int, done.stdout.split())
    assert (2 << 30) < after < (4 << 30)
