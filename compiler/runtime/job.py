"""One training job: from a composed configuration to a complete run directory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from compiler.check import Limits
from compiler.errors import ConfigError, Diagnostics, Fault
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.checks import check_training
from compiler.runtime.data.source import SOURCES, DataSettings, read_data
from compiler.runtime.initial import InitialWeights, check_frozen, check_initial
from compiler.runtime.training import TrainSettings, read_train
from compiler.spec.compose import Composed, load_plugins
from compiler.spec.freeze import frozen_text
from compiler.spec.located import Map, plain, validated
from compiler.spec.source import model_loader, model_name, model_tree

if TYPE_CHECKING:
    from rich.console import Console

    from compiler.runtime.fitting.fit import Outcome


NO_DATA = {"source": "none"}
"""The `data` section of a model that is looked at alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration that has no faults, ready to be trained.

    Attributes:
        name: the model's name.
        graph: the checked model.
        train, data: typed settings (no data with `data=none`); their sections keep the places, for faults that only
            the data can show.
        model_yaml: the model's frozen spec.
        initial: the weights to begin with, where they come from a file.
        warnings: what was suspicious.
    """

    name: str
    graph: CheckedGraph
    train: TrainSettings
    data: DataSettings | None
    train_section: Map
    data_section: Map
    model_yaml: str
    initial: InitialWeights | None
    warnings: tuple[Fault, ...]


def plan(composed: Composed, *, together: bool = True) -> Plan:
    """Check a whole configuration: model, data, training, and whether they go together. No data are read.

    Args:
        together: whether the model must suit the data and the training; for a mere look at it, it need not.

    Raises:
        ConfigError: with all faults at once.
    """
    diagnostics = Diagnostics()
    for fault in composed.faults:
        diagnostics.add(fault)
    load_plugins(composed, diagnostics)
    train = read_train(composed.section("train"), diagnostics)
    data_section = composed.section("data")
    none = plain(data_section) == NO_DATA
    data = None if none else read_data(data_section, diagnostics)
    limits_section = composed.section("limits")
    limits = validated(Limits, limits_section, diagnostics, subject="limits") or Limits()
    tree = model_tree(composed, diagnostics)
    if tree is None:
        diagnostics.raise_errors()
        raise AssertionError("a model that is missing has a fault")
    load_model = model_loader(composed, diagnostics)
    precision = train.precision if train else "float32"
    source = ModelSource(tree, load_model, limits, limits_section, precision)
    graph = compile_model(source, diagnostics)
    initial = None
    if together and train and not diagnostics.has_errors:
        initial = check_initial(graph, _unpatched(source), train.initial, composed.section("train"), diagnostics)
        check_frozen(graph, initial, tree.keys.get("freeze"), diagnostics)
    if together and train and data and not diagnostics.has_errors:
        check_training(graph, train, data, composed.section("train"), diagnostics)
    diagnostics.raise_errors()
    assert train is not None, "settings that are missing have faults"
    return Plan(
        model_name(composed),
        graph,
        train,
        data,
        composed.section("train"),
        data_section,
        frozen_text(tree, load_model),
        initial,
        tuple(diagnostics.faults),
    )


def _unpatched(source: ModelSource) -> CheckedGraph | None:
    """The model as it was before its patches: a file of weights may have its layers. None where that is no model."""
    if source.tree.get("patch") is None:
        return None
    entries = {key: value for key, value in source.tree.entries.items() if key not in ("patch", "freeze")}
    diagnostics = Diagnostics()
    graph = compile_model(replace(source, tree=replace(source.tree, entries=entries)), diagnostics)
    return None if diagnostics.has_errors else graph


def run(job: Plan, folder: Path, console: Console, overrides: Sequence[str] = ()) -> Outcome:
    """Train, evaluate, and leave a complete run in `folder`.

    Data are read and checked before Keras is imported. `run.json` is written last.

    Args:
        overrides: the command line, for the record.

    Raises:
        ConfigError: faulty data (E7xx), a layer that Keras refuses (E801), a loss that is no number (E802), a folder
            that cannot be used (E803).
    """
    from compiler.errors import render
    from compiler.runtime.data.load import load
    from compiler.runtime.data.new_rows import ARTEFACT, preprocessing
    from compiler.runtime.fitting.progress import progress_on
    from compiler.runtime.quiet import quiet
    from compiler.runtime.run import RunWriter, environment

    start = perf_counter()
    if job.data is None:
        hint = f"data=NAME, one of {', '.join(name for name in SOURCES)}"
        raise ConfigError([Fault("E701", "there are no data to train on", job.data_section.place, hint=hint)])
    dataset = load(job.data, job.data_section)
    if dataset.warnings:
        console.print(render(dataset.warnings), markup=False, highlight=False, soft_wrap=True)
    loaded = perf_counter()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        from compiler.runtime.fitting.fit import fit
    imported = perf_counter()
    if job.initial:
        console.print(str(job.initial), markup=False, highlight=False, soft_wrap=True)
    with RunWriter(folder, {"kind": "keras", "name": job.name, "overrides": list(overrides)}) as writer:
        writer.save_text("model.yaml", job.model_yaml)
        writer.save_json(ARTEFACT, preprocessing(job.data, job.data_section, dataset))
        outcome = fit(job.graph, job.train, dataset, writer, progress_on(console), job.initial)
        timings = {"data": loaded - start, "import": imported - loaded, **outcome.timings}
        writer.complete(
            {
                "task": dataset.task,
                "metrics": outcome.metrics,
                "best_epoch": outcome.best_epoch,
                "epochs_run": outcome.epochs_run,
                "stopped": outcome.stopped,
                "initial": outcome.initial,
                "spec_hash": job.graph.hash,
                "model": {
                    "layers": job.graph.layers,
                    "params": job.graph.params,
                    "trainable_params": job.graph.trainable_params,
                    "flops": job.graph.flops,
                    "activation_bytes": job.graph.activation_bytes,
                },
                "data": {
                    "name": dataset.name,
                    "classes": list(dataset.class_names),
                    "rows": {"train": len(dataset.train), "val": len(dataset.val), "test": len(dataset.test)},
                    "fingerprints": dataset.fingerprints,
                },
                "config": {"train": plain(job.train_section), "data": plain(job.data_section)},
                "seeds": {"train": job.train.seed, "split": job.data.split.seed},
                "timings": {name: round(seconds, 3) for name, seconds in timings.items()},
                "environment": environment(),
            }
        )
    return outcome


def summary(outcome: Outcome, folder: Path) -> str:
    """Two lines for the end of a training: how good it is, and where it stands."""
    scores = "  ".join(
        f"{split}.{name} {value:.4f}" for split in ("val", "test") for name, value in outcome.metrics[split].items()
    )
    return f"{scores}  (epoch {outcome.best_epoch})\n{folder}"


def as_typed(folder: Path) -> Path:
    """A folder as the user would type it: relative to here, if it is below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
