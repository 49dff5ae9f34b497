"""An ensemble of networks as one fused model, against asking each member by itself: how far apart, and how much faster.

    python benchmarks/fused.py [--rows N] [--batch N] [--repeats N]

Six networks of three kinds (mlp, convnet, sepconv_small) are trained on scikit-learn's digits for one epoch. Both sides
are Keras models read from files and asked with `predict` for the same rows: the fused one once, the members one after
the other, blended in NumPy; and a single row at a time, as a service is asked. The best of the repeats counts. Ends
with status 1 where two predictions are further apart than 1e-6.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from rich.console import Console

from compiler.passes import chosen
from compiler.runtime.ensemble.blends import Pooling, Weighted
from compiler.runtime.ensemble.lock import LOCK, WEIGHTS, Locked, lock_text, locked_run
from compiler.runtime.job import run as train
from compiler.runtime.plan import plan
from compiler.runtime.run import RunWriter, read_run
from compiler.runtime.serving.ensemble import opened
from compiler.runtime.serving.export import export_fused
from compiler.runtime.serving.fused import fuse
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra

MODELS = ("mlp", "convnet", "sepconv_small")


def trained(root: Path) -> list[Path]:
    folders: list[Path] = []
    for model in MODELS:
        for seed in range(2):
            folders.append(root / f"{model}-{seed}")
            words = [f"model={model}", f"train.seed={seed}", "train.epochs=1", "data.limit=500"]
            train(plan(compose(for_hydra(words))), folders[-1], Console(quiet=True))
    return folders


def pooled(root: Path, folders: list[Path], pooling: Pooling) -> Path:
    members = [Locked(path.name, "run", "keras", (locked_run(path, root, {}),)) for path in folders]
    weights = np.linspace(1, 2, len(folders))
    with RunWriter(root, {"kind": "ensemble", "name": "six", "task": "multiclass"}) as writer:
        writer.save_text(LOCK, lock_text(members))
        writer.save_json(WEIGHTS, Weighted("multiclass", weights / weights.sum(), pooling).as_json())
        writer.complete({})
    return root


def best(ask: Callable[[], object], repeats: int) -> float:
    ask()  # traces
    times: list[float] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        ask()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1797)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        folders = trained(root)
        print(
            f"{'pooling':<12} {'passes':<10} {'difference':>10} {'apart':>8} {'fused':>8} {'ratio':>6} {'one row':>8}"
        )
        for pooling in ("probability", "logit"):
            run = read_run(pooled(root / pooling, folders, pooling))
            for passes in ("none", "inference"):
                done = export_fused(run, chosen(passes), "keras", root / f"{pooling}-{passes}.keras", args.rows)
                model: Any = keras.saving.load_model(done.path)
                whole = fuse(opened(run), chosen("none"), "keras")
                rows = whole.entering.rows(args.rows)
                assert rows is not None, "the digits are there"
                x = rows[""]
                own: list[Any] = [keras.saving.load_model(path / "model.keras") for path in folders]
                blend = whole.part.blend  # pyright: ignore[reportAttributeAccessIssue]  # an ensemble's part has one

                def separate(x: Any = x, own: Any = own, blend: Any = blend) -> Any:
                    return blend(one.predict(x, batch_size=args.batch, verbose=0) for one in own)

                def fused(x: Any = x, model: Any = model) -> Any:
                    return model.predict(x, batch_size=args.batch, verbose=0)

                difference = float(np.abs(separate() - fused()).max())
                wrong += difference > 1e-6
                apart, together = best(separate, args.repeats), best(fused, args.repeats)
                one = best(lambda: separate(x[:1]), args.repeats) / best(lambda: fused(x[:1]), args.repeats)  # noqa: B023  # called at once
                print(
                    f"{pooling:<12} {passes:<10} {difference:>10.1e} {apart:>8.3f} {together:>8.3f} "
                    f"{apart / together:>6.2f} {one:>8.2f}"
                )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
