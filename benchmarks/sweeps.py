"""Trials an hour: `train.py -m` on two cores beside KerasTuner, a plain script with Optuna, and Hydra's own sweeper.

    python benchmarks/sweeps.py [mlp] [convnet] [--data FOLDER] [--trials N] [--epochs N] [--repeats 1] [--sides ...]

All try the same points of the same networks on the same rows: 8,000 of Fashion-MNIST to train on and 2,000 to validate
(FOLDER, LAMINA_FASHION_MNIST or Debian's folder holds its files; else digits repeated). Whole commands, in turn:

- lamina: `train.py -m search=grid hydra/launcher=local`, two workers of one thread each;
- keras_tuner, optuna: `_sweep_by_hand.py`, one process with two threads, as their users run them;
- hydra: `train.py -m hydra/sweeper=basic hydra/launcher=basic`, a trial after the other in one process.

Then where a trial's time goes, by the timings of its `run.json`, and how near the whole is to what the steps and their
validation alone take: half of their sum, and the workers' start. Ends with status 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from training import data_folder

REPOSITORY = Path(__file__).parent.parent
WORKERS = 2
TRAIN, VAL = 8_000, 2_000
SIDES = ("lamina", "keras_tuner", "optuna", "hydra")
PHASES = ("fit", "validate")
"""What is left of a trial where nothing else costs."""

WALL = 1.10
"""How much more than that a sweep of convnets may take."""


@dataclass(frozen=True)
class Case:
    """A network, its points, and what is to be reached.

    Attributes:
        overrides: of `train.py`; `size` is the key that takes a point's size, as `text` writes it.
        faster: how many times KerasTuner's trials an hour.
        wall: whether the whole is held to `WALL`.
    """

    overrides: tuple[str, ...]
    size: str
    text: str
    rates: int
    dropouts: int
    sizes: tuple[int, ...]
    epochs: int
    faster: float
    wall: bool

    def points(self) -> list[dict[str, Any]]:
        """The points: all pairs of what is drawn, the rate changing fastest."""
        random = Random(5)
        rates = sorted(round(10 ** random.uniform(-4, -2), 6) for _ in range(self.rates))
        dropouts = sorted(round(random.uniform(0.05, 0.5), 3) for _ in range(self.dropouts))
        every = product(self.sizes, dropouts, rates)
        return [{"learning_rate": rate, "dropout": dropout, "size": size} for size, dropout, rate in every]


CASES: Mapping[str, Case] = {
    "mlp": Case(("model=mlp",), "model.vars.units", "[{0},{1}]", 4, 3, (64, 128), 3, 3.0, False),
    "convnet": Case(("model=convnet",), "model.vars.width", "{1}", 3, 2, (6, 8), 6, 1.15, True),
}


def grid_of(case: Case, points: Sequence[Mapping[str, Any]]) -> list[str]:
    """The points in Hydra's sweep grammar."""

    def every(key: str) -> list[Any]:
        return list(dict.fromkeys(point[key] for point in points))

    sizes = ",".join(case.text.format(2 * size, size) for size in every("size"))
    dropouts, rates = (",".join(map(str, every(key))) for key in ("dropout", "learning_rate"))
    return [f"{case.size}={sizes}", f"model.vars.dropout={dropouts}", f"train.optimizer.learning_rate={rates}"]


def write_rows(source: Path, folder: Path) -> None:
    """The first rows of the data, as IDX files for us and as arrays for the scripts."""
    sys.path.insert(0, str(REPOSITORY))
    from compiler.runtime.data.idx import read_idx

    def read(stem: str, rank: int, count: int) -> Any:
        path = next(path for path in (source / f"{stem}.gz", source / stem) if path.exists())
        return read_idx(path, rank)[:count]

    for stem, count in (("train", TRAIN + VAL), ("t10k", VAL)):
        x, y = read(f"{stem}-images-idx3-ubyte", 3, count), read(f"{stem}-labels-idx1-ubyte", 1, count)
        header = b"".join(size.to_bytes(4, "big") for size in x.shape)
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + header + x.tobytes())
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + header[:4] + y.tobytes())
        if stem == "train":
            x, y = x[..., None].astype("float32") / 255, y.astype("int32")
            np.savez(folder / "rows.npz", x=x[:TRAIN], y=y[:TRAIN], x_val=x[TRAIN:], y_val=y[TRAIN:])


def command(side: str, name: str, points: list[dict[str, Any]], epochs: int, work: Path, sweep: Path) -> list[str]:
    """The whole command of one side."""
    if side in ("keras_tuner", "optuna"):
        file = work / f"{name}.json"
        file.write_text(json.dumps({"epochs": epochs, "points": points}), "utf-8")
        script = Path(__file__).with_name("_sweep_by_hand.py")
        return [sys.executable, str(script), side, name, str(file), str(work)]
    case = CASES[name]
    fixed = [
        *case.overrides, "data=fashion_mnist", f"data.path={work}", f"data.split.val={VAL}", f"train.epochs={epochs}",
        "train.batch_size=64", "train.schedule=constant", f"hydra.sweep.dir={sweep}",
    ]  # fmt: skip
    own = (
        ["search=grid", "search.test=false", "hydra/launcher=local", f"hydra.launcher.workers={WORKERS}"]
        if side == "lamina"
        else ["hydra/sweeper=basic", "hydra/launcher=basic", "train.test=skip"]
    )
    return [sys.executable, "train.py", "-m", *fixed, *own, *grid_of(case, points)]


def run(side: str, words: Sequence[str]) -> tuple[float, float]:
    """When the command began, and the seconds that it took."""
    began = time.time()
    with tempfile.TemporaryFile("w+") as out:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        status = subprocess.run(words, cwd=REPOSITORY, env=environment, stdout=out, stderr=out, check=False).returncode
        if status:
            out.seek(0)
            raise SystemExit(f"{side} failed ({status}): {' '.join(words)}\n{out.read()}")
    return began, time.time() - began


@dataclass(frozen=True)
class Split:
    """Where the time of a sweep of ours went.

    Attributes:
        start: seconds from its beginning until a worker had imported TensorFlow and read the data.
        phases: mean seconds of a trial by phase, without those that only the first trials of the workers pay.
        bound: seconds that the sweep takes where only the steps and their validation cost.
        gap: mean seconds of a worker between the phases of two trials.
    """

    start: float
    phases: Mapping[str, float]
    bound: float
    gap: float


def split_of(sweep: Path, began: float, seconds: float) -> Split:
    records = [json.loads(path.read_text("utf-8")) for path in sorted(sweep.glob("trials/*/run.json"))]
    starts = sorted(datetime.fromisoformat(record["process"]["started"]).timestamp() for record in records)
    start = starts[0] - began
    timings = [{**record["timings"], "data": 0.0, "import": 0.0} for record in records]
    phases = {
        name: statistics.mean(t.get(name, 0.0) for t in timings)
        for name in dict.fromkeys(k for t in timings for k in t)
    }
    total = sum(sum(t.values()) for t in timings)
    pure = sum(t.get(name, 0.0) for t in timings for name in PHASES)
    gap = (WORKERS * (seconds - start) - total) / len(records)
    return Split(start, phases, pure / WORKERS + start, gap)


def compare(name: str, options: argparse.Namespace) -> bool:
    """Run all sides in turn, print what they came to, and say whether the targets are met."""
    case = CASES[name]
    points, epochs = case.points(), options.epochs or case.epochs
    if options.trials:  # whole rows of the grid, so that it stays one
        size, rates = case.sizes[0], math.ceil(options.trials / case.dropouts)
        kept = sorted({point["learning_rate"] for point in points})[:rates]
        points = [point for point in points if point["size"] == size and point["learning_rate"] in kept]
    taken: dict[str, list[float]] = {side: [] for side in options.sides}
    splits: list[Split] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_rows(data_folder(options, work), work)
        for i in range(options.repeats):
            for side in options.sides if i % 2 == 0 else options.sides[::-1]:
                sweep = work / f"{side}-{i}"
                began, seconds = run(side, command(side, name, points, epochs, work, sweep))
                taken[side].append(seconds)
                if side == "lamina":
                    splits.append(split_of(sweep, began, seconds))
                print(f"  {name} {side}: {seconds:.1f} s", flush=True)
    medians = {side: statistics.median(seconds) for side, seconds in taken.items()}
    print(f"{name}: {len(points)} trials of {epochs} epochs, {TRAIN:,} rows, medians of {options.repeats}")
    good = True
    for side, seconds in medians.items():
        line = f"  {side:12}{seconds:8.1f} s {3600 * len(points) / seconds:8.0f} trials an hour"
        if side != "lamina" and "lamina" in medians:
            ratio = seconds / medians["lamina"]
            missed = side == "keras_tuner" and ratio < case.faster
            target = f" (target {case.faster})" if side == "keras_tuner" else ""
            line += f"  lamina is {ratio:.2f} x faster{target}{'  MISSED' if missed else ''}"
            good &= not missed
        print(line)
    for split, seconds in zip(splits, taken.get("lamina", ()), strict=True):
        told = "  ".join(f"{phase} {1e3 * mean:.0f}" for phase, mean in split.phases.items() if mean >= 0.0005)
        print(f"  a trial, in ms: {told}  between two {1e3 * split.gap:.0f}")
        ratio = seconds / split.bound
        missed = case.wall and ratio > WALL
        print(
            f"  whole {seconds:.1f} s, steps and validation / {WORKERS} and {split.start:.1f} s of start"
            f" {split.bound:.1f} s: {ratio:.2f} of it" + (f" (target {WALL:.2f})" if case.wall else "")
            + ("  MISSED" if missed else "")
        )  # fmt: skip
        good &= not missed
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="Trials an hour of sweeps.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="mlp, convnet")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--trials", type=int, help="about so many")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CASES]:
        parser.error(f"unknown: {', '.join(unknown)}; one of {', '.join(CASES)}")
    met = [compare(name, options) for name in options.names or CASES]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
