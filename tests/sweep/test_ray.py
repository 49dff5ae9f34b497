"""Sweeps on a real Ray cluster of this machine: a trial that is killed is begun again, and Ctrl-C loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.errors import ConfigError
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trials import TrialState
from tests.pages import ROOT

FOREST = "model.params.n_estimators"
PARAMETERS = ("model=random_forest", "data=digits_8x8", "search=grid", "search.test=false", "train.test=skip")


@pytest.fixture
def begun() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def start(root: Path, *overrides: str) -> subprocess.Popen[str]:
    command = [sys.executable, "train.py", "-m", "hydra/launcher=ray", "hydra.launcher.workers=2", *PARAMETERS]
    around = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*command, f"hydra.sweep.dir={root}", *overrides], cwd=ROOT, env=around, **pipes)


def trials(root: Path) -> list[TrialState]:
    """All trials; none while the study is being made."""
    try:
        return Study.open(SweepFolder(root)).trials()
    except (ConfigError, KeyError):
        return []


def wait(process: subprocess.Popen[str], root: Path, number: int) -> TrialState:
    """The trial, once its worker is at it."""
    for _ in range(1800):
        found = trials(root)
        if len(found) > number and found[number].state == "running" and found[number].owner:
            return found[number]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(process.communicate()[0])


def test_eight_trials_of_which_one_is_killed(tmp_path: Path, begun: list[subprocess.Popen[str]]) -> None:
    begun.append(start(tmp_path, f"{FOREST}=1500,2,3,4,5,6,7,8"))
    owner = wait(begun[0], tmp_path, 0).owner
    assert owner and owner.job and owner.job.startswith("ray:")
    os.kill(owner.pid, signal.SIGKILL)
    said = begun[0].communicate(timeout=300)[0]
    found = trials(tmp_path)
    assert begun[0].returncode == 0 and [trial.state for trial in found] == ["complete"] * 8, said
    assert [trial.deaths for trial in found] == [1] + [0] * 7


def test_ctrl_c_gives_trials_back_and_a_task_a_trial_goes_on(
    tmp_path: Path, begun: list[subprocess.Popen[str]]
) -> None:
    arguments = (
        f"{FOREST}=1500,2,3",
        "hydra.launcher.mode=job",
        "hydra.launcher.resources={num_cpus: '$min(1, epochs)'}",
    )
    begun.append(start(tmp_path, *arguments))
    wait(begun[0], tmp_path, 0)
    begun[0].send_signal(signal.SIGINT)
    said = begun[0].communicate(timeout=120)[0]
    assert begun[0].returncode == 130 and "E807" in said and str(tmp_path) in said, said
    assert not [trial for trial in trials(tmp_path) if trial.state == "running"]
    begun.append(start(tmp_path, *arguments))
    said = begun[1].communicate(timeout=300)[0]
    assert begun[1].returncode == 0 and [trial.state for trial in trials(tmp_path)] == ["complete"] * 3, said
    assert all(trial.deaths == 0 for trial in trials(tmp_path))
