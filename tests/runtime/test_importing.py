"""The import beside the data: faults are printed at once, and nothing is kept quiet but TensorFlow's remarks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.pages import ROOT

SLOW = """
import sys, time
from compiler.runtime import importing
from compiler.runtime.quiet import quiet

def slow(self):
    with quiet():
        sys.__stderr__.flush()
        time.sleep(3)
    print("imported", file=sys.stderr)

importing.KerasImport._import = slow
sys.argv = ["train.py", *sys.argv[1:]]
exec(compile(open("train.py").read(), "train.py", "exec"))
"""


def test_a_fault_of_the_data_does_not_wait_for_the_import(tmp_path: Path) -> None:
    """The data are damaged, not missing: the import has begun, and its end is the end of the process."""
    np.savez(tmp_path / "bad.npz", x=np.zeros((9, 2)))
    overrides = ["model=mlp", "data=npz", f"data.path={tmp_path / 'bad.npz'}", "data.input_shape=[2]", "data.classes=2"]
    command = [sys.executable, "-c", SLOW, *overrides, f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 2, done.stderr
    said = done.stderr.splitlines()
    assert "error[E702]" in said[0] and said[-1] == "imported"
