"""Kill runs at random moments, several times each, go on with them, and hold what they come to against a run that was
left alone: weights, predictions, metrics and history must have the same bits.

    python -m tests.campaigns.resume --runs 100 --seed 0
    python -m tests.campaigns.resume --runs 10 --seed 0 --spawn     # every process a `python train.py` of its own

The network flips, drops and normalises; the rate falls on plateaus, the training stops early, and the last epochs are
kept as runs of their own, which must have the same bits too. Half of the kills fall at a moment drawn over the life of
an uninterrupted run, half within 30 ms of a checkpoint's first sign. A run goes on by `resume=DIR` or by the same
command again, as it is drawn. Processes are forked (`forks.py`) but with `--spawn`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from compiler.runtime.run import TEMPORARY, read_run
from compiler.runtime.run.checkpoints import FOLDER
from tests.campaigns.forks import Forks
from tests.campaigns.kill import status_of, violations

NET = """
input: ${data.input_shape}
layers:
  - {op: RandomFlip, mode: horizontal}
  - {op: Conv2D, filters: 8, kernel_size: 3, padding: same, use_bias: false}
  - {op: BatchNormalization, momentum: 0.9}
  - {op: Activation, activation: relu}
  - {op: MaxPooling2D, pool_size: 2}
  - Flatten
  - {op: Dropout, rate: 0.3}
  - {op: Dense, units: 10, activation: softmax}
"""
SETTINGS = (
    "data.size=null",
    "data.input_shape=[8,8,1]",
    "data.split={val: 60, test: 60}",
    "data.limit=160",
    "train.batch_size=4",
    "train.epochs=40",
    "train.schedule=constant",
    "train.optimizer.learning_rate=0.02",
    "train.early_stopping={monitor: val.loss, patience: 3}",
    "train.reduce_on_plateau={monitor: val.loss, patience: 1, factor: 0.5, min_delta: 0.05}",
    "train.snapshots={op: last, keep: 2, every: 2}",
)
SPACINGS = (0, 0, 0.2)
"""Seconds between checkpoints, drawn for each process: they may differ between those of a run."""
WINDOW = 0.03


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    hashes: dict[str, str]
    epochs: int
    rates: int


@dataclass(slots=True)
class Tried:
    """One run that was killed."""

    kills: list[str]
    seconds: float
    faults: list[str]


class Process(Protocol):
    """A `python train.py` at work."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...


Start = Callable[[Sequence[str], Path], Process]
"""Makes a process of arguments and a log."""


def spawned(arguments: Sequence[str], log: Path) -> Process:
    """One that is started from the beginning."""
    script = Path(__file__).parents[2] / "train.py"
    with log.open("a") as file:
        return subprocess.Popen([sys.executable, str(script), *arguments], stdout=file, stderr=subprocess.STDOUT)


class Campaign:
    """Runs in `folder`."""

    def __init__(self, folder: Path, start: Start, seed: int) -> None:
        self.folder, self.start, self.draw = folder, start, random.Random(seed)
        (folder / "net.yaml").write_text(NET)

    def begin(self, root: Path, spacing: float = 0) -> list[str]:
        """The command of a new run, or of one that is started again in its folder."""
        return [f"model_file={self.folder / 'net.yaml'}", *SETTINGS, *_often(spacing), f"hydra.run.dir={root}"]

    def whole(self, root: Path) -> float:
        """Leave a run alone; gives its seconds."""
        start = time.monotonic()
        status = self.start(self.begin(root), root.with_suffix(".log")).wait()
        if status:
            raise RuntimeError(f"the uninterrupted run ended with status {status}: {root.with_suffix('.log')}")
        return time.monotonic() - start

    def killed(self, root: Path, seconds: float, most: int = 4) -> list[str]:
        """Kill a run up to `most` times and let it come to its end; gives the moments of the kills."""
        kills: list[str] = []
        log = root.with_suffix(".log")
        for _ in range(self.draw.randint(1, most)):
            process = self.start(self._go_on(root), log)
            kills.append(self._kill(process, root, seconds))
            if process.poll() == 0:
                break
        for _ in range(2):  # a process that is killed while Hydra writes may leave nothing to resume: then begin again
            if status_of(root) != "complete" and (status := self.start(self._go_on(root), log).wait()):
                raise RuntimeError(f"it ended with status {status} after {kills}: {log.read_text()[-2000:]}")
        return kills

    def _go_on(self, root: Path) -> list[str]:
        spacing = self.draw.choice(SPACINGS)
        if (root / "preprocessing.json").exists() and self.draw.random() < 0.5:  # what a start records is all there
            return [f"resume={root}", *_often(spacing)]
        return self.begin(root, spacing)

    def _kill(self, process: Process, root: Path, seconds: float) -> str:
        """Kill it at a drawn moment."""
        if self.draw.random() < 0.5:
            delay = self.draw.uniform(0, 0.8 * seconds)
            moment = f"{delay:.3f} s"
            deadline = time.monotonic() + delay
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
        else:
            number, delay = self.draw.randint(1, 12), self.draw.uniform(0, WINDOW)
            moment = f"{number} checkpoints + {delay * 1000:.1f} ms"
            _wait_for_checkpoints(process, root, number)
            time.sleep(delay)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        return moment if process.wait() == -signal.SIGKILL else f"{moment} (had ended)"


def _often(spacing: float) -> list[str]:
    return [f"train.checkpoint.seconds={spacing}", "train.checkpoint.share=1"]


def _wait_for_checkpoints(process: Process, root: Path, number: int) -> None:
    """Return when so many further checkpoints have begun to be written, or the process has ended."""
    seen: set[str] = set()
    first: set[str] | None = None
    now: set[str] = set()
    while process.poll() is None:
        with suppress(FileNotFoundError):  # folders come and go meanwhile
            now = {path.stem for path in (*root.glob(f"{FOLDER}/*.npz"), *root.glob(f"{TEMPORARY}*/0*.npz"))}
        first = now if first is None else first
        seen |= now - first
        if len(seen) >= number:
            return
        time.sleep(0.0005)


def result(root: Path) -> Result:
    """What the complete run in `root` came to, with its snapshots; its clocks aside."""
    rows = _rows(root)
    hashes = _hashes(root)
    for snapshot in sorted(root.glob("snapshots/*")):
        hashes |= {f"{snapshot.name}/{name}": found for name, found in _hashes(snapshot).items()}
    return Result(hashes, len(rows), len({row["learning_rate"] for row in rows}))


def _rows(root: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((root / "history.csv").open()))


def _hashes(root: Path) -> dict[str, str]:
    run = read_run(root)
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(root / "model.keras") as archive, archive.open("model.weights.h5") as file:
        hashes["weights"] = _digest(_datasets(h5py.File(io.BytesIO(file.read()))))
    for split in ("val", "test"):
        with np.load(root / f"predictions/{split}.npz") as arrays:
            hashes[f"predictions/{split}"] = _digest(sorted(arrays.items()))
    kept = [{key: value for key, value in row.items() if key != "seconds"} for row in _rows(root)]
    told = {key: run.record.get(key) for key in ("metrics", "best_epoch", "epochs_run", "stopped", "snapshots")}
    hashes["history"] = hashlib.sha256(json.dumps(kept).encode()).hexdigest()
    hashes["record"] = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return hashes


def _datasets(group: Any) -> Iterator[tuple[str, np.ndarray]]:
    found: list[tuple[str, np.ndarray]] = []
    group.visititems(lambda name, item: found.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    yield from sorted(found, key=lambda pair: pair[0])


def _digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for name, array in arrays:
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def run(folder: Path, runs: int, seed: int, start: Start) -> tuple[Result, float, list[Tried]]:
    """The whole campaign: two runs that are left alone must agree, then `runs` that are killed.

    Raises:
        RuntimeError: a run fails by itself, those left alone differ, or nothing stopped or lowered them.
    """
    campaign = Campaign(folder, start, seed)
    seconds = min(campaign.whole(folder / f"whole-{i}") for i in range(2))
    expected = result(folder / "whole-0")
    if (folder / "whole-0" / FOLDER).exists():  # a kill just before the end may leave them, harmlessly
        raise RuntimeError("a complete run keeps its checkpoints")
    if result(folder / "whole-1") != expected:
        raise RuntimeError("two uninterrupted runs differ")
    if len(list((folder / "whole-0").glob("snapshots/*"))) != 2:
        raise RuntimeError("two snapshots should stand")
    if expected.epochs >= 40 or expected.rates < 3:
        raise RuntimeError(f"early stopping or plateaus did nothing: {expected}")
    tried: list[Tried] = []
    for i in range(runs):
        root, began = folder / f"killed-{i:03d}", time.monotonic()
        kills, faults = [], []
        try:
            kills = campaign.killed(root, seconds)
            found = result(root)
            keys = {**expected.hashes, **found.hashes}
            faults = [f"{key} differ" for key in keys if found.hashes.get(key) != expected.hashes.get(key)]
            faults += violations(root, frozenset({"model.keras", "predictions/test.npz"}))
        except RuntimeError as error:
            faults.append(str(error))
        tried.append(Tried(kills, time.monotonic() - began, faults))
        print(f"{i:>4}  {len(kills)} kills  {'; '.join(faults) or '-'}   [{', '.join(kills)}]", flush=True)
    return expected, seconds, tried


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print its figures; 1 where a run that was killed came to something else."""
    parser = argparse.ArgumentParser(description="Kill runs at random moments, go on with them, compare the bits.")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--spawn", action="store_true", help="start every process from the beginning")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Forks() as forks:
        start = spawned if options.spawn else forks.start
        expected, seconds, tried = run(Path(folder), options.runs, options.seed, start)
    kills = sum(not kill.endswith("(had ended)") for one in tried for kill in one.kills)
    several = sum(len(one.kills) > 1 for one in tried)
    failed = sum(bool(one.faults) for one in tried)
    print(f"\nseed {options.seed}; uninterrupted {seconds:.1f} s, {expected.epochs} epochs, {expected.rates} rates")
    print(f"{len(tried)} runs, {kills} kills, {several} runs killed more than once; {failed} came to something else")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
