"""Sweeps for tests, in folders of their own, as `train.py -m` would leave them when it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.frozen import freeze
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.parameters import read_parameter
from compiler.runtime.sweep.space import Space
from compiler.runtime.sweep.study import Study
from compiler.spec.compose import make_loader

LOSS = (Objective("val.loss", "minimize"),)
KNN = ("model=knn", "data=digits", "train.best.monitor=val.loss")
"""A trial of some hundredths of a second, that needs no TensorFlow."""


def begun(
    root: Path,
    fixed: Sequence[str],
    parameters: Sequence[str],
    slots: int | Sequence[Mapping[str, Any]] | None = None,
    objectives: Sequence[Objective] = LOSS,
    **search: Any,
) -> Study:
    """A sweep whose trials wait: so many, or these points; else the whole grid."""
    space = Space(tuple(read_parameter(text) for text in parameters))
    definition = Definition(tuple(fixed), space, {"method": "random", **search}, folder=str(Path.cwd()))
    folder = SweepFolder(root)
    definition.save(root)
    freeze(definition, make_loader(), folder.conf)
    study = Study.create(definition, folder, objectives)
    study.add_slots(list(space.grid()) if slots is None else slots, "grid" if slots is None else None)
    return study
