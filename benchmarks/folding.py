"""What folding batch normalisation is worth at inference: networks as trained, beside the same after the passes.

    python benchmarks/folding.py [NAME ...] [--repeats N] [--batch N] [--size N] [--threads N]

Both models are asked about the same rows in turn, each first as often as the other, in three ways: called eagerly, by
`predict`, and as a SavedModel. TensorFlow's own optimiser fuses some operations of a compiled graph; what it leaves to
gain is seen here. Prints medians, those of the ratios of neighbouring calls, by wall and by CPU time, and how
far the outputs are apart. Ends with status 1 where that is more than 1e-4 of the largest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from compiler.errors import Diagnostics, Source
from compiler.ir import CheckedGraph
from compiler.passes import chosen, run_passes
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import config_folder
from compiler.spec.located import Map
from compiler.spec.reader import read_tree
from compiler.targets.keras import build
from compiler.targets.keras_arrays import set_weights, weights_of

Ask = Callable[[], Any]


def network(name: str) -> CheckedGraph:
    """The graph of a shipped model file."""
    diagnostics = Diagnostics()
    path = config_folder() / "model" / f"{name}.yaml"
    tree = read_tree(Source(path.name, path.read_text(encoding="utf-8")), diagnostics)
    assert isinstance(tree, Map)
    graph = compile_model(ModelSource(tree), diagnostics)
    diagnostics.raise_errors()
    return graph


def unsettle(model: Any, x: Any) -> None:
    """Give every normalisation statistics of what enters it and gammas at random, so that no two channels are alike."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.gamma.assign(random.uniform(0.5, 1.5, layer.gamma.shape))  # pyright: ignore[reportOptionalMemberAccess]  # built
            layer.beta.assign(random.normal(0, 0.1, layer.beta.shape))  # pyright: ignore[reportOptionalMemberAccess]  # built
    model(x, training=True)


def ways(model: Any, x: Any, folder: Path) -> dict[str, Ask]:
    """By what is measured, a function that asks the model about `x`."""
    model.export(folder, format="tf_saved_model", verbose=False)
    served: Any = tf.saved_model.load(str(folder))
    return {
        "eager call": lambda: model(x, training=False),
        "predict": lambda: model.predict(x, batch_size=len(x), verbose=0),
        "SavedModel": lambda: served.serve(x),
    }


def seconds(ask: Ask) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    start, start_cpu = time.perf_counter(), time.process_time()
    np.asarray(ask())
    return time.perf_counter() - start, time.process_time() - start_cpu


def compare(name: str, repeats: int, batch: int, size: int) -> bool:
    """Measure one network; whether the outputs are equal."""
    keras.utils.clear_session()
    graph = network(name)
    before = build(graph)
    shape = (batch, *(size or dim for dim in before.input_shape[1:3]), before.input_shape[3])
    x = np.random.default_rng(1).uniform(-1, 1, shape).astype("float32")
    unsettle(before, x)
    found, weights = run_passes(chosen("inference"), graph, weights_of(before, graph))
    after = build(found)
    set_weights(after, weights or {})
    wanted, said = np.asarray(before(x)), np.asarray(after(x))
    apart, largest = float(np.abs(wanted - said).max()), float(np.abs(wanted).max())
    print(f"{name}: {graph.layers} layers became {found.layers}; outputs differ by {apart:.1e} (largest {largest:.1e})")
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = ways(before, x, Path(folder, "before")), ways(after, x, Path(folder, "after"))
        for way in theirs:
            pair: tuple[tuple[Ask, list[tuple[float, float]]], ...] = ((theirs[way], []), (ours[way], []))
            for ask, _ in 2 * pair:
                seconds(ask)  # traced and warm
            for i in range(repeats):
                for ask, times in pair[:: 1 if i % 2 else -1]:
                    times.append(seconds(ask))
            print(f"  {way:12}{_row(*(times for _, times in pair))}", flush=True)
    return apart <= 1e-4 * largest


def _row(was: list[tuple[float, float]], now: list[tuple[float, float]]) -> str:
    walls = [1000 * statistics.median(wall for wall, _ in times) for times in (was, now)]
    pairs = list(zip(was, now, strict=True))
    wall, cpu = (statistics.median(one[i] / other[i] for one, other in pairs) for i in (0, 1))
    return f"{walls[0]:8.1f} ms{walls[1]:9.1f} ms{wall:9.2f}x wall{cpu:9.2f}x CPU"


def main() -> int:
    parser = argparse.ArgumentParser(description="Inference before and after the passes.")
    parser.add_argument("names", nargs="*", default=["resnet50", "mobilenet_v2"], metavar="NAME")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=0, help="of the images; the network's own by default")
    parser.add_argument("--threads", type=int, default=0, help="of TensorFlow; as many as it likes by default")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    print(f"batches of {options.batch}, medians of {options.repeats} in turn: before, after, before / after")
    equal = [compare(name, options.repeats, options.batch, options.size) for name in options.names]
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
