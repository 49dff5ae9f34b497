"""Compile time of the shipped networks, from YAML text to Keras model, beside the constructors of `keras.applications`.

    python benchmarks/networks.py [NAME ...] [--repeats N] [--limit RATIO]

Both ways build in one process and in turn, each first as often as the other, after a warm-up that also holds the
weights' shapes against each other. The ratio is of CPU time, the median of those of neighbouring builds: what else the
machine does disturbs it least so. Garbage is collected as in a user's process; the Keras target collects none while it
builds. Ends with status 1 where one is above the limit.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from compiler.errors import Diagnostics, Source
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import config_folder
from compiler.spec.located import Map
from compiler.spec.reader import read_tree
from compiler.targets.keras import build

CONSTRUCTORS: Mapping[str, Callable[..., keras.Model]] = {
    "resnet50": keras.applications.ResNet50,
    "resnet50v2": keras.applications.ResNet50V2,
    "inception_v3": keras.applications.InceptionV3,
    "xception": keras.applications.Xception,
    "mobilenet_v2": keras.applications.MobileNetV2,
    "densenet121": keras.applications.DenseNet121,
    "efficientnet_b0": keras.applications.EfficientNetB0,
    "vgg16": keras.applications.VGG16,
    "convnext_tiny": keras.applications.ConvNeXtTiny,
}


def compiled(path: Path) -> keras.Model:
    """The model that a file describes: read, checked and built."""
    diagnostics = Diagnostics()
    tree = read_tree(Source(path.name, path.read_text(encoding="utf-8")), diagnostics)
    assert isinstance(tree, Map)
    graph = compile_model(ModelSource(tree), diagnostics)
    diagnostics.raise_errors()
    return build(graph)


def shapes(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.weights]


def timed(make: Callable[[], keras.Model]) -> tuple[float, float]:
    """Seconds that a build takes, and its CPU seconds."""
    keras.utils.clear_session()
    gc.collect()
    start, start_cpu = time.perf_counter(), time.process_time()
    make()
    return time.perf_counter() - start, time.process_time() - start_cpu


def ratio(name: str, repeats: int) -> float:
    """Our CPU time over theirs; prints it with the seconds of both."""
    path = config_folder() / "model" / f"{name}.yaml"

    def theirs() -> keras.Model:
        return CONSTRUCTORS[name](weights=None)

    def ours() -> keras.Model:
        return compiled(path)

    assert shapes(ours()) == shapes(theirs()), f"{name}: the two ways build different models"  # warms both up, too
    here: list[tuple[float, float]] = []
    there: list[tuple[float, float]] = []
    for i in range(repeats):
        for make, times in ((ours, here), (theirs, there))[:: 1 if i % 2 else -1]:
            times.append(timed(make))
    middle = statistics.median(mine[1] / keras_own[1] for mine, keras_own in zip(here, there, strict=True))
    walls = [statistics.median(wall for wall, _ in times) for times in (here, there)]
    lines = len(path.read_text(encoding="utf-8").splitlines())
    print(f"{name:16} {lines:5} {walls[0]:8.3f} {walls[1]:18.3f} {middle:9.3f}", flush=True)
    return middle


def main() -> int:
    parser = argparse.ArgumentParser(description="Networks from YAML against keras.applications.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(CONSTRUCTORS)}")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--limit", type=float, default=1.05)
    options = parser.parse_args()
    unknown = sorted({*options.names} - {*CONSTRUCTORS})
    if unknown:
        parser.error(f"no network {unknown[0]!r}: one of {', '.join(CONSTRUCTORS)}")
    print(f"seconds from text to model, medians of {options.repeats} builds in turn")
    print(f"{'network':16} {'lines':>5} {'here':>8} {'keras.applications':>18} {'CPU ratio':>9}")
    ratios = [ratio(name, options.repeats) for name in options.names or CONSTRUCTORS]
    print(f"highest ratio {max(ratios):.3f} (limit {options.limit:.2f})")
    return 0 if max(ratios) <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
