"""Out-of-fold predictions: what the runs of a cross-validation say of the rows that they were not trained on.

For stacking, and to measure a model on all rows but `test`: the run that has a row in `val` predicts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from compiler.runtime.run.files import refused
from compiler.runtime.run.reader import Predictions, Run

_SAME = {
    "fingerprints.rows.folds": "other rows",
    "fingerprints.labels.folds": "other labels",
    "fingerprints.classes.all": "other classes, or in another order",
}


def out_of_fold(runs: Sequence[Run]) -> Predictions:
    """The predictions of all folds' `val`, in ascending order of row ids.

    Args:
        runs: one of each fold, in any order.

    Raises:
        ConfigError: E803, they are no runs of folds, saw different rows, labels or divisions, or a fold is missing or
            there twice, or is not what its run saved.
    """
    import numpy as np

    if not runs:
        raise refused("there are no runs to take folds from", "one run of each of data.fold=0, 1, ...")
    folds = [_fold(run) for run in runs]
    for run, (count, _) in zip(runs, folds, strict=True):
        _require_same(runs[0], run)
        if count != folds[0][0]:
            message = f"the run '{run.root}' is of {count} folds, and '{runs[0].root}' of {folds[0][0]}"
            raise refused(message, "runs of one cross-validation")
    _require_each_once(runs, folds)
    parts = [run.predictions("val") for run in runs]
    for run, part in zip(runs, parts, strict=True):
        if part.predictions.shape[1:] != parts[0].predictions.shape[1:]:
            message = f"the run '{run.root}' predicts {part.predictions.shape[1:]} for a row"
            raise refused(f"{message}, and '{runs[0].root}' {parts[0].predictions.shape[1:]}")
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    whole = Predictions(
        np.concatenate([part.predictions for part in parts])[order],
        rows[order],
        np.concatenate([part.labels for part in parts])[order],
    )
    _require_whole(runs, whole)
    return whole


def _fold(run: Run) -> tuple[int, int]:
    """(how many folds, which one)."""
    section = run.section("data")
    folds, fold = section.get("folds"), section.get("fold")
    if type(folds) is not int or type(fold) is not int:
        raise refused(f"the run '{run.root}' is none of a cross-validation", "train it with data.folds=5 data.fold=0")
    return folds, fold


def _require_same(first: Run, run: Run) -> None:
    seeds = [cast(dict[str, Any], each.record.get("seeds") or {}).get("split") for each in (first, run)]
    if seeds[0] != seeds[1]:
        message = f"the run '{run.root}' divided its rows with the seed {seeds[1]}, and '{first.root}' with {seeds[0]}"
        raise refused(message, "the same data.split.seed for all folds")
    for path, other in _SAME.items():
        if _value(run.record["data"], path) != _value(first.record["data"], path):
            raise refused(f"the run '{run.root}' saw {other} than '{first.root}'", "runs of one cross-validation")


def _value(tree: Mapping[str, Any], path: str) -> Any:
    for key in path.split("."):
        found: Any = tree.get(key)
        if not isinstance(found, Mapping):
            return found
        tree = cast(Mapping[str, Any], found)
    return tree


def _require_each_once(runs: Sequence[Run], folds: Sequence[tuple[int, int]]) -> None:
    seen: dict[int, Run] = {}
    for run, (_, fold) in zip(runs, folds, strict=True):
        if fold in seen:
            raise refused(f"fold {fold} is there twice: '{seen[fold].root}' and '{run.root}'", "one run of each fold")
        seen[fold] = run
    missing = [fold for fold in range(folds[0][0]) if fold not in seen]
    if missing:
        some = ", ".join(str(fold) for fold in missing[:10])
        hint = f"train with data.fold={','.join(str(fold) for fold in missing[:10])}"
        raise refused(f"there is no run of fold{'s' if len(missing) > 1 else ''} {some}", hint)


def _require_whole(runs: Sequence[Run], whole: Predictions) -> None:
    """Every row of the folds is there once, with its label: the labels in order of rows have the known fingerprint."""
    import numpy as np

    from compiler.runtime.data.dataset import labels_fingerprint

    twice = whole.rows[1:][np.diff(whole.rows) == 0]
    if len(twice):
        raise refused(f"row {twice[0]} is in 'val' of two of the folds", "runs that divided the rows alike")
    known = _value(runs[0].record["data"], "fingerprints.labels.folds")
    if labels_fingerprint(whole.labels) != known:
        raise refused("the labels of the folds are not all of those that the runs' data have")
