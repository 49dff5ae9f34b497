"""The front end (text to checked graph) on model files of 1,000 and 4,000 layers, and Hydra's composition of the same.

    python benchmarks/front_end.py [RUNS]

Medians in one process. The aims: 1,000 layers in 1.0 s at most; 4,000 in at most 5 times as long.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from compiler.errors import Diagnostics, Source
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import compose
from compiler.spec.located import Map
from compiler.spec.reader import read_tree

BLOCK = (
    "  - {{op: Conv2D, filters: {filters}, kernel_size: 3, padding: same, use_bias: false}}\n"
    "  - {{op: BatchNormalization, momentum: 0.9}}\n"
    "  - {{op: Activation, activation: relu, name: act{index}}}\n"
    "  - {{op: Dropout, rate: 0.1}}\n"
)


def model_text(layers: int) -> str:
    """A model file that lists so many layers one by one: convolution, normalisation, activation, dropout."""
    blocks = (BLOCK.format(filters=16 + 8 * (index % 3), index=index) for index in range(layers // 4))
    return "input: [32, 32, 3]\nlayers:\n" + "".join(blocks)


def front_end(text: str) -> None:
    """Text to checked graph."""
    diagnostics = Diagnostics()
    tree = read_tree(Source("model.yaml", text), diagnostics)
    assert isinstance(tree, Map)
    compile_model(ModelSource(tree), diagnostics)
    diagnostics.raise_errors()


def timed(work: Callable[[], object], runs: int) -> float:
    """Median seconds."""
    seconds: list[float] = []
    for _ in range(runs):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return median(seconds)


def main(runs: int) -> None:
    """Print the figures and the growth."""
    front_end(model_text(100))  # builds the validators of the ops in use, which a process does once
    thousand, four_thousand = (timed(lambda n=n: front_end(model_text(n)), runs) for n in (1_000, 4_000))
    print(f"front end, 1,000 layers: {thousand:.3f} s (aim 1.0)")
    print(f"front end, 4,000 layers: {four_thousand:.3f} s, {four_thousand / thousand:.2f} times as long (aim 5)")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model").mkdir()
        (Path(folder) / "model" / "listed.yaml").write_text(model_text(1_000), encoding="utf-8")
        composing = timed(lambda: compose(["model=listed"], Path(folder)), max(1, runs // 3))
    print(f"Hydra's composition of 1,000 layers, places included: {composing:.3f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
