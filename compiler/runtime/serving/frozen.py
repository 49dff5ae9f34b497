"""The model of a saved run, from its frozen `model.yaml` alone: what `train.py` compiled, without conf/ and Keras."""

from __future__ import annotations

from compiler.errors import Diagnostics, Source
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused, reported
from compiler.spec.located import Map
from compiler.spec.reader import read_tree

MODEL, WEIGHTS = "model.yaml", "model.keras"
"""The artefacts of a run that hold its model and its weights."""


def frozen_graph(run: Run) -> CheckedGraph:
    """The graph of the model that `run` trained.

    Raises:
        ConfigError: E803, the run holds no Keras model, or its `model.yaml` compiles to another model here than it did
            there; faults of the file itself, such as a layer whose plugin is not loaded.
    """
    if run.record.get("kind") != "keras":
        message = f"the run '{run.root}' holds no Keras model: its kind is {run.record.get('kind')!r}"
        raise refused(message, "predict can ask it; its own file is in the run")
    path = run.file(MODEL)
    with reported(f"read '{path}'"):
        source = Source(str(path), path.read_text(encoding="utf-8"))
    diagnostics = Diagnostics()
    tree = read_tree(source, diagnostics)
    diagnostics.raise_errors()
    if not isinstance(tree, Map):
        raise refused(f"'{path}' is no model file")
    graph = compile_model(ModelSource(tree, precision=_precision(run)), diagnostics)
    diagnostics.raise_errors()
    if graph.hash != run.record.get("spec_hash"):
        message = f"'{path}' compiles to another model than the one that was trained"
        raise refused(message, "use the version of lamina, and the plugins, that trained it")
    return graph


def _precision(run: Run) -> str:
    found = run.section("train").get("precision")
    return found if isinstance(found, str) else "float32"
