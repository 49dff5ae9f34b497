"""Training beside the script that one would have written: `model.fit(x, y, validation_data=...)` of the same network.

    python benchmarks/training.py [NAME...] [--data FOLDER] [--rows 20000] [--epochs N] [--repeats 3]

NAME is one or more of `mlp`, `convnet`, `sepconv_small`. FOLDER holds the four IDX files of Fashion-MNIST
(or LAMINA_FASHION_MNIST says where; else Debian's folder); without it digits repeated take their place, and accuracies
say nothing. Both sides are whole processes, in turn: `python train.py ...`, and `_by_hand.py` around the network that
`emit python` writes, with the same optimizer, schedule, loss and metrics. Every repeat has another seed; medians:

- an epoch: seconds, validation included, without the first one, which traces;
- cpu: seconds of processor time of the whole process, which other work on the machine moves less;
- start: from the start of the process to the end of the first step;
- memory: the most that was resident (`ru_maxrss`).

Ends with status 1 where a ratio misses its target.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MODELS: Mapping[str, tuple[tuple[str, ...], int, float]] = {
    "mlp": (("model=mlp",), 6, 2.2),
    "convnet": (("model=convnet", "model.vars.width=8"), 3, 1.0),
    "sepconv_small": (("model=sepconv_small",), 3, 1.1),
}
"""By name: overrides, epochs, and how much faster an epoch is to be."""

START, MEMORY = 1.1, 1.2


@dataclass(frozen=True)
class Figures:
    """One process: seconds of an epoch, of processor time, to the first step; bytes; accuracy on `val`."""

    epoch: float
    cpu: float
    start: float
    memory: float
    accuracy: float


def ours(overrides: Sequence[str], work: Path, seed: int) -> Figures:
    """`python train.py ...`, as a user types it."""
    folder = Path(tempfile.mkdtemp(dir=work))
    command = [sys.executable, "train.py", *overrides, f"train.seed={seed}", f"hydra.run.dir={folder}"]
    _, cpu, memory = measured(command)
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    run = json.loads((folder / "run.json").read_text("utf-8"))
    seconds = [float(row["seconds"]) for row in rows[1:]] or [float(rows[0]["seconds"])]
    first = run["timings"].get("first_step", 0.0)
    return Figures(statistics.median(seconds), cpu, first, memory, float(rows[-1]["val.accuracy"]))


def by_hand(overrides: Sequence[str], work: Path, arguments: Sequence[str], seed: int) -> Figures:
    """The script beside the network that `emit python` writes."""
    network = work / "network.py"
    if not network.exists():
        emit = [sys.executable, "-m", "compiler", "emit", "python", *overrides, "-o", str(network)]
        subprocess.run(emit, cwd=REPOSITORY, check=True)
    script = Path(__file__).with_name("_by_hand.py")
    text, cpu, memory = measured([sys.executable, str(script), str(network), *arguments, str(seed), str(time.time())])
    said = json.loads(text.splitlines()[-1])
    seconds = said["seconds"][1:] or said["seconds"]
    return Figures(statistics.median(seconds), cpu, said["start"], memory, said["accuracy"])


def measured(command: Sequence[str]) -> tuple[str, float, float]:
    """What a command printed, its processor seconds, and the bytes that it had resident at most."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=complaints)
        _, status, usage = os.wait4(process.pid, 0)
        for file in (out, complaints):
            file.seek(0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed:\n{out.read()}{complaints.read()}")
        return out.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def compare(name: str, overrides: Sequence[str], epochs: int, target: float, options: argparse.Namespace) -> bool:
    """Run both sides in turn, print the medians, and say whether all targets are met."""
    epochs = options.epochs or epochs
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = data_folder(options, work)
        data = ("data=fashion_mnist", f"data.path={source}", f"data.limit={options.rows}")
        settings = (f"train.epochs={epochs}", "train.batch_size=64")
        found: dict[str, list[Figures]] = {"ours": [], "by hand": []}
        sides: list[tuple[str, Callable[[int], Figures]]] = [
            ("ours", lambda seed: ours([*overrides, *data, *settings], work, seed)),
            (
                "by hand",
                lambda seed: by_hand([*overrides, *data], work, [str(source), str(options.rows), str(epochs)], seed),
            ),
        ]
        for i in range(options.repeats):
            for side, run in sides if i % 2 else sides[::-1]:
                found[side].append(run(i))
                if options.verbose:
                    print(f"  {name} {side}: {found[side][-1]}", flush=True)

    def median(side: str, key: str) -> float:
        return statistics.median(getattr(figures, key) for figures in found[side])

    print(f"{name}: {options.rows:,} rows, {epochs} epochs, medians of {options.repeats}")
    good = True
    limits: dict[str, tuple[str, float, float]] = {
        "epoch": ("s", 1, target), "cpu": ("s", 1, 0), "start": ("s", 1, START), "memory": ("MiB", 2**20, MEMORY),
        "accuracy": ("", 1, 0),
    }  # fmt: skip
    for key, (unit, scale, limit) in limits.items():
        mine, theirs = median("ours", key), median("by hand", key)
        line = f"  {key:8} ours {mine / scale:8.3f} {unit:3}  by hand {theirs / scale:8.3f} {unit:3}"
        if key == "epoch":
            met = theirs / mine >= limit
            line += f"  {theirs / mine:5.2f} x faster (target {limit:.1f})"
        elif key == "accuracy":
            spreads = [f"{min(v):.3f} to {max(v):.3f}" for v in ([f.accuracy for f in of] for of in found.values())]
            met, line = True, line + f"  {mine - theirs:+.3f} (ours {spreads[0]}, by hand {spreads[1]})"
        else:
            met = not limit or mine / theirs <= limit
            line += f"  {mine / theirs:5.2f} of it" + (f" (target {limit:.1f})" if limit else "")
        print(line + ("" if met else "  MISSED"), flush=True)
        good &= met
    return good


def data_folder(options: argparse.Namespace, work: Path) -> Path:
    """The folder of Fashion-MNIST's files; one with files made of the digits where there is none."""
    given = options.data or os.environ.get("LAMINA_FASHION_MNIST")
    if given or DEBIAN.is_dir():
        return Path(given or DEBIAN)
    import numpy as np
    from sklearn.datasets import load_digits

    print("no Fashion-MNIST: digits repeated take its place", flush=True)
    bunch: Any = load_digits()
    images = np.repeat(np.repeat(bunch["images"] * 15, 4, 1), 4, 2)[:, 2:30, 2:30]
    for stem, count in (("train", 60_000), ("t10k", 10_000)):
        taken = np.arange(count) % len(images)
        header = b"".join(size.to_bytes(4, "big") for size in (count, 28, 28))
        pixels, labels = images[taken].astype("uint8").tobytes(), bunch["target"][taken].astype("uint8").tobytes()
        (work / f"{stem}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + header + pixels)
        (work / f"{stem}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + header[:4] + labels)
    return work


def main() -> int:
    parser = argparse.ArgumentParser(description="Training against a hand-written script.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--verbose", action="store_true", help="the figures of every process")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in MODELS]:
        parser.error(f"unknown: {', '.join(unknown)}; one of {', '.join(MODELS)}")
    met = [compare(name, *MODELS[name], options) for name in options.names or MODELS]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
