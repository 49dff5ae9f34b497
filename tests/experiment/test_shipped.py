"""The experiments in conf/experiment, made small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT

pytestmark = pytest.mark.tf

SMALL = ("train.epochs=1", "search.n_trials=2")


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "conf/experiment").glob("*.yaml"))])
def test_of(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), f"experiment={name}", *SMALL]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    folder = tmp_path / f"outputs/experiments/{name}"
    record = json.loads((folder / "ensemble/run.json").read_text("utf-8"))
    assert record["status"] == "complete" and record["kind"] == "ensemble" and "test" in record["metrics"]
    assert {path.parent.name for path in folder.glob("*/sweep.json")} == {"networks", "trees"}
