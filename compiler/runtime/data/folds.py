"""Cross-validation: one of several folds is `val`, the others are `train`; `test` stays what it is without folds.

The folds are scikit-learn's `StratifiedKFold` (`KFold` where rows have no one class) over the row numbers that are not
`test`, in ascending order, shuffled with `random_state=split.seed`; with groups `StratifiedGroupKFold` and
`GroupKFold`. They depend on the labels, the seed and the number of folds alone, so each run of a sweep over `fold`
sees the same ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.dataset import Array
from compiler.runtime.data.source import Blame, DataSettings

Indices = NDArray[np.int64]


def fold(
    y: Array, rows: Indices, groups: Array | None, settings: DataSettings, blame: Blame, names: tuple[str, ...]
) -> tuple[Indices, Indices] | None:
    """(train, val) of `rows`, where `settings.folds` and `settings.fold` are set.

    Args:
        y: class numbers of all rows, int64 (N,), or what is not stratified by: labels, targets.
        groups: of all rows, int64 (N,); rows of one group stay in one fold.
        names: of the classes; empty where rows have no one class.

    Returns:
        None, with E706 or E707 reported, where a fold would be empty or without a class.
    """
    from sklearn import model_selection

    assert settings.folds is not None, "called for folds"
    assert settings.fold is not None, "checked with the settings"
    rows = np.sort(rows)
    kinds = len(rows) if groups is None else len(np.unique(groups[rows]))
    if kinds < settings.folds:
        what = "row" if groups is None else "group"
        message = f"{settings.folds} folds need a {what} each, but there are {kinds:,} beside 'test'"
        blame("E707", message, "folds", hint=f"folds: {kinds}" if kinds > 1 else None)
        return None
    have = np.bincount(y[rows], minlength=len(names)) if names else np.zeros(0, np.int64)
    scarce = np.flatnonzero(have < settings.folds)
    for number in scarce[:5]:
        message = (
            f"class {names[number]!r} has {have[number]} rows beside 'test', and {settings.folds} folds need one each"
        )
        blame("E706", message, "folds", hint="fewer folds, or more rows of it")
    if len(scarce):
        return None
    kind = ("Stratified" if names else "") + ("KFold" if groups is None else "GroupKFold")
    splitter: Any = getattr(model_selection, kind)(settings.folds, shuffle=True, random_state=settings.split.seed)
    pairs = splitter.split(rows, y[rows] if names else None, None if groups is None else groups[rows])
    train, val = list(pairs)[settings.fold]
    return rows[train], rows[val]
