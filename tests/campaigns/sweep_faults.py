"""A sweep of 40 trials, of which 10 do what trials should not: 30 must be complete, 10 failed with the right reason.

    python -m tests.campaigns.sweep_faults --seed 0
    python -m tests.campaigns.sweep_faults --launcher slurm --seed 0
    python -m tests.campaigns.sweep_faults --launcher ray --workers 4 --trials 80

A callback of the test's own raises, calls `sys.exit`, kills its process, eats memory, hangs or makes the weights NaN in
the second epoch. Which trials do it is drawn. The command is `train.py -m`, as users type it; SLURM is a real one of
one node (`tests/slurm/`: root on Debian), Ray a real cluster of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from compiler.runtime.run import read_run
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trials import TrialState
from tests.pages import ROOT
from tests.slurm.cluster import Cluster, install, missing

FAULTY = ("raise", "raise", "exit", "exit", "kill", "kill", "eat", "hang", "diverge", "diverge")
CODES = {"raise": "exception", "exit": "exit", "kill": "killed", "eat": "memory", "hang": "timeout", "diverge": "E802"}
FIXED = (
    "model=mlp", "data=digits", "train.epochs=3", "plugins=[tests.sweep.misbehaving_plugin]",
    "train.callbacks=[{op: Misbehave, how: none}]", "search=random", "search.trial_memory=1.6", "search.test=false",
    "hydra.launcher.trials_per_worker=20",
)  # fmt: skip
HOW, SEED = "train.callbacks.0.how", "train.seed"
LAUNCHERS: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "slurm": ("hydra.launcher.poll=1", "hydra.launcher.signal_delay_s=10"),
    "ray": (),
}
"""What each is told besides."""


@contextmanager
def around(launcher: str) -> Iterator[Mapping[str, str]]:
    """The environment of the command, while what its launcher needs is there."""
    if launcher == "slurm":
        install()
        with Cluster() as cluster:
            yield {**os.environ, **cluster.environment}
    else:
        yield {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}


def campaign(folder: Path, hows: Sequence[str], launcher: str, workers: int, timeout: float) -> list[str]:
    """What went wrong in a sweep whose trials do what `hows` says."""
    words = [
        *FIXED, f"{SEED}=range(0,{len(hows)})", f"{HOW}=choice({','.join(('none', *CODES))})",
        f"search.n_trials={len(hows)}", f"search.trial_timeout={timeout:g}",
        "search.enqueue=" + json.dumps([{SEED: i, HOW: how} for i, how in enumerate(hows)]).replace('"', ""),
        f"hydra/launcher={launcher}", f"hydra.launcher.workers={workers}", *LAUNCHERS[launcher],
        f"hydra.sweep.dir={folder}",
    ]  # fmt: skip
    with around(launcher) as environment:
        start = time.monotonic()
        status = subprocess.run([sys.executable, "train.py", "-m", *words], cwd=ROOT, env=environment, check=False)
        seconds = time.monotonic() - start
    found = Study.open(SweepFolder(folder)).trials()
    states = ", ".join(f"{count} {state}" for state, count in Counter(trial.state for trial in found).items())
    print(f"{launcher}: {len(found)} trials in {seconds:.0f} s: {states}")
    for trial, how in zip(found, hows, strict=False):
        if how != "none":
            print(f"  {trial.number:3d} {how:7s} {trial.state} {trial.code}: {trial.reason}")
    faults = [fault for trial, how in zip(found, hows, strict=False) if (fault := _fault(folder, trial, how))]
    faults += [f"{len(found)} trials instead of {len(hows)}"] if len(found) != len(hows) else []
    return [*faults, f"train.py ended with status {status.returncode}"] if status.returncode else faults


def _fault(folder: Path, trial: TrialState, how: str) -> str | None:
    if how != "none":
        deaths = {"kill": 2, "eat": 1, "hang": 1}.get(how, 0)
        right = (trial.state, trial.code, trial.deaths) == ("failed", CODES[how], deaths)
        return None if right else f"trial {trial.number} ({how}): {trial}"
    if trial.state != "complete" or trial.attempts != 1:
        return f"trial {trial.number}: {trial}"
    run = read_run(folder / f"trials/{trial.number:05d}")
    return None if trial.values == (run.metrics["val"]["loss"],) else f"trial {trial.number} is not its run"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", choices=LAUNCHERS, default="local")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60.0, help="search.trial_timeout: more on a busy machine")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.launcher == "slurm" and (why := missing()):
        print(f"slurm: left out: {why}")
        return 0
    hows = [*FAULTY, *["none"] * (given.trials - len(FAULTY))]
    random.Random(given.seed).shuffle(hows)
    with tempfile.TemporaryDirectory() as folder:
        faults = campaign(Path(folder) / "sweep", hows, given.launcher, given.workers, given.timeout)
    for fault in faults:
        print(fault)
    print(f"{given.launcher}, seed {given.seed}: {len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
