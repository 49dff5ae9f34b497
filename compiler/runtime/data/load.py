"""From settings to a data set: read, check, split, prepare, fingerprint."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from compiler.errors import Diagnostics
from compiler.runtime.data.checks import check_rows, targets
from compiler.runtime.data.dataset import (
    Array,
    Dataset,
    Split,
    classes_fingerprint,
    combined,
    labels_fingerprint,
)
from compiler.runtime.data.divide import PARTS, choose
from compiler.runtime.data.source import Blame, DataSettings, Part, Rows
from compiler.spec.located import Map


def load(settings: DataSettings, section: Map) -> Dataset:
    """The data set that `settings` describe.

    Args:
        settings: what `read_data` made of `section`.
        section: the `data` section, for the places of faults.

    Raises:
        ConfigError: with every fault that was found, each at the value of the configuration that is to blame.
    """
    diagnostics = Diagnostics()
    blame = Blame(section, diagnostics)
    rows = settings.read(blame)
    if rows is not None:
        check_rows(rows, settings, blame)
    diagnostics.raise_errors()
    assert rows is not None, "a source that reads nothing says why"
    names = _class_names(rows, settings)
    labels = {part: targets(rows.parts[part].y, settings.task) for part in rows.parts}
    chosen = choose(rows, labels, settings, blame, names)
    diagnostics.raise_errors()
    offsets = _offsets(rows)
    count = sum(len(indices) for _, indices in chosen.values())
    lazy = not settings.keeps(4 * count * sum(math.prod(shape) for shape in settings.shapes.values()))
    part, indices = chosen["train"]
    fitted = {**rows.fitted, **settings.fit(rows.parts[part], indices, blame)}
    diagnostics.raise_errors()

    splits: dict[str, Split] = {}
    prints: dict[str, str] = {}
    for name in PARTS:
        part, indices = chosen[name]
        ids, indices = _named(rows.parts[part], indices, offsets[part])
        x = settings.prepared(rows.parts[part], indices, fitted, lazy, blame)
        splits[name] = Split(x, labels[part][indices], ids)
        prints[name] = rows.parts[part].fingerprint(ids, indices)
    diagnostics.raise_errors()
    part, indices = chosen["train"]
    _warn_unscaled(rows.parts[part], indices, settings, blame)
    label_prints = {name: labels_fingerprint(split.y) for name, split in splits.items()}
    folds = _folds(rows, labels, chosen, offsets) if settings.folds else ({}, {})
    return Dataset(
        name=settings.source,
        task=settings.task,
        class_names=names,
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        fingerprints={
            "rows": {**combined(prints), **folds[0]},
            "labels": {**combined(label_prints), **folds[1]},
            "classes": {"all": classes_fingerprint(names)},
        },
        warnings=tuple(diagnostics.faults),
        fitted=fitted,
        names=_names(rows),
    )


def _class_names(rows: Rows, settings: DataSettings) -> tuple[str, ...]:
    if settings.task == "regression":
        return ()
    return rows.class_names or tuple(str(number) for number in range(settings.classes))


def _names(rows: Rows) -> tuple[str, ...] | None:
    """What the rows of all parts are called, by their ids."""
    parts = [part.names for part in rows.parts.values() if part.names is not None]
    return tuple(name for names in parts for name in names) if len(parts) == len(rows.parts) else None


def _offsets(rows: Rows) -> dict[str, int]:
    ends = np.cumsum([0, *(len(part.y) for part in rows.parts.values())])
    return {name: int(start) for name, start in zip(rows.parts, ends, strict=False)}


def _named(part: Part, rows: NDArray[np.int64], offset: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ids of `rows`, ascending, and the rows in that order."""
    if part.ids is None:
        return rows + offset, rows
    order = np.argsort(part.ids[rows])
    return part.ids[rows][order], rows[order]


def _folds(
    rows: Rows,
    labels: Mapping[str, Array],
    chosen: Mapping[str, tuple[str, NDArray[np.int64]]],
    offsets: Mapping[str, int],
) -> tuple[dict[str, str], dict[str, str]]:
    """Fingerprints of the rows of all folds and of their labels: the same for each run of a cross-validation."""
    (part, _), (origin, test) = chosen["train"], chosen["test"]
    every = np.arange(len(labels[part]), dtype=np.int64)
    folded = np.setdiff1d(every, test) if origin == part else every
    ids, folded = _named(rows.parts[part], folded, offsets[part])
    prints = rows.parts[part].fingerprint(ids, folded)
    return {"folds": prints}, {"folds": labels_fingerprint(labels[part][folded])}


def _warn_unscaled(part: Part, indices: NDArray[np.int64], settings: DataSettings, blame: Blame) -> None:
    """W709 for uint8 above 1, and for images of whole numbers from 0 to 255, unless `divide_by` is set (1 will do)."""
    if settings.divide_by is not None:
        return
    for name, x in part.x.items():
        sample = x[indices[:1000]]
        image = len(settings.shapes[name]) == 3
        whole = sample.dtype.kind in "biu" or bool((np.floor(sample) == sample).all())
        is_bytes = sample.dtype == np.uint8 or (image and whole and bool((sample >= 0).all() and (sample <= 255).all()))
        top = float(sample.max())
        if is_bytes and top > (1 if sample.dtype == np.uint8 else 127):
            said = f"inputs {name!r}" if name else "the inputs"
            blame(
                "W709",
                f"{said} are unscaled bytes (0 to {top:g}): most networks train badly on them",
                "divide_by",
                hint="divide_by: 255; or divide_by: 1, if the model rescales them itself",
            )
