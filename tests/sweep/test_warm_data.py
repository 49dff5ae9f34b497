"""A warm process reads the same data once, and again when a file has changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from compiler.runtime import warm as module
from compiler.runtime.data import Dataset
from compiler.runtime.data.load import load
from compiler.runtime.plan import plan
from compiler.runtime.warm import Warm
from compiler.spec.compose import compose


def dataset(warm: Warm, *overrides: str) -> Dataset:
    job = plan(compose(["model=mlp", *overrides]))
    assert job.data is not None
    return warm.dataset(job.data, job.data_section)


@pytest.fixture
def rows(tmp_path: Path) -> list[str]:
    write(tmp_path / "rows.npz", 0)
    return ["data=npz", f"data.path={tmp_path / 'rows.npz'}", "data.input_shape=[3]", "data.classes=2"]


def write(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    np.savez(path, x=random.uniform(size=(60, 3)).astype("float32"), y=np.arange(60) % 2)


def test_equal_settings_share_one_data_set(rows: list[str]) -> None:
    warm = Warm()
    first = dataset(warm, *rows)
    assert dataset(warm, *rows, "train.seed=1") is first
    assert dataset(warm, *rows, "data.split.seed=1") is not first
    assert dataset(warm, *rows) is first


def test_a_file_that_changed_is_read_again(rows: list[str], tmp_path: Path) -> None:
    warm = Warm()
    first = dataset(warm, *rows)
    write(tmp_path / "rows.npz", 1)
    os.utime(tmp_path / "rows.npz", (1, 1))
    second = dataset(warm, *rows)
    assert second.fingerprints["rows"] != first.fingerprints["rows"]
    assert dataset(warm, *rows) is second


def test_large_data_sets_give_way(rows: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr("compiler.runtime.data.load.load", lambda *given: read.append(given) or load(*given))
    monkeypatch.setattr(module, "MOST_DATA_BYTES", 100)
    warm = Warm()
    for seed in (0, 1, 0):
        dataset(warm, *rows, f"data.split.seed={seed}")
    assert len(read) == 3


def test_rows_are_copied_to_the_device_once() -> None:
    warm, copies = Warm(), list[object]()
    rows = np.zeros(3)
    first = warm.copied(rows, lambda rows: copies.append(rows) or object())
    assert warm.copied(rows, lambda rows: object()) is first
    assert len(copies) == 1


def test_networks_that_were_not_used_for_longest_give_way() -> None:
    warm = Warm()
    for number in range(module.MOST + 1):
        warm.keep(number, f"network {number}", 1)
    assert warm.taken(0) is None
    assert warm.taken(1) == "network 1"
    assert warm.taken(1) is None, "what is at work is not kept"
    warm.keep("large", "large", module.MOST_BYTES + 1)
    assert warm.taken("large") == "large", "one is always kept"
    assert warm.taken(2) is None
