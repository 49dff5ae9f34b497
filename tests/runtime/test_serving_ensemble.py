"""`predict` and `evaluate` of ensembles. The oracle: what the members predicted in training, blended here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from compiler.commands import main
from compiler.runtime.run import read_run
from tests.runtime.ensembles import linear_folds, pooled, predicted, trained, weighted

pytestmark = pytest.mark.tf
DIGITS: Any = load_digits()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of three preparations: images of 32x32 and of 8x8, and one that is not scaled."""
    root = tmp_path_factory.mktemp("runs")
    few = ("data.limit=300", "train.epochs=1")
    trained(root / "large", "model=mlp", "model.vars.units=[16]", *few)
    trained(root / "small", "model=mlp", "data=digits_8x8", "model.vars.units=[8]", *few)
    trained(root / "knn", "model=knn", "data=digits_8x8", "data.divide_by=1", *few[:1])
    linear_folds(root)
    return root


@pytest.fixture
def here(runs: Path, own_folder: Path) -> Path:
    """A folder with the runs, and the digits of their test split as a user has them."""
    shutil.copytree(runs, "runs")
    rows = said("large").rows
    np.savez("test.npz", x=DIGITS.images[rows], y=DIGITS.target[rows])
    return own_folder


def said(name: str) -> Any:
    return read_run(Path("runs") / name).predictions("test")


def test_each_member_prepares_the_rows_itself(here: Path) -> None:
    members = {name: Path("runs") / name for name in ("large", "small", "knn")}
    pooled(Path("e"), members, weighted(0.5, 0.2, 0.3))
    wanted = 0.5 * said("large").predictions + 0.2 * said("small").predictions + 0.3 * said("knn").predictions
    np.testing.assert_allclose(predicted("run=e input=test.npz batch_size=50"), wanted, atol=1e-6)


def test_logarithms_are_pooled(here: Path) -> None:
    pooled(Path("e"), {n: Path("runs") / n for n in ("small", "large")}, weighted(0.9, 0.7, pooling="logit"))
    logs = 0.9 * np.log(said("small").predictions) + 0.7 * np.log(said("large").predictions)
    wanted = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predicted("run=e input=test.npz"), wanted, atol=1e-6)


def test_an_ensemble_in_an_ensemble_and_folds(here: Path) -> None:
    pooled(Path("inner"), {n: Path("runs") / n for n in ("small", "knn")}, weighted(0.6, 0.4))
    folds = [Path("runs/fold0"), Path("runs/fold1")]
    pooled(Path("e"), {"inner": Path("inner"), "linear": folds}, weighted(0.7, 0.3))
    inner = 0.6 * said("small").predictions + 0.4 * said("knn").predictions
    linear = np.mean([said("fold0").predictions, said("fold1").predictions], axis=0)
    np.testing.assert_allclose(predicted("run=e input=test.npz"), 0.7 * inner + 0.3 * linear, atol=1e-6)


def test_a_member_without_weight_may_be_gone(here: Path) -> None:
    pooled(Path("e"), {n: Path("runs") / n for n in ("small", "large")}, weighted(0.0, 1.0))
    shutil.rmtree("runs/small")
    np.testing.assert_allclose(predicted("run=e input=test.npz"), said("large").predictions, atol=1e-6)


def test_evaluation_of_a_file_and_of_the_own_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pooled(Path("e"), {n: Path("runs") / n for n in ("large", "knn", "fold0")}, weighted(0.5, 0.25, 0.25))
    wanted = 0.5 * said("large").predictions + 0.25 * said("knn").predictions + 0.25 * said("fold0").predictions
    y = said("large").labels
    for words in ("input=test.npz", "split=test"):
        main(f"evaluate run=e {words} --json".split())
        found = json.loads(capsys.readouterr().out)["metrics"]
        assert found["accuracy"] == pytest.approx(np.mean(wanted.argmax(1) == y))
        assert found["loss"] == pytest.approx(-np.mean(np.log(wanted[np.arange(len(y)), y])), rel=1e-5)


def test_rows_that_a_member_has_in_another_split(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fold's `val` is not that of a run without folds, and its rows are gathered from the fold's other splits."""
    pooled(Path("e"), {n: Path("runs") / n for n in ("large", "fold0")}, weighted(0.5, 0.5))
    main(["evaluate", "run=e", "split=val", "--json"])
    found = json.loads(capsys.readouterr().out)
    val = read_run(Path("runs/large")).predictions("val")
    np.savez("val.npz", x=DIGITS.images[val.rows], y=DIGITS.target[val.rows])
    main(["evaluate", "run=e", "input=val.npz", "--json"])
    assert found["metrics"] == pytest.approx(json.loads(capsys.readouterr().out)["metrics"], rel=1e-6)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda: shutil.rmtree("runs/small"), "the member 'runs/small' of the ensemble 'e' is gone"),
        (lambda: shutil.copytree("runs/large", "runs/small", dirs_exist_ok=True), "is not the run that the ensemble"),
        (lambda: Path("runs/small/model.keras").write_bytes(b""), "'model.keras' of the run 'runs/small' is not what"),
        (lambda: Path("e/weights.json").write_text("{}"), "'weights.json' of the run 'e' is not what the run saved"),
    ],
    ids=["gone", "another", "damaged", "weights"],
)  # fmt: skip
def test_what_is_no_more_what_it_was(spoil: Any, text: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pooled(Path("e"), {n: Path("runs") / n for n in ("small", "large")}, weighted(0.5, 0.5))
    spoil()
    with pytest.raises(SystemExit) as stop:
        main(["predict", "run=e", "input=test.npz", "output=p.npz"])
    assert stop.value.code == 2 and text in capsys.readouterr().err


def test_members_with_other_classes_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = DIGITS.target < 3
    np.savez("three.npz", x=DIGITS.images[few], y=DIGITS.target[few])
    words = ("data=npz", "data.path=three.npz", "data.input_shape=[8,8,1]", "data.classes=3", "data.divide_by=16")
    trained(Path("runs/three"), "model=linear", *words)
    pooled(Path("e"), {n: Path("runs") / n for n in ("small", "three")}, weighted(0.5, 0.5))
    with pytest.raises(SystemExit):
        main(["predict", "run=e", "input=test.npz", "output=p.npz"])
    assert "the member 'three' ('runs/three') has another task, or other classes" in capsys.readouterr().err


def test_a_bundle_needs_nothing_else(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It predicts to the bit what the ensemble predicted, after all that it was made of is gone; without TensorFlow."""
    pooled(Path("inner"), {n: Path("runs") / n for n in ("small", "large", "knn")}, weighted(0.6, 0.0, 0.4))
    folds = [Path("runs/fold0"), Path("runs/fold1")]
    pooled(Path("e"), {"a/b": Path("inner"), "linear": folds}, weighted(0.7, 0.3, pooling="logit"))
    wanted = predicted("run=e input=test.npz")
    capsys.readouterr()
    main(["export", "run=e", "to=bundle", "-o", "bundle"])
    text = capsys.readouterr().out
    assert text.startswith("4 runs; ") and text.endswith(" MB\nbundle\n"), text
    for name in ("runs", "e", "inner"):
        shutil.rmtree(name)
    Path("bundle").rename("elsewhere")
    np.testing.assert_array_equal(predicted("run=elsewhere input=test.npz"), wanted)
    files = {path.name for path in Path("elsewhere").rglob("*") if path.is_file()}
    assert not {"val.npz", "test.npz", "history.csv"} & files
    capsys.readouterr()
    main(["export", "run=elsewhere", "to=bundle", "-o", "again"])  # a bundle of a bundle is the same
    np.testing.assert_array_equal(predicted("run=again input=test.npz"), wanted)
    next(Path("again").rglob("model.keras")).write_bytes(b"other")
    with pytest.raises(SystemExit):
        main(["predict", "run=again", "input=test.npz", "output=p.npz"])
    assert "'model.keras' of the run 'again/members/0-a-b/members/0-small' is not what" in capsys.readouterr().err


def test_only_an_ensemble_is_bundled(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["export", "run=runs/small", "to=bundle"])
    assert stop.value.code == 2 and "error[E803]: the run 'runs/small' is of no ensemble" in capsys.readouterr().err
    assert not Path("mlp").exists()
