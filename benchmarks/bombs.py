"""How fast small files that would grow without bounds are refused, from the call to the fault.

    python benchmarks/bombs.py [RUNS]

Each goes in by `model_file=`; start-up and imports are not counted. The aim is 100 ms at most.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from compiler.errors import ConfigError
from compiler.runtime.plan import plan
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra

LAUGHS = ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)
)]  # fmt: skip
CHAIN = ["v0: xxxxxxxxxx", *(f"v{i}: ${{model.v{i - 1}}}${{model.v{i - 1}}}" for i in range(1, 60))]
DOUBLING = [
    "input: [4]",
    "vars:",
    "  v0: [1, 2]",
    *(f"  v{i}: $v{i - 1} + v{i - 1}" for i in range(1, 60)),
    "layers: [Flatten]",
]
REPEATS = """
input: [4]
blocks:
  a: {layers: [{op: Flatten, repeat: 1000}]}
  b: {layers: [{op: a, repeat: 1000}]}
  c: {layers: [{op: b, repeat: 1000}]}
layers: [{op: c, repeat: 1000}]
"""
BOMBS = {
    "YAML aliases": "\n".join(LAUGHS),
    "chained interpolations": "\n".join(CHAIN),
    "doubling expressions": "\n".join(DOUBLING),
    "nested repeats": REPEATS,
    "deep nesting": "layers: " + "[" * 500_000,
    "many nodes": "layers: [" + "a," * 400_000 + "]",
    "powers": "input: [4]\nvars: {x: $9**9**9**9}\nlayers: [{op: Dense, units: $x}]\n",
}


def refused(path: Path) -> tuple[float, str]:
    """Seconds until the file is refused, and the first code."""
    overrides = for_hydra([f"model_file={path}"])
    start = perf_counter()
    try:
        plan(compose(overrides))
    except ConfigError as error:
        return perf_counter() - start, error.faults[0].code
    raise AssertionError(f"{path} was not refused")


def main(runs: int) -> None:
    """Print a line for each bomb."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.yaml"
        path.write_text("layers: 3")
        refused(path)  # imports and validators
        composing = median(refused(path)[0] for _ in range(runs))
        print(f"a plain fault of the model, after composition: {1000 * composing:.0f} ms")
        for name, text in BOMBS.items():
            path.write_text(text)
            results = [refused(path) for _ in range(runs)]
            whole = median(seconds for seconds, _ in results)
            print(f"{name}: {results[0][1]}, {1000 * whole:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
