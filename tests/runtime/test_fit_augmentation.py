"""Augmentation as layers of the model, on images from the cache that are read lazily: one training, looked at twice."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from compiler.runtime.data.load import load
from compiler.runtime.data.rows import LazyRows
from compiler.runtime.plan import Plan, plan
from compiler.runtime.run import Run, read_run
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT, consoles
from tests.runtime.image_files import write_digits

(EXAMPLE,) = (example for example in consoles(ROOT / "docs/data.md") if example.title == "Augmentation")
WORDS = [
    "model_file=augmented.yaml", "data=images", "data.path=photos", "data.input_shape=[12, 12, 1]", "data.classes=10",
    "train.epochs=2", "train.batch_size=64",
]  # fmt: skip


def job_of(*more: str) -> Plan:
    return plan(compose(for_hydra([*WORDS, *more])))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Run]:
    """The same training twice, mapped and loaded, and with another seed."""
    from rich.console import Console

    from compiler.runtime.job import run

    folder = tmp_path_factory.mktemp("augmented")
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    patch.chdir(folder)
    EXAMPLE.make_files(folder)
    write_digits("photos", 300)
    every = {"mapped": ["data.memory=map"], "loaded": ["data.memory=load"], "other": ["train.seed=1"]}
    for name, more in every.items():
        run(job_of(*more), Path(name), Console(quiet=True))
    return {name: read_run(folder / name) for name in every}


def model_of(run: Run) -> keras.Model:
    model = keras.saving.load_model(run.file("model.keras"))
    assert isinstance(model, keras.Model)
    return model


def test_streamed_and_loaded_rows_train_the_same_network(runs: dict[str, Run]) -> None:
    first, second, other = (model_of(runs[name]).get_weights() for name in ("mapped", "loaded", "other"))
    kernels = [number for number, weight in enumerate(first) if weight.ndim > 1]
    for number in kernels:
        assert_array_equal(first[number], second[number])
        assert not np.array_equal(first[number], other[number])


def test_it_is_active_in_training_only_and_differs_from_call_to_call(runs: dict[str, Run]) -> None:
    data_section = job_of("data.memory=map")
    assert data_section.data is not None
    test = load(data_section.data, data_section.data_section).test
    assert isinstance(test.x, LazyRows)
    rows = test.x[:32]
    model = model_of(runs["mapped"])
    augmented = keras.Model(model.inputs, model.layers[2].output)
    assert_array_equal(np.asarray(augmented(rows, training=False)), rows)
    first, second = (np.asarray(augmented(rows, training=True)) for _ in range(2))
    assert not np.array_equal(first, rows) and not np.array_equal(first, second)
    saved = runs["mapped"].predictions("test")
    assert_allclose(np.asarray(model(test.x[:], training=False)), saved.predictions, atol=1e-5)
    assert_array_equal(saved.rows, test.ids)


def test_the_run_names_its_rows(runs: dict[str, Run]) -> None:
    lines = runs["mapped"].file("rows.csv").read_text("utf-8").splitlines()
    assert lines[:2] == ["row,name", "0,0/0000.png"] and len(lines) == 301
