"""`python train.py experiment=NAME`, as users type it: estimators and their pool, so that no TensorFlow is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.pages import ROOT

TREES = """\
dir: out
steps:
  neighbours:
    sweep: {data: digits_8x8, model: knn, search: grid, search.test: false, model.params.n_neighbors: "1,3"}
  forest:
    run: {data: digits_8x8, model: random_forest, model.params.n_estimators: 10}
  pool:
    run:
      ensemble: uniform
      ensemble.members: ["${experiment.dir}/neighbours/trials/00000", "${experiment.dir}/forest"]
"""


def train(folder: Path, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `train.py` with `folder` as working directory and as `--config-dir`."""
    command = [sys.executable, str(ROOT / "train.py"), "--config-dir", str(folder / "conf"), *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conf/experiment").mkdir(parents=True)
    (tmp_path / "conf/experiment/trees.yaml").write_text(TREES, "utf-8")
    return tmp_path


def record(folder: Path) -> dict[str, object]:
    return json.loads((folder / "run.json").read_text("utf-8"))


def test_the_whole_way(folder: Path) -> None:
    first = train(folder, "experiment=trees")
    assert [line for line in first.stdout.splitlines() if line.startswith("step ")] == [
        "step 1 of 3, neighbours: train.py -m data=digits_8x8 model=knn search=grid search.test=false "
        "model.params.n_neighbors=1,3 hydra.sweep.dir=out/neighbours",
        "step 2 of 3, forest: train.py data=digits_8x8 model=random_forest model.params.n_estimators=10 "
        "hydra.run.dir=out/forest",
        "step 3 of 3, pool: train.py ensemble=uniform "
        "'ensemble.members=[out/neighbours/trials/00000, out/forest]' hydra.run.dir=out/pool",
    ]
    assert record(folder / "out/pool")["kind"] == "ensemble"
    before = record(folder / "out/forest")
    again = train(folder, "experiment=trees")
    assert "out/forest is complete" in again.stdout and record(folder / "out/forest") == before
    other = train(folder, "experiment=trees", "train.seed=1", status=2)
    assert "error[E810]: step 'neighbours' in 'out' was begun with another command" in other.stderr


def test_a_step_that_fails_ends_it_and_the_same_command_goes_on(folder: Path) -> None:
    text = "run: {model: knn, data: npz, data.path: rows.npz, data.input_shape: [2], data.classes: 2}"
    text = f"dir: out\nsteps:\n  rows:\n    {text}\n"
    (folder / "conf/experiment/trees.yaml").write_text(text, "utf-8")
    failed = train(folder, "experiment=trees", status=2)
    assert "E701" in failed.stderr and "step 'rows' ended with status 2; the same command goes on" in failed.stderr
    drawn = np.random.default_rng(0)
    np.savez(folder / "rows.npz", x=drawn.normal(size=(60, 2)), y=drawn.integers(0, 2, 60))
    train(folder, "experiment=trees")
    assert record(folder / "out/rows")["status"] == "complete"


def test_all_steps_are_checked_before_the_first(folder: Path) -> None:
    ran = train(folder, "experiment=trees", "train.epochs=0", "ensemble.methodd=uniform", status=2)
    assert ran.stderr.count("'epochs' must be a positive integer") == 2
    assert "in: step 'forest'" in ran.stderr and "in: step 'pool'" in ran.stderr and not (folder / "out").exists()


def test_a_sweep_over_an_experiment_with_steps_is_refused(folder: Path) -> None:
    ran = train(folder, "-m", "experiment=trees", "train.seed=1,2", status=2)
    assert "error[E858]: a sweep is of models, and this experiment has steps" in ran.stderr
    ran = train(
        folder, "-m", "hydra/sweeper=basic", "hydra/launcher=basic", "experiment=trees", "train.seed=1,2", status=2
    )
    assert "error[E858]: an experiment with steps is no job of a sweep" in ran.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dir: out\nsteps: [a]\n", "'steps' must be a mapping from names to steps"),
        ("dir: out\nsteps: {a: {}}\n", "'a' needs one of the keys 'run' and 'sweep'"),
        ("dir: out\nsteps: {a/b: {run: {model: knn}}}\n", "a step's name is that of its folder"),
        ("dir: out\nsteps: {a: {runs: {model: knn}}}\n", "'a' has no key 'runs'"),
        ("dir: ${nothing.here}\nsteps: {a: {run: {model: knn}}}\n", "does not resolve"),
    ],
)
def test_faults_of_the_file(folder: Path, text: str, message: str) -> None:
    (folder / "conf/experiment/trees.yaml").write_text(text, "utf-8")
    assert message in train(folder, "experiment=trees", status=2).stderr
