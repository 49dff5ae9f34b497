"""Read the estimator of a run again, without TensorFlow, and without the library that fitted it where that can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.importer import sandbox
from compiler.runtime.data import Inputs
from compiler.runtime.estimators import plain
from compiler.runtime.estimators.problem import Table, Values, table
from compiler.runtime.extras import require
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused
from compiler.runtime.training import Task

_LIMITS = sandbox.Limits(memory=8 << 30, seconds=60)  # LightGBM and what it imports reserve 2 GB of address space


class _Model(Protocol):
    def predict(self, x: Table) -> Values: ...


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """The estimator of a run.

    Attributes:
        features: numbers that a row has.
    """

    model: _Model
    features: int

    def predict(self, x: Inputs) -> NDArray[np.float32]:
        """Probabilities (N, C) or (N, K), or values (N, K), for inputs as the training had them.

        Raises:
            ConfigError: E708, the rows have another number of values than those of the training.
        """
        rows = table(x)
        if rows.shape[1] != self.features:
            message = f"a row has {rows.shape[1]} values, but the run was trained on {self.features}"
            raise ConfigError([Fault("E708", message)])
        return self.model.predict(rows).astype(np.float32)


def load(run: Run) -> Estimator:
    """The estimator that `run` saved.

    Files of LightGBM and XGBoost are read by a process of their own first: a run may come from elsewhere, and LightGBM
    ends the process over a malformed file.

    Raises:
        ConfigError: E803, the record says no estimator, or a file is not what the run saved; E901, a file is no such
            model; E903, reading it takes too much; E808, its library is not installed.
    """
    record = run.record
    library = record.get("library", {}).get("name")
    features = record.get("model", {}).get("features")
    if not isinstance(features, int):
        raise refused(f"the record of the run '{run.root}' does not say how many features it has")
    if library == "scikit-learn":
        path = run.file(plain.FILE)
        try:
            return Estimator(plain.read(path), features)
        except ValueError as error:
            raise ConfigError([Fault("E901", f"'{path}' cannot be read: {error}")]) from None
    names = sorted(name for name in run.artefacts if name.startswith("model.") and name != "model.yaml")
    paths = [run.file(name) for name in sorted(names, key=lambda name: (len(name), name))]
    return Estimator(_boosters(library, cast(Task, record.get("task")), paths, features), features)


def _boosters(library: str, task: Task, paths: Sequence[Path], features: int) -> _Model:
    from compiler.runtime.estimators.boosters import ENDINGS, opened

    if library not in ENDINGS or not paths:
        raise refused(f"the run holds no model of a library that is known here ({library!r})")
    require([library], library, "the run")
    for path in paths:
        sandbox.run(f"compiler.runtime.estimators.probe:{library}", path, {"features": features}, _LIMITS)
    try:
        return opened(library, task, paths)
    except ValueError as error:
        raise ConfigError([Fault("E901", f"'{paths[0]}' cannot be read: {error}")]) from None
