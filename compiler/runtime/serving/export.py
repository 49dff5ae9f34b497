"""Export a saved run: its model after the passes, with its weights, as one file or folder. Keras is imported with this.

What is written says what the run's own model says: both are asked about the same rows first.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Fault
from compiler.ir import CheckedGraph
from compiler.passes import Pass, run_passes
from compiler.runtime.run import TEMPORARY, Run
from compiler.runtime.run.files import refused
from compiler.runtime.serving.frozen import WEIGHTS
from compiler.runtime.serving.sample import Sample, sample
from compiler.targets.keras import build
from compiler.targets.keras_arrays import set_weights, weights_of

TOLERANCE = 1e-4
"""How far outputs may be apart, as a share of the largest output, or of 1 where that is less."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        path: what was written.
        layers: how many the run's model has, and how many the exported one.
        difference: the largest one between two outputs of the two models.
        largest: the largest output.
        rows: how many rows both were asked about, and where these come from.
    """

    path: Path
    layers: tuple[int, int]
    difference: float
    largest: float
    rows: str


def _keras(model: Any, path: Path) -> None:
    model.save(path)


def _saved_model(model: Any, path: Path) -> None:
    model.export(path, format="tf_saved_model", verbose=False)


WRITERS: Mapping[str, Callable[[Any, Path], None]] = {"keras": _keras, "saved_model": _saved_model}
"""How a model is written, by form."""


def export(run: Run, graph: CheckedGraph, passes: Mapping[str, Pass], form: str, path: Path) -> Exported:
    """Write the run's model as the passes leave it.

    Args:
        graph: the run's own, as `frozen_graph` gives it.
        form: a key of `WRITERS`, which are `compiler.runtime.serving.forms.FORMS`.
        path: what to write; what stands there is replaced if it is a file.

    Raises:
        ConfigError: E803, the run's weights do not fit its model, or the passes change what it says by more than
            `TOLERANCE`; E006, the file system refuses. Nothing is written then.
    """
    own = build(graph)
    _load(own, run.file(WEIGHTS))
    found, arrays = run_passes(passes, graph, weights_of(own, graph))
    assert arrays is not None, "passes keep weights"
    model = build(found)
    set_weights(model, arrays)
    rows = sample(run, graph)
    wanted, said = _outputs(own, rows), _outputs(model, rows)
    largest = max(float(np.abs(output).max()) for output in wanted)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(wanted, said, strict=True))
    if not difference <= TOLERANCE * max(1.0, largest):  # or it is no number
        message = (
            f"the passes change what the model of '{run.root}' says: by up to {difference:.2g} on {rows.origin}, "
            f"where the largest output is {largest:.2g}"
        )
        raise refused(message, "--passes none exports it as it is")
    _place(path, lambda aside: WRITERS[form](model, aside))
    return Exported(path, (graph.layers, found.layers), difference, largest, rows.origin)


def _load(model: Any, path: Path) -> None:
    """Give a model the weights that a run saved of it, all of them."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Skipping")  # Keras leaves a layer that it does not find as it is
            model.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:  # what Keras and HDF5 raise where it does not fit
        raise refused(f"'{path}' does not fit the model of its run: {str(error).splitlines()[0]}") from None


def _outputs(model: Any, rows: Sample) -> list[NDArray[Any]]:
    """All outputs for all rows, as float64."""
    found = model.predict(rows.inputs, batch_size=rows.batch_size, verbose=0)
    return [np.asarray(output, "float64") for output in keras.tree.flatten(found)]


def _place(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file or folder aside, and rename it to `path` when it is whole."""
    aside: Path | None = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
        made = aside / path.name
        write(made)
        made.replace(path)
    except OSError as error:
        raise ConfigError([Fault("E006", f"cannot write '{path}': {error.strerror or error}")]) from None
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
