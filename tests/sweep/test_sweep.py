"""`python train.py -m`, as users type it: estimators on small data, so that no TensorFlow is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT

FAST = ("data=digits_8x8", "search.test=true")

CHECKED = "import sys; import train; train.main(); assert not {'tensorflow', 'keras'} & set(sys.modules)"


def sweep(folder: Path, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a sweep with `folder` as working directory; its parent must not import TensorFlow."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {CHECKED}"
    data = () if words[0].startswith("search.resume=") else FAST
    command = [sys.executable, "-c", program, "-m", *data, *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran


def record(folder: Path) -> dict[str, object]:
    """The `sweep.json` of the only sweep below `folder`."""
    (found,) = folder.rglob("sweep.json")
    return json.loads(found.read_text("utf-8"))


def test_a_grid_is_what_hydra_makes_of_it_and_more_trials_may_follow(tmp_path: Path) -> None:
    at = "hydra.sweep.dir=s"
    sweep(tmp_path, at, "search=random", "search.n_trials=2", "model=knn", "model.params.n_neighbors=range(1,9)")
    first = record(tmp_path)
    assert first["status"] == "complete" and first["counts"] == {"complete": 2}
    ran = sweep(tmp_path, at, "search=random", "search.n_trials=3", "model=knn", "model.params.n_neighbors=range(1,9)")
    assert "goes on with s" in ran.stdout and record(tmp_path)["counts"] == {"complete": 3}
    again = sweep(tmp_path, "search.resume=s")
    assert "3 trials: 3 complete" in again.stdout
    other = sweep(tmp_path, at, "model=knn,linear", status=2)
    assert "error[E803]: 's' has another sweep than the one that is asked for" in other.stderr


def test_the_same_command_goes_on_with_what_is_unfinished(tmp_path: Path) -> None:
    words = ("model=knn", "model.params.n_neighbors=1,-1,3", "search.max_failures=1")
    first = sweep(tmp_path, *words)
    assert "W656" in first.stderr and "infeasible" in first.stdout
    (folder,) = tmp_path.glob("outputs/sweeps/*/*")
    (folder / "sweep.json").unlink()  # as if it had been killed before its end
    second = sweep(tmp_path, *words)
    assert f"goes on with {folder.relative_to(tmp_path)}" in second.stdout
    assert len(list(tmp_path.glob("outputs/sweeps/*/*"))) == 1


@pytest.mark.parametrize("launcher", [("basic",), ("joblib", "hydra.launcher.n_jobs=2")], ids=["basic", "joblib"])
def test_hydras_other_launchers_run_trials_as_their_jobs(launcher: tuple[str, ...], tmp_path: Path) -> None:
    name, *more = launcher
    words = ("model=linear,knn", "search.objectives=val.accuracy", f"hydra/launcher={name}", *more)
    command = [sys.executable, str(ROOT / "train.py"), "-m", *FAST, *words]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert record(tmp_path)["counts"] == {"complete": 2}
    (best,) = tmp_path.glob("outputs/sweeps/*/*/trials/00001/.hydra/overrides.yaml")
    assert "model=knn" in best.read_text("utf-8")


def test_what_is_wrong_whatever_is_drawn_is_said_before_anything_begins(tmp_path: Path) -> None:
    words = ("search=tpe", "search.trails=3", "model=mlp", "train.epochs=int(interval(1,3))")
    assert "did you mean" in sweep(tmp_path, *words, status=2).stderr
    words = ("search=tpe", "model=mlp", "train.epochs=0", "model.vars.dropout=interval(0, 0.5)")
    ran = sweep(tmp_path, *words, status=2)
    assert "override 'train.epochs=0': error[E107]" in ran.stderr and ran.stdout == ""
    words = ("search=tpe", "search.objectives=test.accuracy", "model=mlp", "model.vars.dropout=0.1,0.2")
    assert "would fool itself" in sweep(tmp_path, *words, status=2).stderr
    assert not list(tmp_path.rglob("sweep.yaml"))


def test_a_sweep_that_can_never_succeed_ends(tmp_path: Path) -> None:
    limits = ("limits.params=1000", "search.max_infeasible=1", "search.n_trials=9", "search.enqueue=[{model: knn}]")
    ran = sweep(tmp_path, "search=random", "model=knn,vgg16", *limits, status=2)
    assert "the last 1 points were all infeasible" in ran.stderr


def test_a_choice_of_a_name_with_arguments_may_bring_new_ones(tmp_path: Path) -> None:
    """What docs/sweeps.md begins with: `momentum` is no key of the default optimizer."""
    choice = "train.optimizer=choice({op: Adam}, {op: SGD, momentum: 0.9})"
    sweep(tmp_path, "model=linear", choice, "search.reuse=false")
    assert record(tmp_path)["counts"] == {"complete": 2}
    (second,) = tmp_path.glob("outputs/sweeps/*/*/trials/00001/.hydra/config.yaml")
    assert "momentum: 0.9" in second.read_text("utf-8")


def test_a_sweep_without_any_result_has_a_status_of_its_own(tmp_path: Path) -> None:
    ran = sweep(tmp_path, "model=linear,knn", "search.objectives={val.recall: maximize}", status=1)
    assert "2 trials: 2 failed" in ran.stdout and "no trial is complete" in ran.stdout
