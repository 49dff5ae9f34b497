"""All networks of `keras.applications` there and back: imported, compiled again, and written as Python.

    python benchmarks/imports.py [NAME ...] [--markdown]

For each: lines of the model file and of Keras's JSON (indented), CPU seconds of the constructor and of the compiler
from text to model (medians of builds in turn, each network in its own process), and the largest difference of their
outputs on a random image with the weights copied across in order. The Python text is run too, and must build a model
of equal config and weights. Ends with status 1 where anything differs, or where the median file has more than 1/15 of
the lines of its JSON.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from compiler.errors import Diagnostics, Place, Source
from compiler.importer.model_file import model_file
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.located import Map
from compiler.spec.reader import read_tree
from compiler.targets.keras import build
from compiler.targets.python import to_python

NAMES = tuple(name for name, member in vars(keras.applications).items() if inspect.isfunction(member))
SHARE = 15
"""How many lines of JSON a line of the median model file stands for, at least."""

CLOSE = 1e-5
"""The largest difference of outputs that counts as none."""


def timed(make: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a build, and what it made."""
    keras.utils.clear_session()
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        made = make()
        return time.process_time() - start, made
    finally:
        gc.enable()


def compiled(text: str) -> keras.Model:
    diagnostics = Diagnostics()
    tree = read_tree(Source("model.yaml", text), diagnostics)
    assert isinstance(tree, Map)
    graph = compile_model(ModelSource(tree), diagnostics)
    diagnostics.raise_errors()
    return build(graph)


def plain_config(model: keras.Model) -> Any:
    """A model's config without modules, and with numbers for the names that Keras gives to operations."""
    found = json.loads(model.to_json())["config"]
    names = {
        step["config"]["name"]: f"#{at}"
        for at, step in enumerate(found["layers"])
        if step["module"].startswith("keras.src.ops")
    }

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if key not in ("module", "registered_name")}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    return plain(found)


def shapes(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.weights]


HEAD = ["network", "YAML", "JSON", "ratio", "Python", "import", "compile", "constructor", "weights", "diff", "equal"]


def report(name: str, markdown: bool) -> tuple[float, bool]:
    """Lines of JSON for each line of the model file, and whether everything is equal; prints a row."""
    make = getattr(keras.applications, name)
    _, original = timed(lambda: make(weights=None))
    config = json.loads(original.to_json())
    start = time.process_time()
    imported = model_file(config, Place(Source(name, ""), 1, 1))
    seconds = time.process_time() - start
    here, there = [], []
    ours = None
    for _ in range(3):
        here.append(timed(lambda: compiled(imported.text)))
        there.append(timed(lambda: make(weights=None))[0])
    ours = here[-1][1]
    same = shapes(ours) == shapes(original) and imported.folded
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 1, [1, *(dim or 224 for dim in original.input_shape[1:])]).astype("float32")
    ours.set_weights(original.get_weights())
    difference = float(np.max(np.abs(ours(image, training=False) - original(image, training=False))))
    space: dict[str, Any] = {"__name__": "written"}
    text = to_python(imported.graph, name)
    exec(compile(text, f"{name}.py", "exec"), space)
    written = space["build_model"]()
    equal_text = plain_config(written) == plain_config(build(imported.graph)) and shapes(written) == shapes(ours)
    lines, json_lines = imported.text.count("\n"), json.dumps(config, indent=2).count("\n") + 1
    fine = same and equal_text and difference <= CLOSE
    cells = [
        f"{name}", f"{lines}", f"{json_lines:,}", f"{json_lines / lines:.0f}", f"{text.count(chr(10))}",
        f"{seconds:.2f}", f"{statistics.median(cpu for cpu, _ in here):.2f}", f"{statistics.median(there):.2f}",
        f"{len(original.weights)}", f"{difference:.1g}", "yes" if fine else "NO",
    ]  # fmt: skip
    row(cells, markdown)
    return json_lines / lines, fine


def row(cells: Sequence[str], markdown: bool) -> None:
    widths = (6, 8, 6, 7, 7, 8, 12, 8, 6, 5)
    padded = [f"{cells[0]:19}", *(f"{cell:>{width}}" for cell, width in zip(cells[1:], widths, strict=True))]
    print("| " + " | ".join(padded) + " |" if markdown else " ".join(padded), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="keras.applications, imported and compiled again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--markdown", action="store_true", help="a table for a page")
    options = parser.parse_args()
    unknown = sorted({*options.names} - {*NAMES})
    if unknown:
        parser.error(f"no network {unknown[0]!r}")
    row(HEAD, options.markdown)
    if options.markdown:
        print("|---" + "|---:" * (len(HEAD) - 1) + "|", flush=True)
    found: list[tuple[float, bool]] = []
    for name in options.names or NAMES:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:  # what Keras has built is never quite given back
            found.append(process.submit(report, name, options.markdown).result())
    middle = statistics.median(ratio for ratio, _ in found)
    print(f"median: one line of YAML for {middle:.0f} lines of JSON (at least {SHARE})")
    print(f"equal: {sum(fine for _, fine in found)} of {len(found)}")
    return 0 if middle >= SHARE and all(fine for _, fine in found) else 1


if __name__ == "__main__":
    sys.exit(main())
