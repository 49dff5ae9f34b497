"""`python -m compiler runs`, and a selector of an ensemble, over many run directories.

    python benchmarks/runs.py [RUNS] [REPEATS]

Whole processes, from their start to their end, over RUNS (10,000) directories with records like those that `train.py`
writes. First time: there is no index (the files are in the system's cache, as they are just after a sweep). The aims:
2 s the first time, and 0.5 s from then on. Processor time stands beside, for machines that others use too. A metric
that no record has, `val.log_loss`, is computed from all predictions the first time.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from compiler.runtime.run import environment
from compiler.runtime.runs.index import INDEX

ROWS, CLASSES = 270, 10
OPTIMIZERS = ("Adam", "SGD", "RMSprop")


def record(number: int, drawn: random.Random, artefacts: dict[str, Any], packages: dict[str, Any]) -> dict[str, Any]:
    """A record of a trial of a sweep, as `train.py` writes it."""
    accuracy = round(drawn.uniform(0.6, 0.99), 8)
    rate, width = drawn.lognormvariate(-6, 1), drawn.choice((32, 64, 128))
    name = drawn.choice(("mlp", "sepconv", "xception_lite"))
    digests = {split: hashlib.sha256(split.encode()).hexdigest() for split in ("train", "val", "test", "all")}
    metrics = {split: {"loss": round(1.2 - accuracy, 8), "accuracy": accuracy} for split in ("train", "val", "test")}
    train: dict[str, Any] = {
        "epochs": 20, "batch_size": 64, "seed": number % 5, "precision": "float32",
        "optimizer": {"op": drawn.choice(OPTIMIZERS), "learning_rate": rate},
        "schedule": {"op": "cosine", "warmup_epochs": 1}, "loss": "auto", "metrics": "auto", "class_weight": None,
        "early_stopping": None, "reduce_on_plateau": None, "best": {"monitor": "val.loss"},
        "initial": {"weights": None, "skip": [], "pair": "auto"}, "checkpoint": {"seconds": 30, "share": 0.02},
        "deterministic": False, "feed": "auto", "steps_per_execution": None, "accumulate_steps": 1, "lowerings": True,
        "xla": False, "strategy": "none", "threads": {"intra": None, "inter": None}, "health": True, "loggers": [],
        "callbacks": [], "test": "score",
    }  # fmt: skip
    data: dict[str, Any] = {
        "source": "digits", "input_shape": [32, 32, 1], "classes": CLASSES, "size": [32, 32], "divide_by": 16,
        "split": {"val": 0.15, "test": 0.15, "seed": 0}, "folds": None, "fold": None, "limit": None, "memory": "auto",
    }  # fmt: skip
    overrides = [f"model={name}", f"model.vars.width={width}", f"train.optimizer.learning_rate={rate}"]
    return {
        "schema": 1,
        "status": "complete" if drawn.random() < 0.97 else drawn.choice(("pruned", "failed")),
        "process": {"pid": 4711, "host": "node7", "started": "2026-11-27T19:14:10.795+00:00"},
        "finished": f"2026-11-27T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.876+00:00",
        "kind": "keras",
        "name": name,
        "task": "multiclass",
        "spec_hash": hashlib.sha256(f"{name}{width}".encode()).hexdigest(),
        "model": {"layers": 10, "params": width * 1099, "trainable_params": width * 1096, "flops": 280394,
                  "activation_bytes": 11304},
        "data": {"name": "digits", "classes": [str(c) for c in range(CLASSES)],
                 "rows": {"train": 1257, "val": ROWS, "test": ROWS},
                 "fingerprints": {"rows": digests, "labels": digests, "classes": {"all": digests["all"]}}},
        "config": {"train": train, "data": data, "limits": {"layers": 10000, "params": None}, "plugins": []},
        "seeds": {"train": number % 5, "split": 0},
        "environment": packages,
        "overrides": overrides,
        "metrics": metrics,
        "best_epoch": drawn.randint(1, 20),
        "epochs_run": 20,
        "stopped": "epochs",
        "warnings": [],
        "xla": {"used": False, "why": "train.xla"},
        "initial": None,
        "timings": {"data": 5.276, "build": 0.476, "trace": 0.769, "fit": round(drawn.uniform(1, 9), 3), "save": 0.374},
        "artefacts": artefacts,
    }  # fmt: skip


def make(root: Path, count: int) -> None:
    """So many run directories, as a sweep leaves them: 100 sweeps' worth of trials below `root`."""
    drawn, numbers, packages = random.Random(0), np.random.default_rng(0), environment()
    labels = numbers.integers(0, CLASSES, ROWS)
    for number in range(count):
        folder = root / f"sweep-{number % 10}" / "trials" / f"{number:05d}"
        (folder / ".hydra").mkdir(parents=True)
        (folder / "predictions").mkdir()
        artefacts: dict[str, Any] = {}
        for split in ("val", "test"):
            content = io.BytesIO()
            logits = numbers.normal(size=(ROWS, CLASSES)) + 3 * np.eye(CLASSES)[labels]
            said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            np.savez(content, predictions=said.astype(np.float32), rows=np.arange(ROWS), labels=labels)
            write(folder, f"predictions/{split}.npz", content.getvalue(), artefacts)
        write(folder, "model.yaml", b"layers: []\n", artefacts)
        write(folder, "history.csv", b"epoch,train.loss\n1,0.5\n", artefacts)
        text = json.dumps(record(number, drawn, artefacts, packages), indent=2)
        (folder / "run.json").write_text(text, encoding="utf-8")


def write(folder: Path, name: str, content: bytes, artefacts: dict[str, Any]) -> None:
    """A file of a run, as the record names it."""
    (folder / name).write_bytes(content)
    artefacts[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


class Timed(NamedTuple):
    """What a process took: seconds on the wall, and of processors; and its last line."""

    wall: float
    processor: float
    said: str


def timed(words: list[str]) -> Timed:
    """Run a process."""
    start, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    wall, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timed(wall, processor, done.stdout.strip().splitlines()[-1])


def told(title: str, times: list[Timed], aim: float | None) -> bool:
    """Print the median; gives whether the aim is reached."""
    wall, processor = median(each.wall for each in times), median(each.processor for each in times)
    reached = aim is None or wall <= aim
    aimed = "" if aim is None else f" (aim {aim:.1f}{'' if reached else ': MISSED'})"
    print(f"{title}: {wall:.2f} s, {processor:.2f} s of processors{aimed} | {times[-1].said}", flush=True)
    return reached


SELECTOR = """
import sys, time
from pathlib import Path
from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.ensemble.selectors import resolve
from compiler.spec.located import located
place = Place(Source("members", "members"), 1, 1)
where = "$val.accuracy > 0.9 and model.name == 'mlp' and config.train.optimizer.op == 'Adam'"
best = {"k": 5, "by": sys.argv[2], "per": "seeds.train"}
members = located([{"glob": f"{sys.argv[1]}/*/trials/*", "where": where, "best": best}], place)
diagnostics = Diagnostics()
found = resolve(members, diagnostics)
diagnostics.raise_errors()
print(len(found), "members")
"""


def main(count: int, repeats: int) -> int:
    """Print the figures; 1 where an aim is missed."""
    reached = True
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        start = perf_counter()
        make(root, count)
        size = sum(path.stat().st_size for path in root.glob("*/*/*/run.json"))
        seconds = perf_counter() - start
        print(f"{count:,} run directories, records of {size / count / 1e3:.1f} KB, made in {seconds:.0f} s")
        where = "where=$val.accuracy > 0.9 and model.name == 'mlp' and config.train.optimizer.op == 'Adam'"
        for title, words in {
            "runs": ["-m", "compiler", "runs", folder],
            "runs where=... by=val.loss best=5": ["-m", "compiler", "runs", folder, where, "by=val.loss", "best=5"],
            "a selector, where and best of each seed": ["-c", SELECTOR, folder, "val.loss"],
        }.items():
            first: list[Timed] = []
            for _ in range(repeats):
                (root / INDEX).unlink(missing_ok=True)
                first.append(timed(words))
            reached &= told(f"{title}, the first time", first, 2.0)
            reached &= told(f"{title}, then", [timed(words) for _ in range(repeats)], 0.5)
        words = ["-m", "compiler", "runs", folder, "by=val.log_loss", "best=5"]
        told("by=val.log_loss, computed of all", [timed(words)], None)
        reached &= told("by=val.log_loss, then", [timed(words) for _ in range(repeats)], 0.5)
        print(f"the index: {(root / INDEX).stat().st_size / 1e6:.1f} MB")
    return 0 if reached else 1


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    sys.exit(main(arguments[0] if arguments else 10_000, arguments[1] if len(arguments) > 1 else 5))
