"""Studies for tests, without a sweep's configuration around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.parameters import read_parameter
from compiler.runtime.sweep.space import Space
from compiler.runtime.sweep.study import Study

RATE = "train.optimizer.learning_rate"
PARAMETERS = (f"{RATE}=tag(log, interval(1e-4, 1e-1))", "model=mlp,sepconv_small", "model.vars.width=range(8, 65)")
LOSS = (Objective("val.loss", "minimize"),)


def new_study(
    root: Path, slots: int = 0, objectives: Sequence[Objective] = LOSS, texts: Sequence[str] = PARAMETERS, **search: Any
) -> Study:
    """A study in `root`, drawn at random unless `search` names another method."""
    space = Space(tuple(read_parameter(text) for text in texts))
    definition = Definition((), space, {"method": "random", **search})
    definition.save(root)
    study = Study.create(definition, SweepFolder(root), objectives)
    study.add_slots(slots)
    return study
