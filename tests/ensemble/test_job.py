"""The whole way from saved runs to the run of their ensemble, through the real command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from compiler.runtime.run import read_run
from tests.ensemble.saved import drawn, save_run
from tests.pages import ROOT

CHILD = """
import sys
sys.argv = ["train.py", *sys.argv[1:]]
import train
train.main()
heavy = {"tensorflow", "keras", "torch"} & {name.partition(".")[0] for name in sys.modules}
assert not heavy, heavy
"""


def make(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """`python train.py ...` in `folder`; fails where it imported TensorFlow."""
    command = [sys.executable, "-c", CHILD, *overrides]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members, `a` and `b`, and their ensemble, `e`."""
    here = tmp_path_factory.mktemp("made")
    for seed, name in enumerate("ab"):
        save_run(here / "runs" / name, seed)
    ran = make(here, "ensemble=uniform", "ensemble.members=[runs/a,runs/b]", "hydra.run.dir=out/e")
    assert ran.returncode == 0, ran.stderr
    (here / "said.txt").write_text(ran.stdout)
    return here


def test_an_ensemble_is_a_complete_run_of_its_own_kind(made: Path) -> None:
    run = read_run(made / "out/e")
    assert (run.record["kind"], run.record["name"], run.record["task"]) == ("ensemble", "uniform", "multiclass")
    assert run.record["ensemble"]["weights"] == {"runs/a": 0.5, "runs/b": 0.5}
    member = read_run(made / "runs/a").record
    for what in ("rows", "labels"):
        for split in ("val", "test"):
            assert run.record["data"]["fingerprints"][what][split] == member["data"]["fingerprints"][what][split]
    assert run.record["data"]["fingerprints"]["classes"] == member["data"]["fingerprints"]["classes"]
    assert run.record["data"]["rows"]["val"] == 60


def test_its_predictions_are_the_mean(made: Path) -> None:
    run = read_run(made / "out/e")
    for split, first in (("val", 0), ("test", 1000)):
        mean = (drawn(0, first=first)[0] + drawn(1, first=first)[0]) / 2
        assert np.allclose(run.predictions(split).predictions, mean, atol=1e-7)
        assert np.array_equal(run.predictions(split).rows, drawn(0, first=first)[1])


def test_the_lock_names_each_run_from_where_the_ensemble_is(made: Path) -> None:
    import hashlib

    lock = yaml.safe_load((made / "out/e/members.lock.yaml").read_text())
    for name, member in zip("ab", lock["members"], strict=True):
        (run,) = member["runs"]
        record = made / "out/e" / run["path"] / "run.json"
        assert run["path"] == f"../../runs/{name}"
        assert run["id"] == hashlib.sha256(record.read_bytes()).hexdigest()
        assert run["predictions"]["val"] == json.loads(record.read_text())["artefacts"]["predictions/val.npz"]["sha256"]


def test_an_ensemble_is_a_member_of_another(made: Path) -> None:
    save_run(made / "runs/c", 2)
    ran = make(made, "ensemble=uniform", "ensemble.members=[out/e,runs/c]", "hydra.run.dir=out/f")
    assert ran.returncode == 0, ran.stderr
    lock = yaml.safe_load((made / "out/f/members.lock.yaml").read_text())
    assert [member["form"] for member in lock["members"]] == ["ensemble", "run"]
