"""The last step of a sweep: the winner alone is scored on its test split, once, from predictions that it saved."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from rich.console import Console
from sklearn.datasets import make_blobs

from compiler.errors import ConfigError
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import RunWriter, read_run
from compiler.runtime.run.files import digest
from compiler.runtime.sweep.closing import conclude
from compiler.runtime.sweep.final import score_winner, scores_on_test
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.results import recorded, write_results
from compiler.runtime.sweep.study import Study
from compiler.spec.compose import compose
from tests.sweep.sweeps import defined

LOSS = Objective("val.loss", "minimize")
NEIGHBORS = "model.params.n_neighbors=1,25,180"


def arrays(path: Path, *, scrambled: bool = False, val: bool = True) -> Path:
    """Three blobs that overlap, divided; with `scrambled`, the labels of the test rows are anyone's."""
    blobs: Any = make_blobs(400, 4, centers=3, cluster_std=4.0, random_state=3)
    x, y = blobs
    x, parts = x.astype(np.float32), {"train": slice(0, 200), "val": slice(200, 300), "test": slice(300, 400)}
    if scrambled:
        y[300:] = np.random.default_rng(1).permutation(y[300:])
    if not val:
        parts = {"train": slice(0, 300), "test": parts["test"]}
    splits: dict[str, Any] = {
        f"{name}_{part}": rows[at] for part, at in parts.items() for name, rows in (("x", x), ("y", y))
    }
    np.savez(path, **splits)
    return path


def swept(
    root: Path, data: Path, *more: str, test: str = "predict", objectives: Sequence[Objective] = (LOSS,), folds: int = 0
) -> Study:
    """A sweep of nearest neighbours whose trials are trained here, one after another."""
    fixed = ["model=knn", "data=npz", f"data.path={data}", "data.input_shape=[4]", "data.classes=3", *more]
    definition = defined([*fixed, NEIGHBORS], {"method": "grid"})
    root.mkdir()
    definition.save(root)
    study = Study.create(definition, SweepFolder(root), objectives)
    study.add_slots(list(definition.space.grid()), "grid")
    while claim := study.claim(Owner.here()):
        overrides = [*definition.fixed, *claim.overrides, f"train.test={test}"]
        folders = [claim.folder / f"fold-{fold}" for fold in range(folds)] or [claim.folder]
        for fold, folder in enumerate(folders):
            division = [f"data.folds={folds}", f"data.fold={fold}"] if folds else []
            run(plan(compose([*overrides, *division])), folder, Console(quiet=True))
        losses = [read_run(folder).metrics["val"]["loss"] for folder in folders]
        facts = {"params": int(claim.values["model.params.n_neighbors"])}
        claim.complete([float(np.mean(losses)), *[float(facts["params"])] * (len(objectives) - 1)], facts)
    return study


def test_the_winner_is_chosen_without_the_test_split(tmp_path: Path) -> None:
    """Scrambled labels of the test rows change nothing but what is said of them at the end."""
    studies = [
        swept(tmp_path / str(scrambled), arrays(tmp_path / f"{scrambled}.npz", scrambled=scrambled))
        for scrambled in (False, True)
    ]
    texts = [conclude(study) for study in studies]
    one, other = (recorded(study.folder.root) for study in studies)
    assert one["best"]["trial"] == other["best"]["trial"] == 1
    assert one["best"]["values"] == other["best"]["values"]
    tables = [(study.folder.table).read_text("utf-8").splitlines() for study in studies]
    assert [line.split(",")[:4] for line in tables[0]] == [line.split(",")[:4] for line in tables[1]]
    assert one["final"]["metrics"]["accuracy"] > 0.6 > 0.5 > other["final"]["metrics"]["accuracy"]
    assert one["status"] == other["status"] == "complete"
    for study, text in zip(studies, texts, strict=True):
        accuracy = recorded(study.folder.root)["final"]["metrics"]["accuracy"]
        assert f"test.accuracy {accuracy:.4f}, scored once" in text
        for record in study.folder.trials.glob("*/run.json"):
            assert set(json.loads(record.read_text("utf-8"))["metrics"]) == {"train", "val"}, "no trial scores it"


def test_the_scores_are_scikit_learns_and_those_of_a_run_that_scores_itself(tmp_path: Path) -> None:
    data = arrays(tmp_path / "a.npz")
    study = swept(tmp_path / "a", data)
    write_results(study)
    final = score_winner(study)
    assert final is not None and final["trial"] == 1 and final["rows"] == 100
    folder = study.folder.trial(1)
    saved = read_run(folder).predictions("test")
    accuracy = sk.accuracy_score(saved.labels, saved.predictions.argmax(axis=1))
    assert final["metrics"]["accuracy"] == pytest.approx(float(accuracy))
    clipped = np.clip(saved.predictions.astype(np.float64), 1e-7, 1)
    loss = sk.log_loss(saved.labels, clipped / clipped.sum(axis=1, keepdims=True))
    assert final["metrics"]["loss"] == pytest.approx(loss, rel=1e-5)
    itself = swept(tmp_path / "b", data, test="score")
    assert read_run(itself.folder.trial(1)).metrics["test"] == final["metrics"]
    assert final["runs"] == [
        {
            "folder": "trials/00001",
            "sha256": digest(folder / "run.json").sha256,
            "spec_hash": read_run(folder).record["spec_hash"],
        }
    ]


def test_nothing_is_scored_twice(tmp_path: Path) -> None:
    """A finished sweep that is asked again, or that gets further trials, has the score that it has."""
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz"))
    conclude(study)
    first = recorded(study.folder.root)["final"]
    (study.folder.trial(1) / "predictions" / "test.npz").unlink()
    assert score_winner(study) == first and "scored once" in conclude(study)
    study.add_slots(1)
    claim = study.claim(Owner.here())
    assert claim is not None
    assert recorded(study.folder.root)["status"] == "complete"
    assert "to go on" in conclude(study) and recorded(study.folder.root)["status"] == "unfinished"
    claim.complete([0.001])
    text = conclude(study)
    record = recorded(study.folder.root)
    assert record["best"]["trial"] == 3 and record["final"] == first and record["status"] == "complete"
    assert "of trial 1, which was the best when the test split was scored; it is not scored again" in text


def test_folds_have_a_mean_and_a_deviation(tmp_path: Path) -> None:
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz", val=False), folds=3)
    conclude(study)
    record = recorded(study.folder.root)
    final, folder = record["final"], study.folder.trial(record["best"]["trial"])
    runs = [read_run(folder / f"fold-{fold}") for fold in range(3)]
    accuracies = [
        sk.accuracy_score(run.predictions("test").labels, run.predictions("test").predictions.argmax(axis=1))
        for run in runs
    ]
    assert final["metrics"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert final["deviation"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert [each["accuracy"] for each in final["by_run"]] == pytest.approx(accuracies)
    assert [run["folder"].rpartition("/")[2] for run in final["runs"]] == ["fold-0", "fold-1", "fold-2"]


def test_of_several_objectives_the_first_one_names_the_winner(tmp_path: Path) -> None:
    objectives = (LOSS, Objective("model.params", "minimize"))
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz"), objectives=objectives)
    conclude(study)
    record = recorded(study.folder.root)
    assert len(record["front"]) == 2 and record["final"]["trial"] == record["best"]["trial"] == 1


def test_a_sweep_that_never_predicted_the_test_split_says_so(tmp_path: Path) -> None:
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz"), test="skip")
    assert "the test split was not scored: its run has no predictions" in conclude(study)
    assert recorded(study.folder.root)["status"] == "complete"


def test_nothing_is_scored_while_the_sweep_goes_on_or_where_it_is_not_wanted(tmp_path: Path) -> None:
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz"))
    study.add_slots(1)
    conclude(study)
    assert score_winner(study) is None and recorded(study.folder.root)["final"] is None


def test_predictions_that_were_changed_are_refused(tmp_path: Path) -> None:
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz"))
    path = study.folder.trial(1) / "predictions" / "test.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(ConfigError, match="changed or damaged") as error:
        conclude(study)
    assert error.value.faults[0].code == "E803"
    record = recorded(study.folder.root)
    assert record["final"] is None and record["status"] == "unfinished" and record["best"]["trial"] == 1


def test_it_takes_no_tensorflow(tmp_path: Path) -> None:
    study = swept(tmp_path / "a", arrays(tmp_path / "a.npz"))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from compiler.runtime.sweep.closing import conclude\nfrom compiler.runtime.sweep.folder import SweepFolder\n"
        "from compiler.runtime.sweep.study import Study\n"
        f"print(conclude(Study.open(SweepFolder(Path({str(study.folder.root)!r})))))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'TensorFlow was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "scored once" in done.stdout and (study.folder.report).is_file()


# --- the name of the loss ------------------------------------------------------------------------

NETWORK = "layers: [{op: Dense, units: 3, activation: softmax}]\n"
LOSSES: dict[str, tuple[dict[str, Any], str, str]] = {
    "auto": ({}, NETWORK, "loss"),
    "plain": ({"loss": {"op": "SparseCategoricalCrossentropy", "from_logits": True}}, NETWORK, "loss"),
    "smoothed": ({"loss": {"op": "Auto", "label_smoothing": 0.1}}, NETWORK, "cross_entropy"),
    "ignoring": ({"loss": {"op": "SparseCategoricalCrossentropy", "ignore_class": 2}}, NETWORK, "cross_entropy"),
    "regularized": ({}, NETWORK.replace("units: 3", "units: 3, kernel_regularizer: {op: L2}"), "cross_entropy"),
}


@pytest.mark.parametrize(("train", "model", "name"), LOSSES.values(), ids=LOSSES)
def test_a_loss_that_predictions_do_not_give_has_another_name(
    tmp_path: Path, train: dict[str, Any], model: str, name: str
) -> None:
    scores, labels = np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1, np.array([0, 1, 2, 1])
    about = {"kind": "keras", "task": "multiclass", "spec_hash": "0", "config": {"train": train}}
    with RunWriter(tmp_path / "run", about) as writer:
        writer.save_text("model.yaml", model)
        writer.save_predictions("test", scores, np.arange(4), labels)
        writer.complete({"metrics": {}})
    found = scores_on_test(read_run(tmp_path / "run"))
    assert set(found) == {name, "accuracy"}
    assert found[name] == pytest.approx(sk.log_loss(labels, scores), rel=1e-6)
