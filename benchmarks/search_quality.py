"""How good the search methods are: the best value after 60 trials of four functions, medians over 20 seeds.

    python benchmarks/search_quality.py [--methods NAME ...] [--objectives NAME ...] [--seeds N] [--trials N]

Each method draws one trial after another with its defaults, through the sampler and the space of a sweep. Prints the
medians as a Markdown table, and how often a method was better than random search with the same seed. Ends with status
1 unless tpe and gp have a better median than random everywhere. Nearly all the time is gp's.

branin, hartmann6: Dixon & Szego 1978, Towards Global Optimisation 2.
mixed: func2C of Ru et al. 2020, CoCaBO, ICML 37: two choices between Rosenbrock's function, the six-hump camel and
    Beale's; here with the two numbers on a logarithmic scale.
conditional: Jenatton et al. 2017, ICML 34, section 5.1: three binary choices,
    under each of which there are others, and numbers.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from compiler.runtime.sweep.domains import Choices, Interval
from compiler.runtime.sweep.methods import Method
from compiler.runtime.sweep.samplers.seeded import Seeded
from compiler.runtime.sweep.space import Condition, Parameter, Space
from compiler.runtime.training.named import chosen

Values = Mapping[str, Any]

A = np.array([
    [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14],
])  # fmt: skip
P = 1e-4 * np.array([
    [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
])  # fmt: skip
ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def branin(values: Values) -> float:
    x, y = values["x"], values["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(values: Values) -> float:
    x = np.array([values[f"x{i}"] for i in range(6)])
    return float(-ALPHA @ np.exp(-(A * (x - P) ** 2).sum(axis=1)))


def mixed(values: Values) -> float:
    x, y = (2 * math.log10(values[key]) for key in ("u", "v"))
    surfaces = {
        "rosenbrock": (100 * (y - x**2) ** 2 + (1 - x) ** 2) / 300,
        "camel": ((4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2) / 10,
        "beale": ((1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2) / 50,
    }
    return surfaces[values["first"]] + surfaces[values["second"].rstrip("23")]


def conditional(values: Values) -> float:
    leaf = f"x{values['a']}{values['b0'] if values['a'] == '0' else values['b1']}"
    return values[leaf] ** 2 + {"x00": 0.1, "x01": 0.2, "x10": 0.3, "x11": 0.4}[leaf] + values[f"r{values['a']}"]


@dataclass(frozen=True)
class Objective:
    """A function to minimise, with its space and its least value."""

    function: Callable[[Values], float]
    space: Space
    least: float


def _space(domains: Mapping[str, Choices | Interval], only: Mapping[str, Mapping[str, str]] | None = None) -> Space:
    conditions = {
        child: tuple(Condition(parent, (text,)) for parent, text in parents.items())
        for child, parents in (only or {}).items()
    }
    return Space(tuple(Parameter(key, domain, only=conditions.get(key, ())) for key, domain in domains.items()))


BINARY, UNIT, AROUND = Choices(("0", "1")), Interval(0.0, 1.0), Interval(-1.0, 1.0)
OBJECTIVES = {
    "branin": Objective(branin, _space({"x": Interval(-5.0, 10.0), "y": Interval(0.0, 15.0)}), 0.397887),
    "hartmann6": Objective(hartmann6, _space({f"x{i}": UNIT for i in range(6)}), -3.32237),
    "mixed": Objective(
        mixed,
        _space({
            "first": Choices(("rosenbrock", "camel", "beale")),
            "second": Choices(("rosenbrock", "camel", "beale", "beale2", "beale3")),
            "u": Interval(0.1, 10.0, log=True),
            "v": Interval(0.1, 10.0, log=True),
        }),
        -0.206326,
    ),
    "conditional": Objective(
        conditional,
        _space(
            {"a": BINARY, "b0": BINARY, "b1": BINARY, "x00": AROUND, "x01": AROUND, "x10": AROUND, "x11": AROUND}
            | {"r0": UNIT, "r1": UNIT},
            {"b0": {"a": "0"}, "b1": {"a": "1"}, "r0": {"a": "0"}, "r1": {"a": "1"}}
            | {f"x{a}{b}": {"a": a, f"b{a}": b} for a in "01" for b in "01"},
        ),
        0.1,
    ),
}  # fmt: skip

METHODS: Mapping[str, object] = {
    **{name: name for name in ("random", "qmc", "tpe", "gp", "cmaes", "genetic", "anneal", "hyperopt")},
    "hyperopt anneal": {"op": "hyperopt", "algorithm": "anneal"},
    "hyperopt atpe": {"op": "hyperopt", "algorithm": "atpe"},
}


def best(method: Method, objective: Objective, seed: int, trials: int) -> float:
    """The best value of a sweep of so many trials, one after another."""
    study = optuna.create_study(sampler=Seeded(method, seed, objective.space, trials))
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, objective.function(objective.space.draw(trial)))
    return study.best_value


def main() -> int:
    parser = argparse.ArgumentParser()
    quick = [name for name in METHODS if "atpe" not in name]  # it takes more than half a second for a point
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=quick)
    parser.add_argument("--objectives", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: dict[tuple[str, str], list[float]] = {}
    names = list(dict.fromkeys(["random", *asked.methods]))
    took = dict.fromkeys(names, 0.0)
    for name in names:
        method = chosen(Method, METHODS[name], "method")
        begun = time.perf_counter()
        for objective in asked.objectives:
            values = [best(method, OBJECTIVES[objective], seed, asked.trials) for seed in range(asked.seeds)]
            found[name, objective] = values
            print(f"{name} {objective}: {statistics.median(values):.4f}", file=sys.stderr, flush=True)
        took[name] = (time.perf_counter() - begun) / (asked.seeds * asked.trials * len(asked.objectives))
    print(table(names, asked.objectives, found, took))
    worse = [
        (name, objective)
        for name in names
        for objective in asked.objectives
        if name in ("tpe", "gp")
        and statistics.median(found[name, objective]) >= statistics.median(found["random", objective])
    ]
    for name, objective in worse:
        print(f"{name} is no better than random on {objective}")
    return bool(worse)


def table(
    names: list[str], objectives: list[str], found: Mapping[tuple[str, str], list[float]], took: Mapping[str, float]
) -> str:
    """Medians, in brackets how many seeds were better than random's; the least value that there is; ms a trial."""
    head = ["method", *objectives, "ms a trial"]
    rows = [head, ["---"] * len(head), ["least", *(f"{OBJECTIVES[o].least:.4f}" for o in objectives), ""]]
    for name in names:
        cells = [name]
        for objective in objectives:
            values, luck = found[name, objective], found["random", objective]
            wins = sum(value < other for value, other in zip(values, luck, strict=True))
            cells.append(f"{statistics.median(values):.4f}" + ("" if name == "random" else f" ({wins})"))
        rows.append([*cells, f"{1000 * took[name]:.0f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
