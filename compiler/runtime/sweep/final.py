"""The last step of a sweep: the winner's test split is scored, once.

Trials are chosen by what they give on `val`. They write what they predict for the test split (`train.test=predict`) and
never score it, so nothing can be chosen by it. The winner alone is scored, from these predictions, and never again.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from compiler.runtime.run.files import RECORD as RUN_RECORD
from compiler.runtime.run.files import digest, refused
from compiler.runtime.run.reader import Run, read_run
from compiler.runtime.sweep.results import folder_of, record_final, recorded
from compiler.runtime.sweep.standing import standing_of
from compiler.runtime.training.losses import (
    Auto,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    Task,
)

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

_PREDICTIONS = "predictions/test.npz"


def score_winner(study: Study) -> Mapping[str, Any] | None:
    """Score the best trial of a finished sweep on its test split, and write that into `sweep.json` as `final`.

    With several objectives the best by the first of them is scored, not the whole front: to score it all would
    invite to choose by it.

    Returns:
        What `sweep.json` has as `final`: where it has that already, nothing is scored. None where no trial is complete,
        or the sweep goes on.

    Raises:
        ConfigError: E803, there is no `sweep.json`, or the winner's run is not what it saved.
    """
    folder, standing = study.folder.root, standing_of(study)
    final, best = recorded(folder).get("final"), standing.best
    if final or best is None or standing.unfinished:
        return final
    runs = [read_run(path) for path in run_folders(folder / folder_of(study, best))]
    final = {"trial": best.number, "scored": datetime.now(UTC).isoformat(timespec="milliseconds")}
    if any(_PREDICTIONS not in run.artefacts for run in runs):
        final |= {"metrics": {}, "reason": "its run has no predictions for the test split (train.test=skip)"}
    else:
        final |= _scores(runs)
    final["runs"] = [_run_hash(folder, run) for run in runs]
    record_final(folder, final)
    return final


def _scores(runs: Sequence[Run]) -> dict[str, Any]:
    """Metrics with their deviation over folds, where there are some."""
    scores = [scores_on_test(run) for run in runs]
    keys = [key for key in scores[0] if all(key in each for each in scores)]
    rows = len(runs[0].predictions("test").rows)
    means = {key: statistics.fmean(each[key] for each in scores) for key in keys}
    if len(runs) == 1:
        return {"metrics": means, "rows": rows}
    deviation = {key: statistics.stdev(each[key] for each in scores) for key in keys}
    return {"metrics": means, "deviation": deviation, "by_run": scores, "rows": rows}


def run_folders(trial: Path) -> list[Path]:
    """The run directories of a trial: its own folder, or those of its folds in their order.

    Raises:
        ConfigError: E803, there is none.
    """
    if (trial / RUN_RECORD).is_file():
        return [trial]
    folds = sorted(trial.glob("fold-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    if not folds:
        raise refused(f"'{trial}' has no run", "it was removed, or moved away from the sweep")
    return folds


def scores_on_test(run: Run) -> dict[str, float]:
    """What `run` measures on the test split, computed from the predictions that it saved.

    The loss is there under the name `loss` where predictions alone give it, as the training computed it on `val`;
    where the training's own differs (label smoothing, focal, regularizers), the cross-entropy or the mean squared error
    is there under its own name.

    Raises:
        ConfigError: E803, the run has no such predictions, or not those that it saved.
    """
    from compiler.runtime.checks import measured
    from compiler.runtime.estimators.measures import measure
    from compiler.runtime.serving.trained import settings_of

    task, settings, saved = cast(Task, run.record["task"]), settings_of(run), run.predictions("test")
    scores = measure(saved.predictions, saved.labels, task, measured(settings, task))
    if not _plain_loss(run, settings.loss):
        loss = scores.pop("loss")
        scores = {"mse" if task == "regression" else "cross_entropy": loss, **scores}
    return scores


def _plain_loss(run: Run, loss: Loss) -> bool:
    """Whether the training's loss follows from predictions and labels as `measure` computes it."""
    if run.record.get("kind") != "keras":
        return True
    usual = (Auto, SparseCategoricalCrossentropy, CategoricalCrossentropy, BinaryCrossentropy, MeanSquaredError)
    changed = {key for key, value in loss.arguments().items() if key != "from_logits" and value}
    own = bool(json.dumps(run.record.get("config", {}).get("plugins") or []) != "[]")
    text = run.file("model.yaml").read_text("utf-8").lower()
    return isinstance(loss, usual) and not changed and not own and "regulari" not in text


def _run_hash(folder: Path, run: Run) -> dict[str, str]:
    """Where a run is, and what it was when it was scored."""
    root = run.root.relative_to(folder).as_posix()
    return {"folder": root, "sha256": digest(run.root / RUN_RECORD).sha256, "spec_hash": run.record["spec_hash"]}
