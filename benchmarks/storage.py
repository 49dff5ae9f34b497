"""What the study of a sweep costs: claims and tells at 10 and at 10,000 trials, and the start of a resumed sweep.

    python benchmarks/storage.py [--trials 10000] [--probes 20] [--epochs 10]

Trials are told without being trained. Everything is written to the disk as in a sweep, one process, a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.journal import Journal
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.parameters import read_parameter
from compiler.runtime.sweep.snapshot import CREATE_TRIAL
from compiler.runtime.sweep.space import Space
from compiler.runtime.sweep.starting import Start
from compiler.runtime.sweep.study import Study

SPACE = Space(
    tuple(
        read_parameter(text)
        for text in (
            "train.optimizer.learning_rate=tag(log, interval(1e-4, 1e-1))",
            "train.optimizer.momentum=interval(0.0, 0.99)",
            "model.vars.width=range(8, 257)",
            "model.vars.activation=relu,gelu,tanh",
            "model.vars.dropout=interval(0.0, 0.6)",
        )
    )
)
OPEN = """
import sys
from time import perf_counter, process_time
start, works = perf_counter(), process_time()
from pathlib import Path
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.study import Study
from compiler.runtime.sweep.owners import Owner
import optuna.storages, optuna.samplers
imported = perf_counter()
study = Study.open(SweepFolder(Path(sys.argv[1])))
opened = perf_counter()
study.recover(); counts = study.counts()
print(imported - start, opened - imported, perf_counter() - opened, process_time() - works)
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--probes", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    asked = parser.parse_args()
    for method in ("random", "tpe"):
        with tempfile.TemporaryDirectory() as root:
            measure(Path(root), method, asked.trials, asked.probes, asked.epochs)


def measure(root: Path, method: str, trials: int, probes: int, epochs: int) -> None:
    """Fill a study with random trials, and measure the method's before and behind them."""
    study = opened(root, method)
    study.fill(Start([("drawn", {})] * 10))
    run(study, 10, epochs)
    print(f"{method}: {'at 10 trials':24}", probe(study, probes, epochs))
    at = study.counts().slots
    filling = perf_counter()
    multiplied(root, trials - at)
    study = opened(root, method)
    print(f"{method}: {trials} trials written and read in {perf_counter() - filling:.0f} s, {size(root)}", flush=True)
    print(f"{method}: {f'at {study.counts().finished} trials':24}", probe(study, probes, epochs))
    print(f"{method}: a resumed sweep's start {start(root)}")
    if isinstance(study.storage, Journal):
        (root / "study.snapshot").unlink(missing_ok=True)
        print(f"{method}: ... without a snapshot  {start(root)}")
        writing = perf_counter()
        study.storage.compact(often=0)
        print(f"{method}: a snapshot written in {perf_counter() - writing:.2f} s, {size(root)}")
        print(f"{method}: ... with a fresh one    {start(root)}", flush=True)


def multiplied(root: Path, count: int) -> None:
    """Add so many trials to the journal: those that are there again and again, as they were written."""
    path = root / "study.journal"
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    slots = [record for record in records if record["op_code"] == CREATE_TRIAL]
    rest = [record for record in records if "trial_id" in record]
    with path.open("a") as file:
        for first in range(len(slots), len(slots) + count, len(slots)):
            for record in slots + rest:
                moved = {**record, "trial_id": record["trial_id"] + first} if "trial_id" in record else record
                file.write(json.dumps(moved, separators=(",", ":")) + "\n")


def opened(root: Path, method: str) -> Study:
    definition = Definition((), SPACE, {"method": method, "n_trials": 10})
    definition.save(root)
    return Study.create(definition, SweepFolder(root), (Objective("val.loss", "minimize"),))


def run(study: Study, count: int, epochs: int) -> None:
    owner = Owner.here()
    for _ in range(count):
        claim = study.claim(owner)
        assert claim
        loss = float(claim.values["train.optimizer.momentum"])
        for epoch in range(epochs):
            claim.report(epoch + 1, loss + 1.0 / (epoch + 1))
        metrics = {"val": {"loss": loss, "accuracy": 1 - loss}}
        claim.complete([loss], {"metrics": metrics, "timings": {"fit": 1.0}})


def probe(study: Study, count: int, epochs: int) -> str:
    """Milliseconds of each operation, by the median, and those of the processor alone."""
    study.add_slots(count)
    owner, names = Owner.here(), ("claim", "report", "complete")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}

    def timed(name: str, operation: Callable[[], object]) -> object:
        begun, worked = perf_counter(), process_time()
        result = operation()
        taken[name].append((1000 * (perf_counter() - begun), 1000 * (process_time() - worked)))
        return result

    for _ in range(count):
        claim: Any = timed("claim", partial(study.claim, owner))
        for epoch in range(epochs):
            timed("report", partial(claim.report, epoch + 1, 0.5))
        timed("complete", partial(claim.complete, [0.5], {"metrics": {"val": {"loss": 0.5}}}))
    medians = {name: tuple(map(statistics.median, zip(*values, strict=True))) for name, values in taken.items()}
    return ", ".join(f"{name} {wall:.1f} ms ({cpu:.1f} of the processor)" for name, (wall, cpu) in medians.items())


def start(root: Path) -> str:
    """A new process that opens the study, looks for orphans and counts."""
    begun = perf_counter()
    printed = subprocess.run([sys.executable, "-c", OPEN, str(root)], capture_output=True, text=True, check=True).stdout
    imports, opening, counting, works = map(float, printed.split())
    whole = perf_counter() - begun
    parts = f"imports {imports:.2f}, open {opening:.2f}, recover {counting:.2f}"
    return f"{whole:.2f} s ({parts}); {works:.2f} of the processor"


def size(root: Path) -> str:
    files = [path for path in root.iterdir() if path.is_file() and path.name.startswith("study.")]
    return ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(files))


if __name__ == "__main__":
    main()
