"""`export` of an ensemble of networks as one model. The oracle is `predict`, which asks each member by itself."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from compiler.commands import main
from compiler.runtime.data.images import prepare
from compiler.runtime.ensemble.blends import Blend, Stacked, Weighted
from tests.runtime.ensembles import pooled, predicted, trained, weighted

DIGITS: Any = load_digits()

_DRAWN = np.random.default_rng(0)
STACKED = Stacked("multiclass", 0.5 * np.eye(10) + 0.1 * _DRAWN.normal(size=(2, 10, 10)), _DRAWN.normal(size=10))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks with dropout and normalisation, of images of 32x32, 8x8 and 20x20."""
    root = tmp_path_factory.mktemp("runs")
    few = ("data.limit=300", "train.epochs=2")
    trained(root / "large", "model=mlp", "model.vars.units=[16]", *few)
    trained(root / "other", "model=mlp", "model.vars.units=[12,8]", "train.seed=1", *few)
    trained(root / "small", "model=mlp", "data=digits_8x8", "model.vars.units=[8]", "data.divide_by=1", *few)
    trained(root / "odd", "model=convnet", "data.size=[20,20]", "data.input_shape=[20,20,1]", "data.divide_by=3", *few)
    trained(root / "knn", "model=knn", "data=digits_8x8", "data.limit=300")
    return root


@pytest.fixture
def here(runs: Path, own_folder: Path) -> Path:
    """A folder with the runs, and the digits as a user has them."""
    shutil.copytree(runs, "runs")
    np.savez("digits.npz", x=DIGITS.images)
    return own_folder


def ensemble(*names: str, blend: Blend) -> None:
    pooled(Path("e"), {name: Path("runs") / name for name in names}, blend)


@pytest.mark.parametrize(
    ("names", "blend"),
    [
        (("large", "other"), weighted(0.3, 0.9, pooling="logit")),
        (("large", "small", "odd"), weighted(0.2, 0.3, 0.5)),
        (("odd", "large"), weighted(0.5, 0.5, temperature=0.6)),
        (("large", "other"), STACKED),
    ],
    ids=["alike", "one that does not resize", "sizes left open", "stacked"],
)
def test_one_model_says_what_the_members_say(
    names: tuple[str, ...], blend: Blend, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensemble(*names, blend=blend)
    main(["export", "run=e", "to=keras", "rows=300"])
    assert "on 300 rows of the run's data" in capsys.readouterr().out
    model: Any = keras.saving.load_model("both.keras")
    x = DIGITS.images[..., None].astype("float32")
    if names == ("large", "other"):  # rows enter as both members take them
        x = prepare(DIGITS.images, np.arange(len(x)), (32, 32, 1), (32, 32), 16)
    assert model.input_shape == (None, *{"other": (32, 32), "small": (8, 8), "large": (None, None)}[names[1]], 1)
    np.testing.assert_allclose(model.predict(x, verbose=0), predicted("run=e input=digits.npz"), atol=1e-6)


def test_the_file_needs_keras_alone_and_has_no_member_without_weight(here: Path) -> None:
    ensemble("large", "small", "other", blend=weighted(0.5, 0.0, 0.5, pooling="logit"))
    main(["export", "run=e", "to=keras", "-o", "one.keras"])
    with zipfile.ZipFile("one.keras") as archive:
        text = archive.read("config.json").decode()
    modules = set(re.findall(r'"module": ("[^"]*"|null)', text))
    assert modules and all(module.startswith('"keras') for module in modules), modules
    names = {layer["name"] for layer in json.loads(text)["config"]["layers"]}
    assert {"large", "other"} <= names and "small" not in names


@pytest.mark.parametrize("form", ["saved_model", "onnx", "tflite"])
def test_other_forms_say_the_same(form: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`export` itself compares what it wrote, read by its own runtime, with what the members say."""
    ensemble("large", "small", blend=weighted(0.4, 0.8, pooling="logit"))
    main(["export", "run=e", f"to={form}", "-o", f"one.{form}".replace(".saved_model", ""), "--json"])
    assert json.loads(capsys.readouterr().out)["difference"] < 1e-5


PAIRS = {
    "binary": ({"op": "Dense", "units": 1}, {"op": "Dense", "units": 2, "activation": "softmax"}),
    "multilabel": ({"op": "Dense", "units": 3}, {"op": "Dense", "units": 3, "activation": "sigmoid"}),
}


@pytest.mark.parametrize("task", PAIRS)
def test_heads_of_every_kind_and_several_inputs(task: str, own_folder: Path) -> None:
    draw = np.random.default_rng(0)
    x: dict[str, Any] = {
        f"x.{name}": draw.normal(size=(80, size)).astype("float32") for name, size in (("a", 3), ("b", 2))
    }
    y = (draw.random((80, 3)) < 0.5).astype(int)
    np.savez("data.npz", **x, y=y if task == "multilabel" else y[:, 0])
    np.savez("digits.npz", **x)
    data = (
        "data=npz",
        "data.path=data.npz",
        f"data.task={task}",
        "data.input_shape={a: [3], b: [2]}",
        "train.epochs=1",
    )
    for name, head in zip("pq", PAIRS[task], strict=True):
        layers = [{"op": "Concatenate", "from": ["a", "b"]}, head]
        inputs = {"a": {"shape": [3]}, "b": {"shape": [2]}}
        Path(f"{name}.yaml").write_text(json.dumps({"inputs": inputs, "layers": layers}))
        classes = f"data.classes={3 if task == 'multilabel' else 2}"
        trained(Path("runs") / name, f"model_file={name}.yaml", "train.epochs=1", *data, classes)
    shape = (2, 3) if task == "multilabel" else (2, 2, 2)
    stacked = Stacked(task, draw.normal(size=shape), draw.normal(size=shape[-1]))  # pyright: ignore[reportArgumentType]  # a task
    for blend in (Weighted(task, np.array([0.8, 0.6]), "logit"), stacked):  # pyright: ignore[reportArgumentType]  # a task
        shutil.rmtree("e", ignore_errors=True)
        ensemble("p", "q", blend=blend)
        main(["export", "run=e", "to=keras"])
        model: Any = keras.saving.load_model("both.keras")
        found = model.predict({name[2:]: rows for name, rows in x.items()}, verbose=0)
        np.testing.assert_allclose(found, predicted("run=e input=digits.npz"), atol=1e-6)


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """What `export to=keras` says of a fault; nothing is left behind."""
    before = sorted(Path().iterdir())
    with pytest.raises(SystemExit) as stop:
        main(["export", "run=e", "to=keras"])
    assert stop.value.code == 2 and sorted(Path().iterdir()) == before
    return capsys.readouterr().err


def test_what_cannot_be_one_model_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ensemble("large", "knn", blend=weighted(0.5, 0.5))
    text = refused(capsys)
    assert (
        "error[E809]: to=keras cannot express the ensemble: the member 'knn' is no network: its kind is 'knn'" in text
    )
    assert "hint: to=bundle takes all members along" in text


def test_scales_that_were_fitted_to_other_rows_are_refused(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    table = np.column_stack([draw.normal(size=(90, 2)), draw.integers(0, 2, 90)])
    np.savetxt("t.csv", table, delimiter=",", header="a,b,y", comments="")
    for fold in range(2):
        words = ("data=csv", "data.path=t.csv", "data.target=y", "data.folds=2", f"data.fold={fold}")
        trained(Path(f"runs/{fold}"), "model=mlp", "model.vars.units=[4]", "train.epochs=1", *words)
    pooled(Path("e"), {"mlp": [Path("runs/0"), Path("runs/1")]}, Weighted("binary", np.ones(1)))
    assert "the members 'mlp.0' and 'mlp.1' prepare their rows differently" in refused(capsys)
