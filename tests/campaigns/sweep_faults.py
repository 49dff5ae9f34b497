"""A sweep of 40 trials, of which 10 do what trials should not: 30 must be complete, 10 failed with the right reason.

    python -m tests.campaigns.sweep_faults --seed 0
    python -m tests.campaigns.sweep_faults --seed 0 --workers 4 --trials 80

A callback of the test's own raises, calls `sys.exit`, kills its process, eats memory, hangs or makes the weights NaN in
the second epoch. Which trials do it is drawn. The workers are real processes, supervised by a pool.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from compiler.runtime.run import read_run
from compiler.runtime.sweep.pool import Pool
from compiler.runtime.sweep.trials import TrialState
from tests.sweep.begun import begun

FAULTY = ("raise", "raise", "exit", "exit", "kill", "kill", "eat", "hang", "diverge", "diverge")
CODES = {"raise": "exception", "exit": "exit", "kill": "killed", "eat": "memory", "hang": "timeout", "diverge": "E802"}
FIXED = (
    "model=mlp", "data=digits", "train.epochs=3", "plugins=[tests.sweep.misbehaving_plugin]",
    "train.callbacks=[{op: Misbehave, how: none}]",
)  # fmt: skip
HOW, SEED = "train.callbacks.0.how", "train.seed"


def campaign(folder: Path, trials: int, workers: int, seed: int) -> list[str]:
    """What went wrong."""
    hows = [*FAULTY, *["none"] * (trials - len(FAULTY))]
    random.Random(seed).shuffle(hows)
    points = [{SEED: i, HOW: how} for i, how in enumerate(hows)]
    parameters = [f"{SEED}=range(0,{trials})", f"{HOW}=none,raise,exit,kill,eat,hang,diverge"]
    study = begun(folder, FIXED, parameters, points, trial_timeout=60.0, trial_memory=1.6)
    start = time.monotonic()
    Pool(folder, workers, trials_per_worker=20).run(lambda: print(study.counts(), flush=True))
    found = study.trials()
    print(f"{len(found)} trials in {time.monotonic() - start:.0f} s: {Counter(trial.state for trial in found)}")
    for trial, how in zip(found, hows, strict=False):
        if how != "none":
            print(f"  {trial.number:3d} {how:6s} {trial.state} {trial.code}: {trial.reason}")
    faults = [fault for trial, how in zip(found, hows, strict=False) if (fault := _fault(folder, trial, how))]
    return [*faults, f"{len(found)} trials instead of {trials}"] if len(found) != trials else faults


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
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = campaign(Path(folder) / "sweep", given.trials, given.workers, given.seed)
    for fault in faults:
        print(fault)
    print(f"seed {given.seed}: {len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
