"""How far every exported form is from the run's Keras model, asked by its own runtime.

    python benchmarks/exports.py [NAME ...] [--forms FORM,...] [--rows N] [--size N]

The small networks are trained on scikit-learn's digits for two epochs and asked about rows of these data; the famous
ones have random weights, with normalisation statistics of what enters them, and are asked about random images of
`--size` pixels. Prints the time of the export, the size of what was written, and the largest difference between two
outputs; what is further apart than 1e-4 of the largest output is refused by `export` itself. Ends with status 1 where
it refuses anything.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from folding import unsettle
from rich.console import Console

from compiler.errors import ConfigError, render
from compiler.passes import chosen
from compiler.runtime.job import run as train
from compiler.runtime.plan import plan
from compiler.runtime.run import Run, RunWriter, read_run
from compiler.runtime.serving.export import export
from compiler.runtime.serving.forms import FORMS
from compiler.runtime.serving.frozen import frozen_graph
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra
from compiler.targets.keras import build

SMALL = ("mlp", "convnet", "sepconv_small", "xception_lite", "wide_deep", "snn")
FAMOUS = ("mobilenet_v2", "efficientnet_b0", "resnet50")


def trained(name: str, folder: Path) -> Run:
    job = plan(compose(for_hydra([f"model={name}", "train.epochs=2"])))
    train(job, folder, Console(quiet=True))
    return read_run(folder)


def drawn(name: str, folder: Path, size: int) -> Run:
    """A run of a famous network that was never trained."""
    words = [f"model={name}", "data=none", f"model.input=[{size},{size},3]"]
    job = plan(compose(for_hydra(words)), together=False)
    keras.utils.set_random_seed(0)
    model = build(job.graph)
    unsettle(model, np.random.default_rng(1).normal(size=(16, size, size, 3)).astype("float32"))
    with RunWriter(folder, {"kind": "keras", "name": name}) as writer:
        writer.save_text("model.yaml", job.model_yaml)
        writer.save("model.keras", model.save)
        writer.complete({"spec_hash": job.graph.hash})
    return read_run(folder)


def megabytes(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=[*SMALL, *FAMOUS])
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()
    wrong = 0
    print(f"{'network':<16} {'form':<12} {'seconds':>7} {'MB':>6} {'difference':>10} {'largest':>8}  rows")
    for name in args.names:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            run = trained(name, root / "run") if name in SMALL else drawn(name, root / "run", args.size)
            graph = frozen_graph(run)
            for form in args.forms.split(","):
                start = time.perf_counter()
                try:
                    done = export(run, graph, chosen("inference"), form, root / f"x{FORMS[form].ending}", args.rows)
                except ConfigError as error:
                    print(f"{name:<16} {form:<12} {render(error.faults)}")
                    wrong += 1
                    continue
                took, size = time.perf_counter() - start, megabytes(done.path)
                print(
                    f"{name:<16} {form:<12} {took:7.1f} {size:6.2f} {done.difference:10.1e} {done.largest:8.2g}"
                    f"  {done.rows}",
                    flush=True,
                )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
