"""Pools: real worker processes, that are killed, hang, eat memory, or lose their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from compiler.errors import ConfigError
from compiler.runtime.run import read_run
from compiler.runtime.signals import Interrupted
from compiler.runtime.sweep.pool import Pool
from tests.sweep.begun import KNN, begun
from tests.sweep.misbehaving import HOW

ROOT = Path(__file__).parents[2]
MISBEHAVING = [*KNN, "plugins=[tests.sweep.misbehaving_plugin]"]
NEIGHBORS = "model.params.n_neighbors=range(1,7)"


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def controller(root: Path, workers: int = 2) -> subprocess.Popen[str]:
    """A supervisor in a process of its own."""
    command = [sys.executable, "-m", "tests.sweep.controller", str(root), str(workers)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_all_trials_are_carried_out_and_each_is_a_run(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [NEIGHBORS])
    looks: list[int] = []
    Pool(tmp_path, 2, trials_per_worker=2).run(lambda: looks.append(study.counts().complete))
    trials = study.trials()
    assert [trial.state for trial in trials] == ["complete"] * 6 and looks
    names = [trial.owner.name for trial in trials if trial.owner]
    assert len(names) == 6 and max(names.count(name) for name in names) <= 2
    for trial in trials:
        run = read_run(study.folder.trial(trial.number))
        assert trial.values == (run.metrics["val"]["loss"],) and "test" not in run.metrics
        assert run.predictions("test").predictions.shape[1] == 10
        assert run.record["overrides"][-1] == f"model.params.n_neighbors={trial.number + 1}"
        assert (run.root / ".hydra/overrides.yaml").read_text("utf-8").splitlines() == [
            f"- {override}" for override in run.record["overrides"]
        ]


def test_whatever_a_trial_does_costs_that_trial_alone(tmp_path: Path) -> None:
    study = begun(tmp_path, MISBEHAVING, ["train.seed=0,1,2,3,4,6,7,8"], reuse=False, trial_memory=1.0)
    Pool(tmp_path, 2).run()
    zero, *failed, seven, eight = study.trials()
    assert [zero.state, seven.state, eight.state] == ["complete"] * 3, (zero, seven, eight)
    told = dict(zip((how for how in HOW if how != "hang"), failed, strict=True))
    assert {how: (trial.state, trial.code, trial.deaths) for how, trial in told.items()} == {
        "raise": ("failed", "exception", 0),
        "exit": ("failed", "exit", 0),
        "kill": ("failed", "killed", 2),
        "eat": ("failed", "memory", 1),
        "diverge": ("failed", "E802", 0),
    }
    reasons = {how: str(trial.reason) for how, trial in told.items()}
    assert reasons["raise"] == "ZeroDivisionError: a layer that divides by zero"
    assert reasons["exit"] == "sys.exit('a library that gives up') was called"
    assert reasons["kill"].startswith("its process was killed by SIGKILL")
    assert "more than search.trial_memory=1" in reasons["eat"]


def test_a_trial_that_hangs_is_ended_and_not_begun_again(tmp_path: Path) -> None:
    study = begun(tmp_path, MISBEHAVING, ["train.seed=choice(5)"], trial_timeout=1.0)
    Pool(tmp_path, 1).run()
    (trial,) = study.trials()
    assert (trial.state, trial.code, trial.deaths) == ("failed", "timeout", 1)
    assert trial.reason == "it took longer than search.trial_timeout=1 seconds"


def test_a_worker_killed_in_mid_trial_is_replaced_and_the_trial_goes_on(tmp_path: Path) -> None:
    study = begun(tmp_path, MISBEHAVING, ["train.seed=choice(5)"])  # it hangs
    killed: list[int] = []

    def kill() -> None:
        owner = study.trials()[0].owner
        if owner and owner.pid not in killed:
            killed.append(owner.pid)
            os.kill(owner.pid, signal.SIGKILL)

    Pool(tmp_path, 1).run(kill)
    (trial,) = study.trials()
    assert (trial.state, trial.code, trial.deaths, trial.attempts) == ("failed", "killed", 2, 2) and len(killed) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_trials_back_and_says_how_to_go_on(tmp_path: Path, number: int) -> None:
    study = begun(tmp_path, MISBEHAVING, ["train.seed=0,5"])
    process = controller(tmp_path, 1)
    until(lambda: study.counts().running == 1 and study.counts().complete == 1)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 75)
    assert "1 of 2 trials are finished" in said and f"search.resume={tmp_path}" in said
    waiting = study.trials()[1]
    assert (waiting.state, waiting.deaths) == ("waiting", 0)
    assert not any(psutil.pid_exists(trial.owner.pid) for trial in study.trials() if trial.owner)


def test_workers_without_a_supervisor_finish_their_trial_and_end(tmp_path: Path) -> None:
    study = begun(tmp_path, MISBEHAVING, ["train.seed=choice(5)"])
    process = controller(tmp_path, 1)
    until(lambda: study.counts().running == 1)
    (trial,) = study.trials()
    process.kill()
    process.communicate()
    assert trial.owner and psutil.pid_exists(trial.owner.pid)
    assert study.recover() == []  # it lives, and finishes what it has
    os.kill(trial.owner.pid, signal.SIGTERM)
    until(lambda: study.trials()[0].state == "waiting")
    until(lambda: not psutil.pid_exists(trial.owner.pid))  # pyright: ignore[reportOptionalMemberAccess]  # asserted above


def test_workers_that_never_come_to_a_trial_end_the_sweep_with_what_they_said(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [NEIGHBORS])
    (study.folder.conf / "frozen.json").unlink()
    with pytest.raises(ConfigError, match=r"E803: no worker of .* comes to a trial: .* status 2: .*cannot be read"):
        Pool(tmp_path, 2).run()
    assert study.counts().waiting == 6


def test_one_trial_alone(tmp_path: Path) -> None:
    study = begun(tmp_path, KNN, [NEIGHBORS])
    Pool(tmp_path, only=4).run()
    assert [trial.number for trial in study.trials() if trial.done] == [4]


def test_its_process_needs_no_tensorflow(tmp_path: Path) -> None:
    begun(tmp_path, KNN, ["model.params.n_neighbors=choice(3)"])
    code = f"""
import sys
from pathlib import Path
from compiler.runtime.sweep.pool import Pool
Pool(Path({str(tmp_path)!r}), 1).run()
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_interrupted_is_what_it_raises(tmp_path: Path) -> None:
    begun(tmp_path, MISBEHAVING, ["train.seed=choice(5)"])
    with pytest.raises(Interrupted, match="E807: stopped by SIGTERM: 0 of 1 trials are finished"):
        Pool(tmp_path, 1).run(lambda: os.kill(os.getpid(), signal.SIGTERM))
