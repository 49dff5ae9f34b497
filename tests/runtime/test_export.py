"""`export` of a saved run, as a user does it. The oracles are Keras alone, and what the run itself predicted."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from compiler.commands import main
from compiler.runtime.data.load import load
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import RunWriter, read_run
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.targets.keras import build
from tests.networks import network_graph
from tests.pages import ROOT, by_commands, consoles, examples, printed_by

PAGE = ROOT / "docs/deployment.md"
MODEL = ["model=mlp", "data.limit=200", "train.epochs=1", "model.vars.units=[16,8]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "mlp"
    run(plan(compose(for_hydra(MODEL))), folder, Console(quiet=True))
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `export` prints; what it prints of a fault, which must be one, behind its code."""

    def export(*words: str, fault: str = "") -> str:
        capsys.readouterr()
        if not fault:
            main(["export", *words])
            return capsys.readouterr().out
        with pytest.raises(SystemExit) as stop:
            main(["export", *words])
        assert stop.value.code == 2
        text = capsys.readouterr().err
        assert f"error[{fault}]: " in text and text.endswith("1 error\n\n"), text
        return text.partition(f"error[{fault}]: ")[2]

    return export


def rows() -> np.ndarray:
    job = plan(compose(for_hydra(MODEL)))
    assert job.data is not None
    x = load(job.data, job.data_section).test.x
    assert isinstance(x, np.ndarray)
    return x


def again(trained: Path, folder: Path, change: Callable[[Any], None]) -> Path:
    """A run of the same model whose weights `change` made."""
    model: Any = keras.saving.load_model(trained / "model.keras")
    change(model)
    record = read_run(trained).record
    with RunWriter(folder, {"kind": "keras", "name": "mlp"}) as writer:
        writer.save_text("model.yaml", (trained / "model.yaml").read_text("utf-8"))
        writer.save("model.keras", model.save)
        writer.complete({key: record[key] for key in ("spec_hash", "config")})
    return folder


def test_a_file_that_keras_alone_reads(trained: Path, own_folder: Path, said: Callable[..., str]) -> None:
    printed = said(f"run={trained}", "to=keras")
    assert printed.startswith("10 layers became 4; outputs differ by ")
    assert "rows of the run's data" in printed and printed.splitlines()[-1] == "mlp.keras"
    assert sorted(path.name for path in own_folder.iterdir()) == ["mlp.keras"]
    np.save("x.npy", rows())
    script = """
import sys, keras, numpy as np
model = keras.saving.load_model("mlp.keras")
np.save("y.npy", model.predict(np.load("x.npy"), verbose=0))
print(*(type(layer).__name__ for layer in model.layers))
assert not any(name.startswith("compiler") for name in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "InputLayer Flatten Dense Dense Dense"
    wanted = read_run(trained).predictions("test").predictions
    np.testing.assert_allclose(np.load("y.npy"), wanted, atol=1e-5)


def test_a_saved_model_serves(trained: Path, own_folder: Path, said: Callable[..., str]) -> None:
    result = json.loads(said(f"run={trained}", "to=saved_model", "-o", "served", "--json"))
    assert result["path"] == "served" and result["layers"] == [10, 4] and result["difference"] < 1e-5
    loaded: Any = tf.saved_model.load("served")
    wanted = read_run(trained).predictions("test").predictions
    np.testing.assert_allclose(loaded.serve(rows()), wanted, atol=1e-5)
    assert "it exists already" in said(f"run={trained}", "to=saved_model", "-o", "served", fault="E006")


def test_passes_are_chosen(trained: Path, own_folder: Path, said: Callable[..., str]) -> None:
    assert said(f"run={trained}", "to=keras", "--passes", "none").startswith(
        "10 layers became 10; outputs differ by 0.0e+00"
    )
    assert said(f"run={trained}", "to=keras", "--passes", "remove_dropout").startswith("10 layers became 8")


def test_without_its_data_random_rows_are_compared(
    trained: Path, own_folder: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.run.Run.section", lambda run, name: {"source": "npz", "path": "gone.npz"})
    assert "on 32 random rows" in said(f"run={trained}", "to=keras")


def test_what_folding_would_change_is_not_written(trained: Path, own_folder: Path, said: Callable[..., str]) -> None:
    def cancel(model: Any) -> None:
        """Large numbers that the normalisation takes off again: float32 has lost what stood behind them."""
        dense, norm = model.get_layer("hidden.0.Dense"), model.get_layer("hidden.0.BatchNormalization")
        dense.kernel.assign(1e6 * np.ones(dense.kernel.shape))
        norm.moving_mean.assign(3e8 * np.ones(norm.moving_mean.shape))

    made = again(trained, own_folder / "cancelled", cancel)
    text = said("run=cancelled", "to=keras", fault="E803")
    assert text.startswith("the passes change what the model of 'cancelled' says: by up to ")
    assert "hint: --passes none exports it as it is" in text
    assert [path.name for path in own_folder.iterdir()] == [made.name]
    said("run=cancelled", "to=keras", "--passes", "none")
    assert Path("mlp.keras").exists()


def test_no_number_is_no_agreement(trained: Path, own_folder: Path, said: Callable[..., str]) -> None:
    again(trained, own_folder / "nan", lambda model: model.layers[-1].bias.assign(np.full(10, np.nan)))
    assert "by up to nan" in said("run=nan", "to=keras", fault="E803")


def test_weights_of_another_model(trained: Path, own_folder: Path, said: Callable[..., str]) -> None:
    other = again(trained, own_folder / "other", lambda model: None)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    shutil.rmtree(other)
    record = read_run(trained).record
    with RunWriter(other, {"kind": "keras", "name": "mlp"}) as writer:
        writer.save_text("model.yaml", (trained / "model.yaml").read_text("utf-8"))
        writer.save("model.keras", model.save)
        writer.complete({key: record[key] for key in ("spec_hash", "config")})
    assert "does not fit the model of its run" in said("run=other", "to=keras", fault="E803")


@pytest.mark.parametrize(("record", "fault"), [
    ({"kind": "gbdt"}, "the run 'odd' holds no Keras model: its kind is 'gbdt'"),
    ({"kind": "keras", "spec_hash": "0"}, "'odd/model.yaml' compiles to another model than the one that was trained"),
    ({"kind": "keras"}, "'odd/model.yaml' compiles to another model"),
])  # fmt: skip
def test_runs_that_cannot_be_exported(
    record: dict[str, str], fault: str, own_folder: Path, said: Callable[..., str]
) -> None:
    with RunWriter(own_folder / "odd") as writer:
        writer.save_text("model.yaml", "input: [3]\nlayers: [{op: Dense, units: 2}]\n")
        writer.complete(record)
    assert said("run=odd", "to=keras", fault="E803").startswith(fault)


def test_a_frozen_model_with_a_fault(own_folder: Path, said: Callable[..., str]) -> None:
    with RunWriter(own_folder / "odd") as writer:
        writer.save_text("model.yaml", "input: [3]\nlayers: [{op: MyDense, units: 2}]\n")
        writer.complete({"kind": "keras"})
    assert said("run=odd", "to=keras", fault="E102").startswith("unknown op 'MyDense'")


def test_the_page_shows_what_is_printed(trained: Path, own_folder: Path) -> None:
    (example,) = (example for example in consoles(PAGE) if "train.py" in example.body)
    (training, *exports), numbers = example.commands, re.compile(r"[\d.,]+(e-\d+)?\b|\d+")
    plan(compose(for_hydra([word for word in training[1:] if not word.startswith("hydra.")])))
    shutil.copytree(trained, "outputs/mlp")
    printed = "".join(by_commands(words) for words in exports)
    shown = "".join(f"{line}\n" for line in example.body.splitlines() if not line.startswith("$"))
    assert numbers.sub("N", printed) == numbers.sub("N", shown)
    (reading,) = (example for example in examples(PAGE) if example.language == "python")
    printed = printed_by(lambda: exec(reading.body, {}))
    assert printed == f"{['InputLayer', 'Flatten', 'Dense', 'Dense', 'Dense']}\n(5, 10)\n"
    assert "# InputLayer, Flatten, Dense, Dense, Dense" in reading.body and "# (5, 10)" in reading.body


def test_emitted_python_builds_the_folded_model(tmp_path: Path) -> None:
    from compiler.passes import chosen, run_passes

    file = tmp_path / "folded.py"
    main(["emit", "python", "model=xception_lite", "--passes", "inference", "-o", str(file)])
    names: dict[str, Any] = {"__name__": "folded"}
    exec(compile(file.read_text("utf-8"), str(file), "exec"), names)
    theirs = names["build_model"]()
    ours = build(run_passes(chosen("inference"), network_graph("xception_lite"))[0])
    assert [(w.path, w.shape) for w in theirs.weights] == [(w.path, w.shape) for w in ours.weights]
