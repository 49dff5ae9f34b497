"""Rows that came after a training: prepared as in it, or refused at the word of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.data.load import load
from compiler.runtime.data.new_rows import NewRows, preprocessing
from compiler.runtime.data.source import Blame, DataSettings, read_data
from compiler.spec.located import Map, located

DIGITS = {"source": "digits", "input_shape": [16, 16, 1], "classes": 10, "size": [16, 16], "divide_by": 16}
TWO = {"source": "npz", "path": "two.npz", "input_shape": {"a": [2], "b": [3, 1]}, "classes": 3}
VALUES = {"source": "npz", "path": "two.npz", "input_shape": [2], "classes": 2, "task": "regression"}


def settings_of(section: dict[str, Any]) -> tuple[DataSettings, Map]:
    tree, diagnostics = located(section, Place(Source("conf", ""), 1, 1)), Diagnostics()
    assert isinstance(tree, Map)
    settings = read_data(tree, diagnostics)
    assert settings, diagnostics.faults
    return settings, tree


def ask(section: dict[str, Any], path: str | Path, labels: bool = False) -> tuple[NewRows | None, list[str]]:
    settings, tree = settings_of(section)
    diagnostics = Diagnostics()
    rows = settings.new_rows(Path(path), {}, Blame(tree, diagnostics), labels=labels)
    return rows, [f"{fault.code} {fault.message}" for fault in diagnostics.faults]


def test_rows_are_prepared_as_in_the_training(own_folder: Path) -> None:
    from sklearn.datasets import load_digits

    settings, tree = settings_of(DIGITS)
    data = load(settings, tree)
    bunch: Any = load_digits()
    np.save("new.npy", bunch["images"][data.test.ids])
    rows, faults = ask(DIGITS, "new.npy")
    assert rows is not None and not faults and rows.y is None
    assert not isinstance(rows.x, Mapping) and not isinstance(data.test.x, Mapping)
    np.testing.assert_array_equal(rows.x[:], data.test.x[:])
    np.testing.assert_array_equal(rows.ids, np.arange(len(data.test)))
    np.savez("new.npz", x=bunch["images"], y=bunch["target"])
    rows, faults = ask(DIGITS, "new.npz", labels=True)
    assert rows is not None and not faults and rows.y is not None
    np.testing.assert_array_equal(rows.y[data.test.ids], data.test.y)


def test_several_inputs(own_folder: Path) -> None:
    np.savez("new.npz", **{"x.a": np.ones((4, 2)), "x.b": np.zeros((4, 3)), "y": [0, 1, 2, 2]})
    rows, faults = ask(TWO, "new.npz", labels=True)
    assert rows is not None and not faults and isinstance(rows.x, dict)
    assert {name: (x[:].shape, str(x[:].dtype)) for name, x in rows.x.items()} == {
        "a": ((4, 2), "float32"), "b": ((4, 3, 1), "float32"),
    }  # fmt: skip


@pytest.mark.parametrize(("section", "arrays", "said"), [
    (DIGITS, {"z": np.ones((2, 8, 8))}, ["E702 'new.npz' has no array 'x' (it has 'z')"]),
    (DIGITS, {"x": np.ones((2, 8, 8, 3)), "y": [0, 1]},
     ["E708 the rows of 'x' have shape [8, 8, 3], but the run was trained on images of any size with 1 channels"]),
    (DIGITS, {"x": np.full((2, 8, 8), "a"), "y": [0, 1]}, ["E702 'x' must hold numbers (got dtype <U1)"]),
    (DIGITS, {"x": np.full((2, 8, 8), np.nan), "y": [0, 11]},
     ["E704 'x' must hold finite numbers that fit float32 (got nan in row 0; 2 such rows: 0, 1)",
      "E705 labels 'y' must be whole numbers from 0 to 9 (got 11 in row 1)"]),
    (DIGITS, {"x": np.ones((2, 8, 8)), "y": [0, 1, 2]},
     ["E703 there must be one row for each sample in every array (got 2 in 'x' and 3 in 'y')"]),
    (DIGITS, {"x": np.ones((0, 8, 8)), "y": []}, ["E707 'x' has no rows"]),
    (VALUES, {"x": np.ones((2, 3)), "y": np.ones((2, 2))},
     ["E708 the rows of 'x' have shape [3], but the run was trained on rows of shape [2]"]),
    (VALUES, {"x": np.ones((2, 2)), "y": np.ones((2, 3))}, ["E708 'classes' says 2 targets a row, but 'y' has 3"]),
    (TWO, {"x.a": np.ones((2, 2)), "y": [0, 1]}, ["E702 'new.npz' has no array 'x.b' (it has 'x.a', 'y')"]),
])  # fmt: skip
def test_what_cannot_be_prepared(
    section: dict[str, Any], arrays: dict[str, Any], said: list[str], own_folder: Path
) -> None:
    np.savez("new.npz", **arrays)
    assert ask(section, "new.npz", labels=True) == (None, said)


def test_files_that_cannot_be_read(own_folder: Path) -> None:
    Path("folder.npz").mkdir()
    Path("text.npy").write_text("1,2\n")
    np.save("pickled.npy", np.array([{}], object), allow_pickle=True)
    assert ask(DIGITS, "gone.npz") == (None, ["E701 no file 'gone.npz'"])
    assert ask(DIGITS, "folder.npz") == (None, ["E701 'folder.npz' is a folder"])
    assert ask(DIGITS, "text.npy") == (None, ["E702 'text.npy' is not an .npy file, or is cut short"])
    message = "E702 'pickled.npy' holds Python objects in 'x': pickles, which can run code, are refused"
    assert ask(DIGITS, "pickled.npy") == (None, [message])
    np.save("x.npy", np.ones((2, 8, 8)))
    assert ask(DIGITS, "x.npy", labels=True) == (None, ["E702 'x.npy' is a single array"])


def test_what_a_run_keeps_of_its_preprocessing() -> None:
    settings, tree = settings_of(DIGITS)
    assert preprocessing(settings, tree, load(settings, tree)) == {
        "data": DIGITS,
        "task": "multiclass",
        "class_names": [str(digit) for digit in range(10)],
        "inputs": {"": [16, 16, 1]},
        "fitted": {},
    }
