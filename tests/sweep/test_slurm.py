"""Sweeps on a real SLURM: arrays and single jobs, kills of all kinds, pre-emption; every trial is accounted for."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from compiler.errors import ConfigError
from compiler.runtime.sweep.engines.settings import SlurmSettings
from compiler.runtime.sweep.engines.slurm import Slurm
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trials import TrialState
from tests.pages import ROOT
from tests.slurm.cluster import Cluster

SMALL = ("data=digits_8x8", "train.test=skip")
FOREST = (
    *SMALL,
    "model=random_forest",
    "search=grid",
    "search.test=false",
    "model.params.n_estimators=4001,4002,3,4,5",
)
NETWORK = (
    *SMALL, "model=mlp", "train.epochs=300", "train.checkpoint={seconds: 0.3, share: 0.9}", "train.early_stopping=null",
    "train.threads={intra: 1, inter: 1}",
)  # fmt: skip
RATE = "train.optimizer.learning_rate"


class Sweep:
    """A sweep that `python train.py -m hydra/launcher=slurm` carries out in `root`."""

    def __init__(self, slurm: Cluster, root: Path) -> None:
        self.slurm, self.root, self.folder = slurm, root, SweepFolder(root)
        self._begun: list[subprocess.Popen[str]] = []

    def begin(self, *overrides: str) -> subprocess.Popen[str]:
        """Start the command, whose process controls the sweep."""
        launcher = ("hydra/launcher=slurm", "hydra.launcher.poll=0.5", "hydra.launcher.signal_delay_s=10")
        return self._begin(*overrides, *launcher, f"hydra.sweep.dir={self.root}")

    def _begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "train.py", "-m", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._begun.append(process)
        return process

    def run(self, *overrides: str) -> str:
        """Start the command, and wait for its end."""
        return said_by(self.begin(*overrides))

    def go_on(self) -> str:
        """Come back to it by its folder alone, and wait for its end."""
        return said_by(self._begin(f"search.resume={self.root}"))

    def trials(self) -> list[TrialState]:
        """All trials; none while there is no study."""
        try:
            return Study.open(self.folder).trials()
        except (ConfigError, KeyError):  # it is just being made
            return []

    def wait(self, met: Callable[[list[TrialState]], bool], what: str) -> list[TrialState]:
        """Wait until the trials are so, and give them."""
        self.slurm.wait(lambda: met(self.trials()), f"{what}: {self.trials()}")
        return self.trials()

    def trained(self, number: int) -> bool:
        """Whether a trial has a checkpoint."""
        return any(self.folder.trial(number).glob("checkpoints/*.npz"))

    def jobs(self) -> list[str]:
        """What SLURM calls the sweep's jobs."""
        return [job.id for job in Slurm(self.folder, SlurmSettings()).jobs()]

    def close(self) -> None:
        for process in self._begun:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.slurm.try_run("scancel", "--user=root", "--signal=KILL", "--full")
        self.slurm.try_run("scancel", "--user=root")


@pytest.fixture
def sweep(slurm: Cluster, tmp_path: Path) -> Iterator[Sweep]:
    made = Sweep(slurm, tmp_path / "sweep")
    try:
        yield made
    finally:
        made.close()


def said_by(process: subprocess.Popen[str]) -> str:
    """What a command says that ends well."""
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    return said


def ended(trials: Sequence[TrialState]) -> bool:
    return bool(trials) and all(trial.state not in ("waiting", "running") for trial in trials)


def test_an_array_carries_the_sweep_as_it_was_submitted(slurm: Cluster, sweep: Sweep, tmp_path: Path) -> None:
    """Two workers, twelve trials, nobody who looks after them; files that change meanwhile change nothing."""
    own = tmp_path / "conf" / "experiment" / "mine.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("# @package _global_\ntrain: {seed: 7}\n", "utf-8")
    arguments = (
        f"--config-dir={tmp_path / 'conf'}", "experiment=mine", *SMALL, "search=grid", "search.test=false",
        "model=knn", "model.params.n_neighbors=range(1, 13)", "hydra.launcher.workers=2",
    )  # fmt: skip
    said = sweep.run(*arguments, "hydra.launcher.wait=false", "hydra.launcher.sbatch={hold: true}")
    assert "squeue" in said and f"search.resume={sweep.root}" in said
    assert {trial.state for trial in sweep.trials()} == {"waiting"}
    own.write_text("# @package _global_\ntrain: {seed: 8}\n", "utf-8")
    first, second = sweep.jobs()
    assert first.split("_")[0] == second.split("_")[0]  # one array
    slurm.run("scontrol", "release", first.split("_")[0])
    trials = sweep.wait(ended, "all ended")
    assert [(trial.number, trial.state, trial.attempts) for trial in trials] == [(i, "complete", 1) for i in range(12)]
    assert {trial.owner.job for trial in trials if trial.owner} <= {f"slurm:{first}/0", f"slurm:{second}/0"}
    for trial in trials:
        assert "seed: 7" in (sweep.folder.trial(trial.number) / ".hydra" / "config.yaml").read_text("utf-8")
    slurm.wait(lambda: set(slurm.states(first.split("_")[0]).values()) == {"COMPLETED"}, "the jobs end by themselves")
    sweep.go_on()
    assert sweep.folder.finished and len(sweep.jobs()) == 2  # nothing was left to start


def test_a_job_for_each_trial_with_its_own_resources(slurm: Cluster, sweep: Sweep) -> None:
    sweep.run(
        *SMALL, "search=grid", "search.test=false", "model=linear,knn", "train.seed=1,2", "hydra.launcher.mode=job",
        "hydra.launcher.workers=2",
        "hydra.launcher.resources={mem_gb: {model: {linear: 0.5, other: '$0.5 + epochs/epochs'}}}",
    )  # fmt: skip
    trials = sweep.trials()
    assert [trial.state for trial in trials] == ["complete"] * 4
    memory = {"linear": "512M", "knn": "1536M"}
    for trial in trials:
        assert trial.owner and trial.owner.job
        job = trial.owner.job.removeprefix("slurm:").partition("/")[0]
        words = ("sacct", "-X", "-n", "-P", "--units=M", "-o", "ReqMem", "-j", job)
        asked = memory[trial.params["model"]]
        slurm.wait(lambda: slurm.run(*words).strip() == asked, f"job {job} asked for {asked}")  # noqa: B023  # at once
    assert len(set(sweep.jobs())) == 4


@pytest.mark.tf
def test_a_trial_that_is_driven_out_goes_on_to_the_same_bits(slurm: Cluster, sweep: Sweep, tmp_path: Path) -> None:
    """A job of a partition that has precedence takes the node; a signal before the time is up does the same."""
    controller = sweep.begin(*NETWORK, f"{RATE}=choice(0.001)", "hydra.launcher.workers=1", "search.test=false")
    sweep.wait(lambda trials: sweep.trained(0), "it has a checkpoint")
    (job,) = sweep.jobs()
    slurm.run("srun", "--partition=urgent", "--cpus-per-task=4", "true")
    for begun in (1, 2):
        (trial,) = sweep.wait(lambda trials: trials[0].state == "waiting", "it was given back")
        assert (trial.attempts, trial.deaths, trial.code) == (begun, 0, "E807")
        slurm.wait(lambda: slurm.states(job) == {job: "PENDING"}, "it is queued again")
        slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")  # SLURM would let it wait for two minutes
        sweep.wait(lambda trials: trials[0].state == "running", "it goes on")
        if begun == 1:
            slurm.run("scancel", "--signal=USR2", job)  # what comes before the time is up
    said = said_by(controller)
    (trial,) = sweep.trials()
    assert (trial.state, trial.attempts, trial.deaths) == ("complete", 3, 0), said
    assert trial.owner and trial.owner.job == f"slurm:{job}/2" and sweep.jobs() == [job]
    whole = [sys.executable, "train.py", *NETWORK, f"{RATE}=0.001", f"hydra.run.dir={tmp_path / 'whole'}"]
    subprocess.run(whole, cwd=ROOT, check=True, capture_output=True)
    went_on, undisturbed = weights(sweep.folder.trial(0)), weights(tmp_path / "whole")
    assert went_on.keys() == undisturbed.keys() and len(went_on) > 4
    assert all(np.array_equal(value, undisturbed[name]) for name, value in went_on.items())


def test_kills_of_workers_jobs_and_the_controller_lose_no_trial(slurm: Cluster, sweep: Sweep) -> None:
    arguments = (*FOREST, "hydra.launcher.workers=2")
    controller = sweep.begin(*arguments)
    begun = sweep.wait(lambda trials: [trial.state for trial in trials[:2]] == ["running"] * 2, "two run")
    first, second = (trial.owner for trial in begun[:2])
    assert first and second and second.job
    os.kill(first.pid, signal.SIGKILL)
    sweep.wait(lambda trials: trials[0].deaths == 1, "the kill was noticed")
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()
    slurm.run("scancel", second.job.removeprefix("slurm:").partition("/")[0])
    cancelled = sweep.wait(lambda trials: trials[1].owner != second or trials[1].state == "waiting", "it is given back")
    assert cancelled[1].deaths == 0
    said = sweep.run(*arguments)
    trials = sweep.trials()
    assert [trial.state for trial in trials] == ["complete"] * 5, said
    assert [trial.deaths for trial in trials] == [1, 0, 0, 0, 0]
    assert len(sweep.jobs()) == 3, "one was started in the place of the cancelled"


def weights(run: Path) -> dict[str, np.ndarray]:
    """All arrays that the run's model holds, by their names."""
    found: dict[str, np.ndarray] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with zipfile.ZipFile(run / "model.keras") as archive, archive.open("model.weights.h5") as file:
        h5py.File(io.BytesIO(file.read())).visititems(take)
    return found
