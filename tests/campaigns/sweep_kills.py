"""Kill the controller and the workers of a sweep at random moments, go on with it, and hold it against one that was
left alone: the study has exactly its trials, each finished once, with the same values and predictions to the bit.

    python -m tests.campaigns.sweep_kills --kills 20 --seed 0

Half of the kills hit the controller (SIGKILL, SIGTERM or SIGINT, as it is drawn), half a worker (SIGKILL, SIGTERM).
A controller that is dead is started again. Every trial is a network of some seconds with dropout, and checkpoints.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from compiler.runtime.run import read_run
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.pool import Pool
from compiler.runtime.sweep.study import Study
from tests.sweep.begun import begun

NETWORK = ("model=snn", "data=digits", "train.epochs=200", "train.checkpoint={seconds: 0.2, share: 1.0}")
TREES = ("model=lightgbm", "data=digits", "data.limit=300", "model.params.n_estimators=30", "train.threads.intra=1")
"""Without TensorFlow, for the suite."""


class Campaign:
    """A sweep in `folder` that is killed again and again."""

    def __init__(self, folder: Path, fixed: Sequence[str], trials: int, seed: int) -> None:
        self.folder, self.fixed, self.trials, self.draw = folder, fixed, trials, random.Random(seed)
        self.kills = Counter[str]()
        self._controller: subprocess.Popen[bytes] | None = None

    def begin(self, name: str) -> Study:
        return begun(self.folder / name, self.fixed, [f"train.seed=range(0,{self.trials})"], retries=1000)

    def run(self, kills: int, longest: float) -> list[str]:
        """What went wrong, of two sweeps of which one was killed.

        Args:
            longest: seconds between two kills.
        """
        whole = self.begin("whole")
        Pool(whole.folder, 2).run()
        study = self.begin("killed")
        while sum(self.kills.values()) < kills and study.counts().finished < self.trials:
            if self._controller is None or self._controller.poll() is not None:
                self._controller = self._start(study)
            time.sleep(self.draw.uniform(0.1, longest))
            self._kill(study)
        if self._controller is not None:
            with suppress(ProcessLookupError):
                self._controller.kill()
            self._controller.wait()
        Pool(study.folder, 2).run()
        return list(self._faults(whole, study))

    def _start(self, study: Study) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.sweep.controller", str(study.folder.root), "2"]
        with (self.folder / "controller.log").open("ab") as log:
            root = Path(__file__).parents[2]
            return subprocess.Popen(command, cwd=root, stdout=log, stderr=log, start_new_session=True)

    def _kill(self, study: Study) -> None:
        """End the controller or a worker, if there is one."""
        workers = [pid for path in study.folder.workers.glob("*.json") if (pid := _alive(path)) is not None]
        if self.draw.random() < 0.5 and workers:
            number = self.draw.choice([signal.SIGKILL, signal.SIGTERM])
            with suppress(psutil.Error):
                psutil.Process(self.draw.choice(sorted(workers))).send_signal(number)
                self.kills[f"worker {number.name}"] += 1
        elif self._controller is not None and self._controller.poll() is None:
            number = self.draw.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            self._controller.send_signal(number)
            self.kills[f"controller {number.name}"] += 1
            if number != signal.SIGKILL:
                self._controller.wait()

    def _faults(self, whole: Study, killed: Study) -> list[str]:
        faults: list[str] = []
        ours, theirs = whole.trials(), killed.trials()
        counts = killed.counts()
        if len(theirs) != self.trials or counts.complete != self.trials:
            faults.append(f"{len(theirs)} trials, {counts}")
        for a, b in zip(ours, theirs, strict=False):
            if a.params != b.params or a.values != b.values:
                faults.append(f"trial {a.number}: {a.params} {a.values}, and killed {b.params} {b.values}")
                continue
            runs = [read_run(study.folder.trial(a.number)) for study in (whole, killed)]
            said = [run.predictions("val").predictions.tobytes() for run in runs]
            if said[0] != said[1] or dict(a.steps) != dict(b.steps):
                faults.append(f"trial {a.number}: other predictions or reports")
        attempts = sum(trial.attempts for trial in theirs)
        print(f"{dict(self.kills)}; {attempts} attempts of {self.trials} trials; {counts}")
        return faults


def _alive(path: Path) -> int | None:
    """The process of a worker's file, if it runs."""
    try:
        owner = Owner.read(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return None
    return owner.pid if owner.running else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--longest", type=float, default=3.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trees", action="store_true", help="boosted trees in the place of networks")
    given = parser.parse_args()
    # a shell lets what it puts into the background ignore SIGINT, and a controller would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), TREES if given.trees else NETWORK, given.trials, given.seed)
        faults = campaign.run(given.kills, given.longest)
    for fault in faults:
        print(fault)
    print(f"seed {given.seed}: {sum(campaign.kills.values())} kills, {len(faults)} faults")
    return bool(faults) or sum(campaign.kills.values()) < given.kills


if __name__ == "__main__":
    sys.exit(main())
