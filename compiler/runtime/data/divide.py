"""Which rows train, validate and test.

The steps, for the rows that the source has not split itself (all of them, or its `train`):

1. A fraction in `split.test` or `split.val` means that fraction of all these rows, rounded to the nearest row, halves
   up; a whole number means so many rows.
2. `test` is drawn first, then `val` from what is left, then, where `limit` asks for fewer, what training leaves out.
   Each draw is scikit-learn's `train_test_split` over the row numbers in the order that the draw before left them in,
   with `random_state=split.seed`, stratified by class (not for regression and multilabel). It depends on NumPy's frozen
   MT19937 stream alone, not on the machine.
3. With `folds`, `val` is a fold of what is left after `test` (`folds.py`).
4. Rows of one group stay together: the draws of `test` and `val` are then `GroupShuffleSplit`'s, of groups and not
   stratified.
5. The row numbers of each split are sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.dataset import Array
from compiler.runtime.data.folds import fold
from compiler.runtime.data.source import Blame, DataSettings, Rows

Indices = NDArray[np.int64]
PARTS: tuple[Literal["train"], Literal["val"], Literal["test"]] = ("train", "val", "test")


def divide(
    y: Array,
    given: frozenset[str],
    settings: DataSettings,
    blame: Blame,
    names: tuple[str, ...],
    groups: Array | None = None,
) -> Mapping[str, Indices] | None:
    """Row numbers of `train` and of those of `val` and `test` that the source has not `given`.

    Args:
        y: class numbers of the rows to share out, int64 (N,), or what is not stratified by: labels, targets.
        names: of the classes; empty where rows have none.
        groups: int64 (N,); rows of one group come into one split.

    Returns:
        None, with E706 or E707 reported, where a split would be empty or without a class.
    """
    folded = settings.folds is not None
    if folded and "val" in given:
        message = "'folds' takes 'val' from the rows that are not 'test', but the data have a 'val' of their own"
        blame("E708", message, "folds", hint="folds: null")
        return None
    shares = {part: share for part, share in settings.split.shares.items() if part not in given}
    counts = {part: _count(share, len(y)) for part, share in shares.items() if part == "test" or not folded}
    if not _check_counts(counts, len(y), settings, blame):
        return None
    rest: Indices = np.arange(len(y), dtype=np.int64)
    chosen: dict[str, Indices] = {}
    for part in ("test", "val"):
        if part in counts:
            if groups is None:
                drawn = _draw(y, rest, counts[part], settings.split.seed, part, blame, names)
            else:
                drawn = _draw_groups(groups, rest, counts[part], settings.split.seed, part, blame)
            if drawn is None:
                return None
            rest, chosen[part] = drawn
    if folded:
        parted = fold(y, rest, groups, settings, blame, names)
        if parted is None:
            return None
        rest, chosen["val"] = parted
    limit = settings.limit
    if limit is not None and limit < len(rest):
        if limit < len(names):
            message = f"'limit' of {limit} training row{'s' if limit > 1 else ''} cannot hold all {len(names)} classes"
            blame("E706", message, "limit", hint=f"limit: {len(names)} or more")
            return None
        # What is left out must hold each class for scikit-learn too: `limit` is a most, so it may take a few rows less.
        dropped = max(len(rest) - limit, len(names))
        drawn = _draw(y, rest, dropped, settings.split.seed, "train", blame, names)
        if drawn is None:
            return None
        rest = drawn[0]
    return {"train": np.sort(rest), **{part: np.sort(rows) for part, rows in chosen.items()}}


def choose(
    rows: Rows, labels: Mapping[str, Array], settings: DataSettings, blame: Blame, names: tuple[str, ...]
) -> dict[str, tuple[str, Indices]]:
    """For each split, the source's part that it comes from and its rows there; less of them where `blame` was told why.

    Args:
        labels: of the parts, as `divide` takes them.
    """
    pool = "all" if "all" in rows.parts else "train"
    given = frozenset(rows.parts) & {"val", "test"}
    multilabel = settings.task == "multilabel"
    stratified = () if multilabel else names
    divided = divide(labels[pool], given, settings, blame, stratified, rows.parts[pool].groups)
    chosen = {part: (pool, indices) for part, indices in (divided or {}).items()}
    chosen |= {part: (part, np.arange(len(labels[part]), dtype=np.int64)) for part in sorted(given)}
    for part, (origin, indices) in chosen.items():
        if names:
            path = ("path",) if part in given else ("limit",) if part == "train" and settings.limit else ("split", part)
            path = ("fold",) if settings.folds and part == "val" else path
            check = check_labels_present if multilabel else check_present
            check(part, labels[origin][indices], names, blame, *path)
    return chosen


def check_present(part: str, y: Array, names: tuple[str, ...], blame: Blame, *path: str) -> None:
    """Report E706 where a class has no row in the split `part` with the labels `y`, int64 (N,)."""
    absent = np.flatnonzero(np.bincount(y, minlength=len(names)) == 0)
    if len(absent):
        shown = ", ".join(_class(number, names) for number in absent[:5]) + (", ..." if len(absent) > 5 else "")
        word = "classes" if len(absent) > 1 else "class"
        hint = f"more rows for '{part}', or fewer classes" if path != ("path",) else None
        message = f"the {len(y):,} row{'s' if len(y) > 1 else ''} of '{part}' have none of {word} {shown}"
        blame("E706", message, *path, hint=hint)


def check_labels_present(part: str, y: Array, names: tuple[str, ...], blame: Blame, *path: str) -> None:
    """Report labels, int64 (N, K), that all rows of the split `part` have, or none.

    E706 for what is trained on; else W725, since splits are not stratified by several labels.
    """
    counts = y.sum(axis=0)
    same = np.flatnonzero((counts == 0) | (counts == len(y)))
    if len(same):
        shown = ", ".join(_class(number, names) for number in same[:5]) + (", ..." if len(same) > 5 else "")
        word = "labels" if len(same) > 1 else "label"
        message = f"all {len(y):,} rows of '{part}' say the same of the {word} {shown}"
        hint = "another split.seed (labels are not stratified), more rows, or without the label"
        blame("E706" if part == "train" else "W725", message, *path, hint=hint if path != ("path",) else None)


def _count(share: float, n: int) -> int:
    return share if isinstance(share, int) else int(np.floor(share * n + 0.5))


def _check_counts(counts: Mapping[str, int], n: int, settings: DataSettings, blame: Blame) -> bool:
    empty = [part for part, count in counts.items() if count == 0]
    for part in empty:
        share = settings.split.shares[part]
        message = f"'{part}' of {share:g} leaves '{part}' empty: there are {n:,} rows"
        blame("E707", message, "split", part, hint="a larger fraction, or a number of rows")
    taken = sum(counts.values())
    if taken >= n:
        said = " and ".join(f"{part}: {count:,}" for part, count in counts.items())
        blame("E707", f"{said} leave nothing to train on: there are {n:,} rows", "split", next(iter(counts)))
        return False
    return not empty


def _draw(
    y: Array, rows: Indices, count: int, seed: int, part: str, blame: Blame, names: tuple[str, ...]
) -> tuple[Indices, Indices] | None:
    """(the rest, `count` drawn rows) of `rows`."""
    from sklearn import model_selection

    path = ("limit",) if part == "train" else ("split", part)
    stratify = None
    if names:
        stratify = y[rows]
        have = np.bincount(stratify, minlength=len(names))
        scarce = np.flatnonzero(have < 2)
        for number in scarce[:5]:
            rows_left = f"{have[number]} row{'' if have[number] == 1 else 's'}"
            what = "drawing 'limit' rows needs 2" if part == "train" else f"'{part}' and 'train' need one each"
            blame(
                "E706",
                f"class {_class(int(number), names)} has {rows_left} left, but {what}",
                "path",
                hint="more rows of it, or none",
            )
        if len(scarce):
            return None
        if count < len(names) or len(rows) - count < len(names):
            short = part if count < len(names) else "train"
            left = min(count, len(rows) - count)
            message = f"'{short}' gets {left} row{'s' if left > 1 else ''}, which cannot hold all {len(names)} classes"
            blame("E706", message, *path, hint=f"at least {len(names)} rows")
            return None
    sklearn: Any = model_selection
    rest, drawn = sklearn.train_test_split(rows, test_size=count, random_state=seed, stratify=stratify)
    return rest, drawn


def _draw_groups(
    groups: Array, rows: Indices, count: int, seed: int, part: str, blame: Blame
) -> tuple[Indices, Indices] | None:
    """(the rest, the drawn rows) of `rows`: as large a share of the groups as `count` is of the rows."""
    from sklearn import model_selection

    kinds = len(np.unique(groups[rows]))
    if kinds < 2:
        message = f"'{part}' and 'train' need a group each, but {kinds} is left"
        blame("E707", message, "group", hint="a column with more values")
        return None
    taken = min(max(round(count / len(rows) * kinds), 1), kinds - 1)
    sklearn: Any = model_selection
    splitter = sklearn.GroupShuffleSplit(n_splits=1, test_size=taken, random_state=seed)
    rest, drawn = next(splitter.split(rows, groups=groups[rows]))
    return rows[rest], rows[drawn]


def _class(number: int, names: tuple[str, ...]) -> str:
    return str(number) if names[number] == str(number) else f"{number} ({names[number]!r})"
