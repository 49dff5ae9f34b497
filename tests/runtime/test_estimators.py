"""Estimators: their declarations against the installed libraries, their predictions against those used by hand."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from numpy.typing import NDArray
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from compiler.errors import ConfigError, Diagnostics, Place, Source
from compiler.estimators import KINDS, EstimatorSpec, Params, parse_estimator
from compiler.estimators.base import COMMON
from compiler.runtime.data import Dataset, Split
from compiler.runtime.data.source import Task
from compiler.runtime.estimators import plain
from compiler.runtime.estimators.fit import fit
from compiler.runtime.estimators.saved import load
from compiler.runtime.fitting.progress import Silent
from compiler.runtime.run import Run, RunWriter, read_run
from compiler.runtime.run.files import digest
from compiler.runtime.training import TrainSettings
from compiler.settings import validate
from compiler.spec.located import Map, located
from tests.records import write_record

CLASSES = {cls.__name__: cls for kind in KINDS.values() for cls in (kind.classifier, kind.regressor)}
FEATURES = 6
TASKS = ("multiclass", "binary", "multilabel", "regression", "several")


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
def test_a_declaration_is_the_signature_of_its_class(cls: type[Params]) -> None:
    module, _, name = cls.of.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name).__init__)
    theirs = {p.name: p.default for p in signature.parameters.values() if p.name not in ("self", "kwargs")}
    ours = {name: field.default for name, field in cls.model_fields.items() if name not in cls.extra}
    assert set(theirs) == set(ours) | (set(cls.left_out) - (set(COMMON) - set(theirs)))
    assert not set(ours) & set(cls.left_out)
    assert ours == {name: theirs[name] for name in ours}


def test_what_lightgbm_takes_besides_has_its_own_defaults() -> None:
    cls = KINDS["lightgbm"].classifier
    model = lightgbm.LGBMClassifier(n_estimators=1, verbosity=-1).fit(np.arange(60.0)[:, None], np.arange(60) > 30)
    text: str = model.booster_.model_to_string()
    for name in cls.extra:
        (said,) = (line for line in text.splitlines() if line.startswith(f"[{name}: "))
        assert float(said.removesuffix("]").partition(": ")[2]) == float(cls.model_fields[name].default)


# --- against the libraries -------------------------------------------------------------------------------------------


def dataset(task: str, rows: int = 150) -> Any:
    """Rows of six numbers, some of them missing; labels that follow from them."""
    random = np.random.default_rng(7)
    x = random.normal(size=(rows, FEATURES)).astype(np.float32)
    score = x[:, :3] @ random.normal(size=(3, 3)) + 0.3 * random.normal(size=(rows, 3))
    y: dict[str, NDArray[Any]] = {
        "multiclass": score.argmax(axis=1),
        "binary": (score[:, 0] > 0).astype(np.int64),
        "multilabel": (score > 0).astype(np.int64),
        "regression": score[:, 0].astype(np.float32),
        "several": score.astype(np.float32),
    }
    splits = np.split(np.arange(rows), [90, 120])
    train, val, test = (Split(x[ids], y[task][ids], ids) for ids in splits)
    names = {"multiclass": ("a", "b", "c"), "binary": ("no", "yes"), "multilabel": ("p", "q", "r")}.get(task, ())
    kind: Task = "regression" if task == "several" else task  # pyright: ignore[reportAssignmentType]  # one of TASKS
    return Dataset("made", kind, names, train, val, test, {})


def spec_of(name: str, task: str, **params: object) -> EstimatorSpec:
    diagnostics = Diagnostics()
    tree = located({"estimator": name, "params": params}, Place(Source("model.yaml", ""), 1, 1))
    assert isinstance(tree, Map)
    spec = parse_estimator(tree, task, diagnostics)
    diagnostics.raise_errors()
    assert spec
    return spec


def run_of(name: str, data: Any, folder: Path, train: Any = None, **params: Any) -> Run:
    """A complete run of the estimator `name`."""
    spec = spec_of(name, data.task, **params)
    settings = validate(TrainSettings, {"seed": 3, **(train or {})})
    with RunWriter(folder, {"kind": spec.kind.kind, "name": name}) as writer:
        outcome = fit(spec, settings, data, writer, Silent())
        size = {"features": data.train.features}
        library = {"name": spec.kind.library, "version": "1"}
        facts = {"task": data.task, "library": library, "model": size}
        writer.complete({**facts, "metrics": outcome.metrics, "best_epoch": outcome.best_epoch})
    return read_run(folder)


@dataclass(frozen=True)
class Case:
    """An estimator: its parameters here, and the library's classes by hand, one for each output where `columns`."""

    params: dict[str, Any]
    classifier: Callable[[], Any]
    regressor: Callable[[], Any]
    columns: bool = False


SEEDED: Any = {"random_state": 3}
UNSTOPPED: Any = {"max_iter": 5, "early_stopping": False, **SEEDED}
QUIET: Any = {"verbosity": -1, "n_estimators": 5, "min_child_samples": 5, **SEEDED}
BY_HAND = {
    "gbdt": Case(
        {"max_iter": 5},
        lambda: HistGradientBoostingClassifier(**UNSTOPPED),
        lambda: HistGradientBoostingRegressor(**UNSTOPPED),
        columns=True,
    ),
    "random_forest": Case(
        {"n_estimators": 10},
        lambda: RandomForestClassifier(n_estimators=10, **SEEDED),
        lambda: RandomForestRegressor(n_estimators=10, **SEEDED),
    ),
    "linear": Case({}, LogisticRegression, Ridge, columns=True),
    "knn": Case({"weights": "distance"}, lambda: KNeighborsClassifier(weights="distance"),
                lambda: KNeighborsRegressor(weights="distance")),
    "lightgbm": Case(
        {"n_estimators": 5, "min_child_samples": 5},
        lambda: lightgbm.LGBMClassifier(**QUIET), lambda: lightgbm.LGBMRegressor(**QUIET), columns=True,
    ),
    "xgboost": Case(
        {"n_estimators": 5}, lambda: xgboost.XGBClassifier(n_estimators=5, **SEEDED),
        lambda: xgboost.XGBRegressor(n_estimators=5, **SEEDED),
    ),
}  # fmt: skip


def by_hand(case: Case, data: Any) -> NDArray[Any]:
    """The predictions for the test split of the library alone."""
    x, y, test = data.train.x, data.train.y, data.test.x
    if data.task == "regression":
        model = MultiOutputRegressor(case.regressor()) if case.columns and y.ndim > 1 else case.regressor()
        return np.asarray(model.fit(x, y).predict(test)).reshape(len(data.test), -1)
    model = MultiOutputClassifier(case.classifier()) if case.columns and y.ndim > 1 else case.classifier()
    given = model.fit(x, y).predict_proba(test)
    return np.stack([p[:, 1] for p in given], axis=1) if isinstance(given, list) else np.asarray(given)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", BY_HAND)
def test_predictions_are_the_librarys_and_the_saved_models(name: str, task: str, tmp_path: Path) -> None:
    data, case = dataset(task), BY_HAND[name]
    run = run_of(name, data, tmp_path / "run", **case.params)
    kept = run.predictions("test")
    np.testing.assert_allclose(kept.predictions, by_hand(case, data), rtol=2e-6, atol=2e-6)
    assert (kept.labels == data.test.y).all() and (kept.rows == data.test.ids).all()
    if KINDS[name].library == "scikit-learn":
        # bit for bit, but that a forest's threads add in any order
        atol = 1e-7 if name == "random_forest" else 0
        np.testing.assert_allclose(load(run).predict(data.test.x), kept.predictions, rtol=0, atol=atol)


# --- settings --------------------------------------------------------------------------------------------------------


def test_early_stopping_is_on_our_val_split_and_keeps_the_best_iteration(tmp_path: Path) -> None:
    data = dataset("multiclass")
    stopping = {"early_stopping": {"patience": 3}}
    for name, steps in (("gbdt", "max_iter"), ("lightgbm", "n_estimators"), ("xgboost", "n_estimators")):
        run = run_of(name, data, tmp_path / name, stopping, **{steps: 300})
        history = np.genfromtxt(run.file("history.csv"), delimiter=",", names=True)
        best = run.record["best_epoch"]
        assert len(history) < 300 and best == history["valloss"].argmin() + 1, name
        assert run.metrics["val"]["loss"] == pytest.approx(history["valloss"].min(), rel=1e-4), name
    stopped: Any = lightgbm.LGBMClassifier(n_estimators=300, verbosity=-1, **SEEDED)
    watch = [lightgbm.early_stopping(3, verbose=False)]
    stopped.fit(data.train.x, data.train.y, eval_X=data.val.x, eval_y=data.val.y, callbacks=watch)
    kept = read_run(tmp_path / "lightgbm").predictions("test").predictions
    np.testing.assert_allclose(kept, stopped.predict_proba(data.test.x), atol=1e-6)


def test_class_weights_are_weights_of_the_rows(tmp_path: Path) -> None:
    data = dataset("binary")
    run = run_of("linear", data, tmp_path / "run", {"class_weight": {1: 5.0}})
    wanted = LogisticRegression(class_weight={0: 1.0, 1: 5.0}).fit(data.train.x, data.train.y)
    np.testing.assert_allclose(run.predictions("test").predictions, wanted.predict_proba(data.test.x), atol=1e-6)


def test_missing_values_go_through_trees_and_are_refused_elsewhere(tmp_path: Path) -> None:
    data = dataset("multiclass")
    for split in (data.train, data.val, data.test):
        split.x[::3, 1] = np.nan
    for name in ("gbdt", "random_forest"):
        run = run_of(name, data, tmp_path / name, **BY_HAND[name].params)
        kept = run.predictions("test").predictions
        np.testing.assert_allclose(kept, by_hand(BY_HAND[name], data), atol=1e-6)
        np.testing.assert_allclose(load(run).predict(data.test.x), kept, rtol=0, atol=1e-7)
    with pytest.raises(ConfigError, match="E704: 'knn' takes no missing values"):
        run_of("knn", data, tmp_path / "knn")


def test_several_inputs_stand_side_by_side_in_their_order(tmp_path: Path) -> None:
    data = dataset("multiclass")

    def apart(split: Split) -> Split:
        assert isinstance(split.x, np.ndarray)
        return Split({"z": split.x[:, :2].reshape(-1, 2, 1), "a": split.x[:, 2:]}, split.y, split.ids)

    splits = apart(data.train), apart(data.val), apart(data.test)
    twice = Dataset("made", "multiclass", data.class_names, *splits, {})
    run = run_of("linear", twice, tmp_path / "run")
    np.testing.assert_allclose(run.predictions("test").predictions, by_hand(BY_HAND["linear"], data), atol=1e-6)
    assert (load(run).predict(twice.test.x) == run.predictions("test").predictions).all()
    with pytest.raises(ConfigError, match="E708: a row has 2 values, but the run was trained on 6"):
        load(run).predict(data.test.x[:, :2])


def test_a_label_that_all_rows_have_is_learnt_too(tmp_path: Path) -> None:
    data = dataset("multilabel")
    data.train.y[:, 1] = 1
    for name in ("gbdt", "linear", "random_forest", "knn"):
        run = run_of(name, data, tmp_path / name, **BY_HAND[name].params)
        assert (run.predictions("test").predictions[:, 1] == 1).all()
        assert (load(run).predict(data.test.x)[:, 1] == 1).all()


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_a_damaged_file_of_a_library_is_refused_and_this_process_lives(name: str, tmp_path: Path) -> None:
    data = dataset("multiclass", 150)
    run = run_of(name, data, tmp_path / "run", n_estimators=3)
    assert (load(run).predict(data.test.x) == run.predictions("test").predictions).all()
    (path,) = (tmp_path / "run").glob("model.[tj]*")
    whole = path.read_text()
    child = "left_child=" if name == "lightgbm" else '"left_children":['
    start = whole.index(child) + len(child)
    damaged = {
        "cut": whole[: len(whole) // 2],
        "around": whole[:start] + "0" + whole[start + 1 :],  # a node that is its own child
        "beyond": whole[:start] + "9999" + whole[start + 1 :],
    }
    for what, text in damaged.items():
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"E803.*is not what the run saved"):
            load(read_run(tmp_path / "run", verify=False))
        saved_again(tmp_path / "run", path)
        with pytest.raises(ConfigError, match=r"E90[13]: ") as refused:
            load(read_run(tmp_path / "run"))
        assert len(refused.value.faults) == 1, what


def saved_again(folder: Path, path: Path) -> None:
    """Make the run's record say that the file is what was saved: as in a run from elsewhere."""
    record = json.loads((folder / "run.json").read_text())
    made = digest(path)
    record["artefacts"][path.name] = {"sha256": made.sha256, "bytes": made.bytes}
    write_record(folder / "run.json", record)


def test_plain_files_that_do_not_hold_together_are_refused(tmp_path: Path) -> None:
    run_of("gbdt", dataset("multiclass"), tmp_path / "run", max_iter=3)
    path = tmp_path / "run" / plain.FILE
    with np.load(path) as file:
        whole = {name: file[name] for name in file.files}
    inner = int(np.flatnonzero(whole["feature"] >= 0)[0])

    def changed(name: str, index: int, value: float) -> dict[str, NDArray[Any]]:
        array = whole[name].copy()
        array[index] = value
        return {**whole, name: array}

    cases = {
        "children": changed("left", inner, inner),
        "features": changed("feature", inner, FEATURES),
        "roots": changed("roots", 0, len(whole["feature"])),
        "columns": changed("columns", 0, 3),
        "dtype": {**whole, "threshold": whole["threshold"].astype(np.float32)},
        "header": {name: array for name, array in whole.items() if name != "header"},
    }
    for arrays in cases.values():
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=r"fit together|dtype|header"):
            plain.read(path)
    np.savez_compressed(path, **whole)
    with pytest.raises(ValueError, match="compressed"):
        plain.read(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="zip"):
        plain.read(path)


# --- the commands ----------------------------------------------------------------------------------------------------


def test_training_and_predicting_import_no_tensorflow(own_folder: Path) -> None:
    script = """
import sys
import train
from pathlib import Path
sys.argv = "train.py model=gbdt data=digits_8x8 data.limit=200 model.params.max_iter=2 hydra.run.dir=run".split()
train.main()
from compiler.runtime.run import read_run
from compiler.runtime.serving.predictor import predictor
predictor(read_run(Path("run")))
print("imported:", sorted({"tensorflow", "keras", "lightgbm", "xgboost"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("imported: []\n")
    record = read_run(own_folder / "run").record
    assert record["kind"] == "gbdt" and record["library"]["name"] == "scikit-learn"
    assert record["model"]["params"]["max_iter"] == 2 and record["model"]["features"] == 64
    again = [sys.executable, "-m", "compiler", "check", "model_file=run/model.yaml", "data=digits_8x8", "--json"]
    checked = subprocess.run(again, capture_output=True, text=True, check=True)
    assert record["spec_hash"] in checked.stdout
