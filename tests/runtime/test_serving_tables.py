"""A table with mixed columns and holes: trained on, then asked about as it lies on the disk. The oracle is the run."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.datasets import load_wine

from compiler.commands import main
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.run import Run, read_run
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from tests.pages import ROOT

pytestmark = pytest.mark.tf


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's wines with two columns of categories and a hole in every tenth place; the target is text."""
    bunch: Any = load_wine(as_frame=True)
    table, random = bunch.data, np.random.default_rng(0)
    table = table.rename(columns=lambda name: name.replace("/", " "))
    table["strength"] = np.where(table["alcohol"] > 13, "strong", "medium, dry")
    table["tint"] = np.where(table["hue"] > 1, "red", np.where(table["hue"] > 0.8, "röd", "brown"))
    table = table.mask(random.random(table.shape) < 0.1)
    table["kind"] = bunch.target.map(dict(enumerate(["barolo", "grignolino", "barbera"])))
    path = tmp_path_factory.mktemp("wine") / "wine.csv"
    table.to_csv(path, index=False)
    return path


def trained(wine: Path, folder: Path, *words: str) -> Run:
    job = plan(compose(for_hydra(["data=csv", f"data.path={wine}", "data.target=kind", *words])))
    run(job, folder, Console(quiet=True))
    return read_run(folder)


def predicted(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Header, row ids, and the columns of numbers of a file that `predict` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    return header, [line[0] for line in lines], np.array([[np.float32(text) for text in line[2:]] for line in lines])


@pytest.mark.parametrize("words", [["model=wide_deep", "train.epochs=2"], ["model=gbdt"]], ids=["wide_deep", "gbdt"])
def test_the_raw_table_gives_the_runs_own_predictions(
    words: list[str], wine: Path, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = trained(wine, own_folder / "run", *words)
    wanted = made.predictions("test")
    main(["predict", "run=run", f"input={wine}", "output=p.csv"])
    header, ids, found = predicted(Path("p.csv"))
    assert header == ["row", "class", "p.barbera", "p.barolo", "p.grignolino"]
    assert ids == [str(number) for number in range(178)]
    assert np.abs(found[wanted.rows] - wanted.predictions).max() <= 1e-6
    capsys.readouterr()
    main(["evaluate", "run=run", "--json"])
    own = json.loads(capsys.readouterr().out)
    assert own["metrics"] == pytest.approx(made.metrics["test"], abs=1e-7)
    assert own["classes"] == ["barbera", "barolo", "grignolino"]
    table = pd.read_csv(wine)
    table.iloc[wanted.rows].to_csv("test.csv", index=False)
    table.drop(columns="kind").iloc[wanted.rows[::-1]].to_csv("bare.csv", index=False)
    main(["evaluate", "run=run", "input=test.csv", "--json"])
    assert json.loads(capsys.readouterr().out)["metrics"] == pytest.approx(own["metrics"], abs=1e-6)
    main(["predict", "run=run", "input=bare.csv", "output=q.csv"])  # no target, and the rows in another order
    assert np.abs(predicted(Path("q.csv"))[2] - wanted.predictions[::-1]).max() <= 1e-6
    with pytest.raises(SystemExit):
        main(["evaluate", "run=run", "input=bare.csv"])
    assert "override 'input=bare.csv': error[" in capsys.readouterr().err
    if "model=gbdt" in words:
        without_tensorflow()


def test_targets_are_called_as_their_columns(wine: Path, own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv(wine).dropna(subset=["hue", "alcohol"])
    table.to_csv("full.csv", index=False)
    made = trained(Path("full.csv"), own_folder / "run", "model=mlp", "model.vars.head=linear", "train.epochs=1",
                   "data.target=[hue,alcohol]")  # fmt: skip
    main(["predict", "run=run", "input=full.csv", "output=p.parquet"])
    said = pd.read_parquet("p.parquet")
    wanted = made.predictions("test")
    assert list(said) == ["row", "value.hue", "value.alcohol"]
    assert np.abs(said.iloc[wanted.rows, 1:].to_numpy() - wanted.predictions).max() <= 1e-6
    capsys.readouterr()
    main(["evaluate", "run=run"])
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines()[2:]] == ["target", "hue", "alcohol"]


def without_tensorflow() -> None:
    """`predict` and `evaluate` of the estimator in the folder import no TensorFlow."""
    script = """
import sys
from compiler.commands import main
main(["predict", "run=run", "input=test.csv", "output=q.npz"])
main(["evaluate", "run=run", "input=test.csv"])
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": str(ROOT)}, capture_output=True)
