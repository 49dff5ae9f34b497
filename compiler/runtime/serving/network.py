"""The Keras model of a saved run, built from its frozen spec with its own weights. Keras is imported with this file."""

from __future__ import annotations

import warnings
from typing import Any

from compiler.ir import CheckedGraph
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused
from compiler.runtime.serving.frozen import WEIGHTS
from compiler.targets.keras import build


def network_of(run: Run, graph: CheckedGraph) -> Any:
    """The model that `graph`, the run's own, describes, with all the weights that the run saved.

    Raises:
        ConfigError: E801, Keras refuses a layer; E803, the weights do not fit.
    """
    model = build(graph)
    path = run.file(WEIGHTS)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Skipping")  # Keras leaves a layer that it does not find as it is
            model.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:  # what Keras and HDF5 raise where it does not fit
        raise refused(f"'{path}' does not fit the model of its run: {str(error).splitlines()[0]}") from None
    return model
