"""How a saved run was trained, from its record."""

from __future__ import annotations

from typing import cast

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.run import Run
from compiler.runtime.training import TrainSettings, read_train
from compiler.spec.located import Map, located


def settings_of(run: Run) -> TrainSettings:
    """The `train` section that `run` was trained with.

    Raises:
        ConfigError: faults of the section in its record.
    """
    diagnostics = Diagnostics()
    section = located(run.section("train"), Place(Source(str(run.root / "run.json"), ""), 1, 1))
    train = read_train(cast(Map, section), diagnostics)
    diagnostics.raise_errors()
    assert train is not None, "settings that are missing have faults"
    return train
