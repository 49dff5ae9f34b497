"""One training job: from a plan to a complete run directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from compiler.errors import ConfigError, Fault
from compiler.runtime.data.source import SOURCES, DataSettings
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.memory import enough_memory
from compiler.runtime.plan import Network, Plan
from compiler.runtime.resume import Unfinished
from compiler.runtime.training.strategies import MultiWorker
from compiler.spec.located import at, plain

if TYPE_CHECKING:
    from rich.console import Console

    from compiler.estimators import EstimatorSpec
    from compiler.runtime.data import Dataset
    from compiler.runtime.fitting.outcome import Outcome
    from compiler.runtime.fitting.progress import Progress, Row
    from compiler.runtime.loggers import Loggers
    from compiler.runtime.run import Checkpoint, RunWriter
    from compiler.runtime.signals import Signals
    from compiler.runtime.warm import Warm


def run(
    job: Plan,
    folder: Path,
    console: Console,
    overrides: Sequence[str] = (),
    *,
    observer: Progress | None = None,
    warm: Warm | None = None,
    signals: Signals | None = None,
    clock: Clock | None = None,
) -> Outcome:
    """Train, evaluate, and leave a complete run in `folder`; or go on with the unfinished one that is there.

    Keras is imported while data are read and checked. `run.json` says from the start what the run depends on, and is
    written last with its results.

    Args:
        overrides: the command line, for the record.
        observer: told of the epochs too, and may end the training.
        warm: what this process keeps from one training for the next; None where there is one alone.
        signals: what asks to stop, where the process listens to that already.
        clock: has the time that was spent on it before; `run.json` counts that too.

    Raises:
        Pruned: `observer` ended it; the run's status is `pruned`.
        OtherProcess: `warm` is of a process with other threads; nothing was begun.
        ConfigError: faulty data (E7xx), a layer that Keras refuses (E801), a loss that is no number (E802), a folder
            that cannot be used (E803, E806), memory or disk that run out (E804, E805), a signal (E807), an unfinished
            run in `folder` that is another one (E810).
    """
    if _follows(job):  # the first worker alone writes the run
        with TemporaryDirectory() as own:
            return _run(job, Path(own) / "run", console, overrides, observer, warm, signals, clock)
    return _run(job, folder, console, overrides, observer, warm, signals, clock)


def _run(
    job: Plan,
    folder: Path,
    console: Console,
    overrides: Sequence[str],
    observer: Progress | None,
    warm: Warm | None,
    signals: Signals | None,
    clock: Clock | None,
) -> Outcome:
    from compiler.runtime.data.load import load
    from compiler.runtime.data.new_rows import ARTEFACT, NAMES, names_text, preprocessing
    from compiler.runtime.fitting.progress import Notes, Pruned, Rows, Together, progress_on
    from compiler.runtime.importing import KerasImport
    from compiler.runtime.loggers import require_packages
    from compiler.runtime.run import RunWriter
    from compiler.runtime.signals import NOTHING, Signals

    clock = clock or Clock()
    clock.alone = warm is None
    if job.data is None:
        hint = f"data=NAME, one of {', '.join(name for name in SOURCES)}"
        raise ConfigError([Fault("E701", "there are no data to train on", job.data_section.place, hint=hint)])
    require_packages(job.train.loggers, job.train_section)
    if warm:
        warm.settle(job.train)
    job.train.threads.settle()
    if isinstance(job.model, Network):
        imported = KerasImport(apart=_there(job.data))
    else:
        # threads that wait for others sleep: where processors are shared, spinning makes boosting 20 times slower
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        imported = nullcontext()
    with signals or Signals() as signals, imported as keras:
        signals.kept = NOTHING
        dataset = (warm.dataset if warm else load)(job.data, job.data_section)
        _say(console, dataset.warnings)
        clock.lap("data")
        if keras:
            keras.wait()
        clock.lap("import")
        begun = Unfinished(job, folder, dataset.fingerprints)
        with (
            RunWriter(folder, {**_facts(job, dataset), "overrides": list(overrides)}, begun.accept) as writer,
            enough_memory(),
            _loggers(job, folder, lambda faults: _say(console, faults)) as loggers,
        ):
            _say(console, begun.warnings, begun.told() if begun.checkpoint else job.initial)
            if begun.checkpoint:
                signals.kept = ("its last checkpoint stands", f"python train.py resume={folder} goes on from there")
            writer.save_text("model.yaml", job.model_yaml)
            writer.save_json(ARTEFACT, preprocessing(job.data, job.data_section, dataset))
            if dataset.names:
                writer.save_text(NAMES, names_text(dataset.names))
            clock.lap("save")
            shown = progress_on(console) if isinstance(job.model, Network) else Notes(console)
            rows = Rows()
            watching = Together([shown, loggers, rows, *([observer] if observer else [])])
            try:
                if isinstance(job.model, Network):
                    outcome = _fit_network(job, dataset, writer, watching, begun.checkpoint, signals, warm, clock)
                else:
                    outcome = _fit_estimator(job.model, job, dataset, writer, watching, clock)
            except Pruned as pruned:
                clock.lap("report" if isinstance(job.model, Network) else "fit")
                writer.pruned(str(pruned), _so_far(rows.rows, clock))
                raise
            clock.lap("save")
            record = {
                "metrics": outcome.metrics,
                "best_epoch": outcome.best_epoch,
                "epochs_run": outcome.epochs_run,
                "stopped": outcome.stopped,
                "warnings": [*outcome.warnings, *loggers.warnings],
                "xla": outcome.xla,
                "initial": outcome.initial,
                **({"snapshots": outcome.snapshots} if outcome.snapshots else {}),
                "timings": clock.rounded(),
            }
            writer.complete(record)
            loggers.complete(record)
    return outcome


def _so_far(rows: Sequence[Row], clock: Clock) -> dict[str, object]:
    """What the record of a pruned run says: the metrics of its last epoch."""
    last = rows[-1]
    metrics = {
        split: {key.removeprefix(f"{split}."): value for key, value in last.items()
                if key.startswith(f"{split}.") and isfinite(value)}
        for split in ("train", "val")
    }  # fmt: skip
    return {"metrics": metrics, "epochs_run": len(rows), "stopped": "pruned", "timings": clock.rounded()}


def _follows(job: Plan) -> bool:
    if not isinstance(job.train.strategy, MultiWorker):
        return False
    try:
        return job.train.strategy.follows
    except ValueError as error:
        place = at(job.train_section, ("strategy",))[0]
        raise ConfigError([Fault("E107", str(error), place, hint="see docs/devices.md")]) from None


def _there(data: DataSettings) -> bool:
    """Whether what the data name is there: a fault that shows at once is not to wait for an import."""
    path = getattr(data, "path", None)
    return not isinstance(path, str) or Path(path).exists()


def _fit_network(
    job: Plan,
    dataset: Dataset,
    writer: RunWriter,
    progress: Progress,
    checkpoint: Checkpoint | None,
    signals: Signals,
    warm: Warm | None,
    clock: Clock,
) -> Outcome:
    from compiler.runtime.fitting.fit import fit
    from compiler.runtime.run import Checkpoints, SnapshotFolder

    # processes would have to go on from one checkpoint together
    often = None if isinstance(job.train.strategy, MultiWorker) else job.train.checkpoint
    checkpoints = Checkpoints(writer.root, often.seconds, often.share) if often else None
    snapshots = SnapshotFolder(writer.root, writer.about) if job.train.snapshots else None
    begun = job.initial, checkpoints, checkpoint
    return fit(job.graph, job.train, dataset, writer, progress, *begun, signals, warm, clock, snapshots, job.teacher)


def _fit_estimator(
    spec: EstimatorSpec, job: Plan, dataset: Dataset, writer: RunWriter, progress: Progress, clock: Clock
) -> Outcome:
    from compiler.runtime.estimators.fit import fit

    return fit(spec, job.train, dataset, writer, progress, clock)


def _facts(job: Plan, dataset: Dataset) -> dict[str, object]:
    """What `run.json` says from the start."""
    from compiler.runtime.run import environment

    assert job.data is not None, "data were loaded"
    return {
        "kind": job.kind,
        "name": job.name,
        "task": dataset.task,
        "spec_hash": job.spec_hash,
        **({"teacher": dict(job.teacher.about)} if job.teacher else {}),
        **(_network(job.model) if isinstance(job.model, Network) else _estimator(job.model, dataset)),
        "data": {
            "name": dataset.name,
            "classes": list(dataset.class_names),
            "rows": {"train": len(dataset.train), "val": len(dataset.val), "test": len(dataset.test)},
            "fingerprints": dataset.fingerprints,
        },
        "config": {"train": plain(job.train_section), "data": plain(job.data_section), **job.others},
        "seeds": {"train": job.train.seed, "split": job.data.split.seed},
        "environment": environment(),
    }


def _say(console: Console, warnings: Sequence[Fault], remark: object = None) -> None:
    from compiler.errors import render

    for text in (render(warnings) if warnings else None, remark):
        if text:
            console.print(str(text), markup=False, highlight=False, soft_wrap=True)


def _loggers(job: Plan, folder: Path, say: Callable[[Sequence[Fault]], None]) -> Loggers:
    from compiler.runtime.loggers import About, Loggers

    config = {"train": plain(job.train_section), "data": plain(job.data_section)}
    return Loggers(job.train.loggers, About(job.name, folder, job.model_yaml, job.spec_hash, config), say)


def _estimator(spec: EstimatorSpec, dataset: Dataset) -> dict[str, object]:
    """What `run.json` says of an estimator."""
    from compiler.runtime.estimators.versions import library_version

    library = {"name": spec.kind.library, "version": library_version(spec.kind.library)}
    size = {"estimator": spec.name, "params": spec.params.arguments(), "features": dataset.train.features}
    return {"library": library, "model": size}


def _network(network: Network) -> dict[str, object]:
    """What `run.json` says of a network."""
    graph = network.graph
    size = {
        "layers": graph.layers,
        "params": graph.params,
        "trainable_params": graph.trainable_params,
        "flops": graph.flops,
        "activation_bytes": graph.activation_bytes,
    }
    return {"model": size}


def summary(outcome: Outcome, folder: Path) -> str:
    """Two lines for the end of a training: how good it is, and where it stands."""
    scores = "  ".join(
        f"{split}.{name} {value:.4f}"
        for split in ("val", "test")
        for name, value in outcome.metrics.get(split, {}).items()
    )
    return f"{scores}  (epoch {outcome.best_epoch})\n{folder}"


def as_typed(folder: Path) -> Path:
    """A folder as the user would type it: relative to here, if it is below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
