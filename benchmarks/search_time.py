"""Time to a validation accuracy: TPE with Hyperband against random search that prunes nothing.

    python benchmarks/search_time.py [--data FOLDER] [--seeds 5] [--trials N] [--target ACCURACY]

Whole commands `train.py -m search=...` with two local workers and the defaults of the methods, in turn, each stopped by
SIGTERM as soon as a trial is complete that has the target, or when its trials have used as many epochs as N whole ones
do (40). An MLP on 4,000 rows of Fashion-MNIST, 2,000 to validate on (FOLDER, LAMINA_FASHION_MNIST or Debian's folder
holds its files; else digits repeated), 27 epochs a trial.

The target is the median, over three pilots with other seeds, of the best that random search finds with half of that;
`--target` leaves the pilots out. Prints for each seed the seconds from the start of the command until that
trial's end by the study's clock, and the epochs trained by then, which other work on the machine does not disturb: all
of the trials that ended by then, pruned ones too, not those of the one that the other worker is at. A side that never
gets there counts with its whole budget, marked `>`. Then the ratios of the medians.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sweeps import REPOSITORY, VAL, WORKERS, write_rows
from training import data_folder

from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.trials import TrialState

ROWS, EPOCHS = 4_000, 27
SPACE = (
    "model.vars.units=choice([32,32],[128,64],[256,128])",
    "model.vars.dropout=interval(0,0.7)",
    "train.batch_size=choice(64,128,256)",
    "train.optimizer.op=choice(Adam,SGD)",
    "train.optimizer.learning_rate=tag(log,interval(1e-5,1))",
    "+train.optimizer.momentum=interval(0,0.98)",
    "search.conditions={train.optimizer.momentum:{train.optimizer.op:SGD}}",
)
SIDES = {"random": ("search=random", "search.pruner=none"), "tpe+hyperband": ("search=tpe", "search.pruner=hyperband")}
PILOTS = (100, 101, 102)
MOST = 10
"""Trials that a search may begin, in whole ones of its budget: more than it comes to."""

ENDED = re.compile(r"trial +\d+ (?:complete|pruned) +val\.accuracy ([\d.]+)(?: at epoch (\d+))?")
"""The line of a sweep about a trial. Four digits are all that an accuracy of 2,000 rows has."""


@dataclass(frozen=True)
class Search:
    """What a search came to.

    Attributes:
        reached: whether a trial has the target.
        seconds, epochs: until that trial was complete; else until the last one ended.
        best: the best accuracy until then.
        trials, pruned: how many had ended by then; how many of them early.
    """

    reached: bool
    seconds: float
    epochs: int
    best: float
    trials: int
    pruned: int

    def __str__(self) -> str:
        beyond = " " if self.reached else ">"
        return (
            f"{beyond}{self.seconds:7.1f} s {beyond}{self.epochs:5d} epochs, {self.trials:3d} trials,"
            f" {self.pruned:2d} pruned, best {self.best:.4f}"
        )


def carry_out(words: list[str], target: float, budget: int) -> datetime:
    """Run the command until a trial with the target is complete, or for so many epochs; gives when it began."""
    began, told, stopped, epochs = datetime.now(), list[str](), False, 0
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout, "it is a pipe"
        for line in process.stdout:
            told.append(line)
            if not (found := ENDED.match(line)):
                continue
            epochs += int(found[2] or EPOCHS)
            there = found[2] is None and float(found[1]) >= target
            if (there or epochs >= budget) and not stopped:
                stopped = True
                process.send_signal(signal.SIGTERM)
    if process.returncode and not stopped:
        raise SystemExit(f"failed ({process.returncode}): {' '.join(words)}\n{''.join(told)}")
    return began


def accuracy(trial: TrialState) -> float:
    return trial.values[0] if trial.values else 0.0


def search(side: str, seed: int, trials: int, target: float, work: Path) -> Search:
    """One whole command, and what its study says of it."""
    sweep = work / f"{side}-{seed}"
    words = [
        sys.executable, "train.py", "-m", "model=mlp", "data=fashion_mnist", f"data.path={work}",
        f"data.limit={ROWS}", f"data.split.val={VAL}", f"train.epochs={EPOCHS}", "train.schedule=constant",
        "train.best.monitor=val.accuracy", "search.objectives=val.accuracy", "search.test=false",
        "search.resume=false", f"search.n_trials={MOST * trials}", f"search.seed={seed}", *SIDES[side],
        "hydra/launcher=local", f"hydra.launcher.workers={WORKERS}", f"hydra.sweep.dir={sweep}", *SPACE,
    ]  # fmt: skip
    began = carry_out(words, target, trials * EPOCHS)
    ended = [(trial.finished, trial) for trial in Study.open(SweepFolder(sweep)).trials() if trial.finished]
    there = min((when for when, trial in ended if accuracy(trial) >= target), default=None)
    end = there or max(when for when, _ in ended)
    until = [trial for when, trial in ended if when <= end]
    return Search(
        reached=there is not None,
        seconds=(end - began).total_seconds(),
        epochs=sum(len(trial.steps) for trial in until),
        best=max(map(accuracy, until)),
        trials=len(until),
        pruned=sum(trial.state == "pruned" for trial in until),
    )


def target_of(trials: int, work: Path) -> float:
    """What random search comes to with half of the trials, by seeds that are not compared."""
    found: list[float] = []
    for seed in PILOTS:
        found.append(search("random", seed, max(1, trials // 2), 2.0, work).best)
        print(f"pilot {seed}: {found[-1]:.4f}", flush=True)
    return statistics.median(found)


def compare(seeds: int, trials: int, target: float, work: Path) -> None:
    """Run both sides for all seeds, and print what they came to."""
    print(f"until val.accuracy >= {target:.4f}, or the epochs of {trials} whole trials", flush=True)
    found: dict[str, list[Search]] = {side: [] for side in SIDES}
    for seed in range(seeds):
        for side in list(SIDES)[:: 1 if seed % 2 == 0 else -1]:
            found[side].append(search(side, seed, trials, target, work))
            print(f"seed {seed} {side:14}{found[side][-1]}", flush=True)
    for unit in ("seconds", "epochs"):
        medians = {side: statistics.median(getattr(each, unit) for each in found[side]) for side in SIDES}
        told = ", ".join(f"{side} {median:.0f}" for side, median in medians.items())
        luck, guided = medians.values()
        print(f"{unit}, medians: {told}; random needs {luck / guided:.2f} times as many")
    for side, each in found.items():
        if missed := sum(not one.reached for one in each):
            print(f"{side} did not get there with {missed} of {seeds} seeds; they count with their whole budget")


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to a validation accuracy.")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40, metavar="N")
    parser.add_argument("--target", type=float)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_rows(data_folder(options, work), work)
        target = options.target if options.target is not None else target_of(options.trials, work)
        compare(options.seeds, options.trials, target, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
