"""Many members from files on disk: their load, certified optimum and 5-fold cross-validation, against plain rivals.

    python benchmarks/ensemble.py [MEMBERSxROWSxCLASSES ...] [--no-rivals] [--folder DIR] [--repeat 3]

The default is 128x10000x100, for which the aim is 1.0 s and 3 GB; 512x10000x100, 128x100000x100 and 512x100000x10 show
the growth (2, 5 and 2 GB on the disk). The members are run directories with hashes, in the page cache. Ours and each
rival are processes of their own, whose peak of memory is counted with the pages of files; the time is without imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ROUNDS = 25
"""Of greedy selection."""


def make(root: Path, members: int, rows: int, classes: int) -> None:
    """Runs whose members learnt the same: shared signal, shared mistakes, and each its own skill, noise, confidence."""
    from compiler.runtime.run import RunWriter

    drawn = np.random.default_rng(0)
    labels = drawn.integers(0, classes, rows)
    signal = drawn.normal(size=(rows, classes)).astype(np.float32)
    signal[np.arange(rows), labels] += drawn.gamma(4.0, 0.9, rows)
    kinds = drawn.normal(size=(4, rows, classes)).astype(np.float32) if rows <= 20_000 else None  # families of models
    for m in range(members):
        said = drawn.standard_normal((rows, classes), dtype=np.float32) * np.float32(drawn.uniform(0.4, 1.6))
        said += signal if kinds is None else signal + np.float32(0.5) * kinds[m % 4]
        said *= np.float32(drawn.uniform(0.7, 2.5))
        np.exp(said, out=said)
        said /= said.sum(axis=1, keepdims=True)
        with RunWriter(root / f"{m:04d}", {"kind": "keras", "name": f"{m:04d}", "task": "multiclass"}) as run:
            run.save_predictions("val", said, np.arange(rows), labels)
            run.complete({"metrics": {"val": {"accuracy": float((said.argmax(axis=1) == labels).mean())}}})


def ours(root: Path) -> dict[str, Any]:
    """From the folders to the weights and what they are worth."""
    import scipy.optimize  # noqa: F401  # imports are not what is measured

    from compiler.runtime.ensemble.methods import Optimal
    from compiler.runtime.ensemble.settings import EnsembleSettings
    from compiler.runtime.ensemble.weighting import cross_validated, weigh

    begun, worked = perf_counter(), process_time()
    pool = read(root)
    loaded = perf_counter()
    settings = EnsembleSettings(method=Optimal())
    solution = weigh(pool, settings).solution
    found = perf_counter()
    value = cross_validated(pool, settings).value
    done = perf_counter()
    return {
        "load": loaded - begun,
        "optimum": found - loaded,
        "cross-validation": done - found,
        "seconds": done - begun,
        "processor": process_time() - worked,
        "loss": solution.cost,
        "gap": solution.gap,
        "cross-validated loss": value,
        "steps": solution.iterations,
        "members used": int(np.count_nonzero(np.asarray(solution.weights))),
    }


def read(root: Path) -> Any:
    """The pool of all runs below `root`, verified."""
    from compiler.errors import ConfigError
    from compiler.runtime.ensemble.pool import Pool
    from compiler.runtime.ensemble.votes import read_all
    from compiler.runtime.run import read_run

    folders = sorted(root.iterdir())
    votes: list[Any] = []
    for one in read_all([read_run(folder, verify=False) for folder in folders], "val"):
        if isinstance(one, ConfigError):
            raise one
        votes.append(one)
    first = votes[0]
    truth = np.stack([one.truth for one in votes]).T
    classes = tuple(str(k) for k in range(first.said.shape[1]))
    names = tuple(folder.name for folder in folders)
    said = tuple(one.said for one in votes)
    return Pool("multiclass", classes, names, said, first.labels, first.rows, known_truth=truth)


def plain_tensor(root: Path) -> tuple[Array, Array]:
    """(M, N, C) and labels, as a script reads them: no hashes, no checks."""
    files = [np.load(folder / "predictions/val.npz") for folder in sorted(root.iterdir())]
    return np.stack([file["predictions"] for file in files]), files[0]["labels"]


def greedy(root: Path) -> dict[str, Any]:
    """Selection with replacement, 25 rounds, over the whole tensor."""
    begun = perf_counter()
    said, labels = plain_tensor(root)
    loaded = perf_counter()
    rows = np.arange(len(labels))
    total, losses = np.zeros(said.shape[1:], np.float32), []
    for size in range(1, ROUNDS + 1):
        tried = [-np.log(np.maximum(((total + one) / size)[rows, labels], 1e-15)).mean() for one in said]
        total += said[int(np.argmin(tried))]
        losses.append(min(tried))
    done = perf_counter()
    return {"load": loaded - begun, "selection": done - loaded, "seconds": done - begun, "loss": float(min(losses))}


def our_greedy(root: Path) -> dict[str, Any]:
    """The same by ours, on the same tensor: a tenth of a second, so the best of five."""
    from compiler.runtime.ensemble.methods import Greedy
    from compiler.runtime.ensemble.objectives import LogLoss
    from compiler.runtime.ensemble.pool import Pool
    from compiler.runtime.ensemble.problem import Problem

    said, labels = plain_tensor(root)
    names, classes = (tuple(str(k) for k in range(count)) for count in (len(said), said.shape[2]))
    taken: list[float] = []
    for _ in range(5):
        pool = Pool(
            "multiclass", classes, names, tuple(said), labels, np.arange(len(labels))
        )  # which knows nothing yet
        begun = perf_counter()
        solution = Greedy(rounds=ROUNDS).weigh(Problem(pool, LogLoss()))
        taken.append(perf_counter() - begun)
    return {"selection": min(taken), "median": float(np.median(taken)), "loss": solution.cost}


def nelder_mead(root: Path) -> dict[str, Any]:
    """SciPy's Nelder-Mead on a softmax of M numbers, from equal weights; it is given the right class's column alone."""
    from scipy.optimize import minimize

    begun = perf_counter()
    said, labels = plain_tensor(root)
    loaded = perf_counter()
    truth = said[:, np.arange(len(labels)), labels].astype(np.float64)

    def loss(z: Array) -> float:
        weights = np.exp(z - z.max())
        return float(-np.log(np.maximum(weights / weights.sum() @ truth, 1e-15)).mean())

    found = minimize(loss, np.zeros(len(said)), method="Nelder-Mead", options={"adaptive": True})
    seconds = perf_counter() - begun
    return {"load": loaded - begun, "seconds": seconds, "loss": float(found.fun), "evaluations": int(found.nfev)}


WORKS = {"ours": ours, "greedy": greedy, "our_greedy": our_greedy, "nelder_mead": nelder_mead}


def apart(work: str, root: Path) -> dict[str, Any]:
    """A work in a process of its own, with its peak of memory: what is its own, and what it shares with files."""
    printed = subprocess.run(
        [sys.executable, __file__, "--work", work, "--folder", str(root)], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(printed)


def shown(figures: dict[str, Any]) -> str:
    form = {"gap": "{:.1e}", "loss": "{:.6f}", "cross-validated loss": "{:.6f}", "GB": "{:.2f}"}
    return ", ".join(f"{key} {form.get(key, '{:.2f}' if isinstance(value, float) else '{}').format(value)}"
                     for key, value in figures.items())  # fmt: skip


def measure(shape: str, folder: Path, rivals: bool, repeat: int) -> None:
    """Make the members, and let ours and the rivals have them."""
    members, rows, classes = map(int, shape.split("x"))
    with tempfile.TemporaryDirectory(dir=folder) as root:
        make(Path(root), members, rows, classes)
        print(f"{members} members, {rows} rows, {classes} classes", flush=True)
        runs = sorted((apart("ours", Path(root)) for _ in range(repeat)), key=lambda run: run["seconds"])
        for run in runs:
            print(f"  ours: {shown(run)}", flush=True)
        best = runs[0]
        for name in ("greedy", "nelder_mead") if rivals else ():
            rival = apart(name, Path(root))
            ratio, more = rival["seconds"] / best["seconds"], rival["loss"] - best["loss"]
            print(f"  {name}: {shown(rival)}\n    {ratio:.1f} times as long, loss {more:+.6f}", flush=True)
            assert more >= -best["gap"], "a rival is better than the certified optimum"
            if name == "greedy":
                quick = apart("our_greedy", Path(root))
                assert abs(quick["loss"] - rival["loss"]) < 1e-5, "another selection"
                print(f"  our greedy: {shown(quick)}\n    {rival['selection'] / quick['selection']:.0f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shapes", nargs="*", default=["128x10000x100"])
    parser.add_argument("--folder", type=Path, default=None, help="where the members are written for a while")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-rivals", action="store_true")
    parser.add_argument("--work", choices=WORKS, help="for the script itself: one work, in --folder")
    asked = parser.parse_args()
    if asked.work:
        figures = WORKS[asked.work](asked.folder)
        figures["GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(figures))
        return
    for shape in asked.shapes:
        measure(shape, asked.folder, not asked.no_rivals, asked.repeat)


if __name__ == "__main__":
    main()
