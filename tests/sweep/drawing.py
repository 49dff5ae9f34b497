"""Sweeps of every method over every kind of parameter, without a training: a point's loss is a sum over its parameters.

python -m tests.sweep.drawing FOLDER ...    # carry out what waits there, as a worker does
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compiler.runtime.sweep.domains import Choices
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.space import Space
from compiler.runtime.sweep.study import Study
from tests.sweep.spaces import space

METHODS: Mapping[str, object] = {
    "random": "random",
    "qmc": "qmc",
    "halton": {"op": "qmc", "sequence": "halton"},
    "tpe": {"op": "tpe", "n_startup_trials": 4},
    "gp": {"op": "gp", "n_startup_trials": 9},
    "cmaes": {"op": "cmaes", "population_size": 4},
    "genetic": {"op": "genetic", "population_size": 4},
    "anneal": "anneal",
    "hyperopt": {"op": "hyperopt", "n_startup_jobs": 4},
    "hyperopt-anneal": {"op": "hyperopt", "algorithm": "anneal"},
}
"""Every method but adaptive TPE, which takes half a second for a point; their first, random points are few."""

SPACES: Mapping[str, Space] = {
    "float": space("a=interval(-1.0, 1.0)", "b=interval(0.0, 1.0)"),
    "log": space("a=tag(log, interval(1e-5, 1e-1))", "b=tag(log, int(interval(1, 512)))"),
    "int": space("a=int(interval(-3, 40))", "b=int(interval(1, 9))"),
    "step": space("a=range(8, 64, 8)", "b=range(0.0, 0.5, 0.1)", "c=range(0.5, -0.5, -0.25)"),
    "choice": space("a=choice(x,y,z)", "b=choice(true,false)", "c=interval(0.0, 1.0)"),
    "conditional": space(
        "a=choice(x,y,z)", "b=interval(0.0, 1.0)", "c=choice(p,q)", "d=range(1, 9, 2)", "e=interval(0.0, 1.0)",
        conditions={"b": {"a": ["x", "y"]}, "c": {"a": "z"}, "d": {"c": "q"}},
    ),
    "two parents": space(
        "a=choice(x,y)", "b=choice(p,q)", "c=tag(log, interval(1e-3, 1.0))", "d=interval(0.0, 1.0)",
        conditions={"c": {"a": "x", "b": "q"}},
    ),
}  # fmt: skip
"""`choice` has a number and `conditional` one without a condition, since CMA-ES draws nothing else."""


def loss(space: Space, values: Mapping[str, Any]) -> float:
    """A number that every parameter changes."""
    total = 0.0
    for i, parameter in enumerate(space.parameters):
        if parameter.key in values:
            domain, value = parameter.domain, values[parameter.key]
            total += domain.texts.index(value) if isinstance(domain, Choices) else abs(value - 0.3) / (i + 1)
    return total


def carry_out(folder: Path) -> None:
    """Claim, draw and tell until nothing waits; every fifth point has a fault, every seventh is pruned."""
    study = Study.open(SweepFolder(folder))
    while claim := study.claim(Owner.here(f"worker-{os.getpid()}")):
        if claim.number % 7 == 6:
            claim.report(1, loss(study.definition.space, claim.values))
            claim.pruned()
        else:
            claim.complete([loss(study.definition.space, claim.values)])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        carry_out(Path(name))
