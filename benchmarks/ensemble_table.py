"""What pooling wins on real data: runs of several kinds by `train.py`, and each weighting method over them.

    python benchmarks/ensemble_table.py [digits] [fashion_mnist] [--data FOLDER] [--keep FOLDER] [--methods ...]

`digits` are scikit-learn's; of Fashion-MNIST (FOLDER, LAMINA_FASHION_MNIST or Debian's folder holds its files) 17,000
rows to train on, 3,000 to validate and the 10,000 of its test split. The members are trained with `train.test=predict`:
nothing sees the scores of the test split before the table does. `--keep` leaves them in a folder, and uses them again.

A row of the table is an ensemble's run: val in sample, val by weights that were fitted without the row's fold, and
test, with the gain over the best single member and its paired bootstrap interval.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training import data_folder

REPOSITORY = Path(__file__).parent.parent

METHODS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("ensemble=uniform",),
    "random_search": ("ensemble=random_search",),
    "nelder_mead": ("ensemble=nelder_mead",),
    "greedy": ("ensemble=greedy",),
    "optimal": ("ensemble=optimal",),
    "optimal, logit": ("ensemble=optimal", "ensemble.pooling=logit"),
    "optimal, auto": ("ensemble=optimal", "ensemble.pooling=auto"),
    "stacking": ("ensemble=stacking",),
}

Members = Mapping[str, tuple[str, ...]]
"""By folder: the words of a run, or of a sweep where one of them is `-m`."""

DIGITS: Members = {
    "mlp": ("-m", "data=digits", "model=mlp", "train.seed=0,1,2", "train.epochs=15"),
    "sepconv": ("-m", "data=digits", "model=sepconv_small", "train.seed=0,1", "train.epochs=15"),
    "gbdt": ("-m", "data=digits_8x8", "model=gbdt", "model.params.max_leaf_nodes=7,31"),
    "forest": ("data=digits_8x8", "model=random_forest"),
    "knn": ("data=digits_8x8", "model=knn"),
    "linear": ("data=digits_8x8", "model=linear"),
}
FASHION: Members = {
    "mlp": ("-m", "model=mlp", "train.seed=0,1,2", "train.epochs=8"),
    "convnet": ("-m", "model=convnet", "train.seed=0,1", "train.epochs=5"),
    "sepconv": ("model=sepconv_small", "train.epochs=5"),
    "gbdt": ("model=lightgbm", "model.params.n_estimators=60"),
    "forest": ("model=random_forest", "model.params.n_estimators=100"),
    "linear": ("model=linear",),
}


def train(words: Sequence[str], folder: Path) -> None:
    """One command of `train.py`, whose run or sweep is in `folder`."""
    where = ("search.test=false", f"hydra.sweep.dir={folder}") if "-m" in words else (f"hydra.run.dir={folder}",)
    command = [sys.executable, "train.py", *words, *where]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")


def members(data: str, options: argparse.Namespace, root: Path) -> list[str]:
    """Train what is not there yet; gives the selectors of all."""
    every, common = (DIGITS, ()) if data == "digits" else (FASHION, _fashion(options, root))
    selectors: list[str] = []
    for name, words in every.items():
        folder, swept = root / name, "-m" in words
        if not (folder / ("sweep.json" if swept else "run.json")).exists():
            began = time.perf_counter()
            train((*words, *common, *(() if swept else ("train.test=predict",))), folder)
            print(f"  {data} {name}: {time.perf_counter() - began:.0f} s", flush=True)
        selectors.append(str(folder / "trials/*") if swept else str(folder))
    return selectors


def _fashion(options: argparse.Namespace, root: Path) -> tuple[str, ...]:
    folder = data_folder(options, root)
    return ("data=fashion_mnist", f"data.path={folder}", "data.split.val=3000", "data.limit=17000")


def table(data: str, options: argparse.Namespace, root: Path) -> None:
    """Pool the members by each method, and print what came of it as a Markdown table."""
    chosen = ",".join(f"'{selector}'" for selector in members(data, options, root))
    print(f"\n{data}: log-loss in nats; gain over the best single member, with the 95 % interval of 2,000 draws\n")
    print("| | val in sample | val, cross-validated | test | gain on test | test accuracy | members with a weight |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        for i, method in enumerate(options.methods):
            folder = Path(work) / str(i)
            train((*METHODS[method], f"ensemble.members=[{chosen}]"), folder)
            record = json.loads((folder / "run.json").read_text("utf-8"))
            if i == 0:
                best = {split: record["ensemble"]["compared"][split]["rivals"]["best single"] for split in SPLITS}
                val, test = (best[split]["value"] for split in SPLITS)
                print(f"| best single | | {_number(val['estimate'])} | {_interval(test)} | | | 1 |")
            print(row(method, record), flush=True)


SPLITS = ("val", "test")


def row(method: str, record: Mapping[str, Any]) -> str:
    """One ensemble."""
    metrics, made = record["metrics"], record["ensemble"]
    test = made["compared"]["test"]
    weights = made["weights"]
    used = len(made["kept"]) if weights is None else sum(weight > 0 for weight in weights.values())
    cells = (
        method,
        _number(metrics["val_in_sample"]["log_loss"]),
        _number(metrics["val"]["log_loss"]),
        _interval(test["value"]),
        _interval(test["rivals"]["best single"]["gain"], "+"),
        _number(metrics["test"]["accuracy"]),
        f"{used} of {len(made['kept']) if weights is None else len(weights)}",
    )
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:.4f}"


def _interval(told: Mapping[str, float], sign: str = "") -> str:
    return f"{told['estimate']:{sign}.4f} ({told['low']:{sign}.4f} to {told['high']:{sign}.4f})"


def main() -> int:
    parser = argparse.ArgumentParser(description="What pooling wins on real data.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="digits, fashion_mnist")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    for name in options.names or ("digits", "fashion_mnist"):
        with tempfile.TemporaryDirectory() as folder:
            table(name, options, (options.keep or Path(folder)).absolute() / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
