"""Whether arrays are what their declaration says: lengths, numbers, labels, shapes."""

from __future__ import annotations

import math

import numpy as np

from compiler.runtime.data.dataset import Array, Task, chunks
from compiler.runtime.data.source import Blame, DataSettings, Part, Rows

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_SHOWN = 5  # rows and classes that a message lists


def check_rows(rows: Rows, settings: DataSettings, blame: Blame) -> None:
    """Report every fault of the arrays, before anything is split or converted.

    E703 lengths, E704 NaN and infinity, E705 labels, E707 no rows, E708 shape and number of classes.
    """
    good = True
    for part in rows.parts.values():
        _check_lengths(part, blame)
        for name, x in part.x.items():
            label = _label(part, name)
            if x.dtype.kind not in "biuf":
                blame("E702", f"{label!r} must hold numbers (got dtype {x.dtype})", "path")
                continue
            if x.ndim == 0:
                blame("E708", f"{label!r} must have one row a sample (got a single number)", "path")
                continue
            _check_shape(x, label, name, settings, blame)
            check_finite(x, label, blame, settings.divide_by)
        good &= check_y(part.y, f"y{part.suffix}", settings, blame, named=rows.class_names is not None)
    if settings.task != "regression":
        _check_classes(rows, good, settings, blame)


def check_y(y: Array, label: str, settings: DataSettings, blame: Blame, *, named: bool) -> bool:
    """Whether labels or targets are such as the task has; E705 and E708.

    Args:
        label: what messages call the array.
        named: whether the source names its classes, so that their number is not for the user to change.
    """
    if settings.task == "regression":
        return _check_targets(y, label, settings.classes, blame)
    if settings.task == "multilabel":
        return _check_multilabel(y, label, settings.classes, blame)
    return _check_labels(y, label, settings.classes, named, blame)


def targets(y: Array, task: Task) -> Array:
    """Checked labels as int64 (N,) or, for multilabel, (N, K); targets as float32 (N,) or (N, K)."""
    if task == "regression":
        return y.astype(np.float32)
    return y.reshape(len(y), *y.shape[1:] if task == "multilabel" else ()).astype(np.int64)


def row_shape(x: Array, declared: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a row; a channel axis of size 1 is added where the declaration has one and the row has not."""
    shape = x.shape[1:]
    return (*shape, 1) if len(declared) == len(shape) + 1 and declared[-1] == 1 else shape


def _label(part: Part, name: str) -> str:
    return f"x{part.suffix}.{name}" if name else f"x{part.suffix}"


def _check_lengths(part: Part, blame: Blame) -> None:
    lengths = {_label(part, name): len(np.atleast_1d(x)) for name, x in part.x.items()}
    lengths[f"y{part.suffix}"] = len(np.atleast_1d(part.y))
    if len(set(lengths.values())) > 1:
        said = " and ".join(f"{n:,} in {name!r}" for name, n in lengths.items())
        blame("E703", f"inputs and labels must have one row for each sample (got {said})", "path")
    elif part.y.ndim and len(part.y) == 0:
        blame("E707", f"'y{part.suffix}' has no rows", "path")


def _check_shape(x: Array, label: str, name: str, settings: DataSettings, blame: Blame) -> None:
    declared = settings.shapes[name]
    path = ("input_shape", name) if name else ("input_shape",)
    shape = row_shape(x, declared)
    if settings.size is not None:
        if len(shape) != 3:
            found = f"the rows of {label!r} have shape {_listing(shape)}"
            message = f"'size' resizes images (height, width, channels), but {found}"
            blame("E708", message, "size", hint="size: null")
            return
        if 0 in shape:
            blame("E708", f"the images of {label!r} are empty: their shape is {_listing(shape)}", "path")
            return
        shape = (*settings.size, shape[2])
    if shape == declared:
        return
    resized = "after resizing " if settings.size is not None else ""
    found = f"{resized}the rows of {label!r} have shape {_listing(shape)}"
    message = f"'input_shape' says {_listing(declared)}, but {found}"
    hint = f"input_shape: {_listing(shape)}" if not name else f"input_shape: {{{name}: {_listing(shape)}}}"
    if len(shape) == len(declared) == 3 and shape[2] == declared[2]:
        hint += f", or size: {_listing(declared[:2])} to resize the images"
    blame("E708", message, *path, hint=hint)


def check_finite(x: Array, label: str, blame: Blame, divide_by: float | None = None) -> bool:
    """Whether every value is finite, after division too; E704."""
    if x.dtype.kind != "f" or x.size == 0:
        return True
    most = _FLOAT32_MAX * min(1.0, divide_by or 1.0)
    bad: list[int] = []
    count = 0
    for part in chunks(len(x), math.prod(x.shape[1:])):
        values = x[part].reshape(part.stop - part.start, -1)
        wrong = np.flatnonzero(~(np.abs(values) <= most).all(axis=1))
        count += len(wrong)
        bad += [int(row) + part.start for row in wrong[: _SHOWN - len(bad)]]
    if count:
        found = x[bad[0]].ravel()
        value = found[~(np.abs(found) <= most)][0]
        message = f"{label!r} must hold finite numbers that fit float32 (got {float(value)} in row {bad[0]}"
        others = f"; {count:,} such rows: {_some(bad, count)})" if count > 1 else ")"
        blame("E704", message + others, "path", hint="rows count from 0; drop them or fill them in")
    return not count


def _check_targets(y: Array, label: str, columns: int, blame: Blame) -> bool:
    if y.dtype.kind not in "biuf" or y.ndim not in (1, 2):
        message = f"targets {label!r} must be numbers of shape (N,) or (N, K) (got {y.dtype} of shape {y.shape})"
        blame("E705", message, "path")
        return False
    found = 1 if y.ndim == 1 else y.shape[1]
    if found != columns:
        message = f"'classes' says {columns} target{'s' if columns > 1 else ''} a row, but {label!r} has {found}"
        blame("E708", message, "classes", hint=f"classes: {found}" if found else None)
    return check_finite(y, label, blame) and found == columns


def _check_multilabel(y: Array, label: str, labels: int, blame: Blame) -> bool:
    if y.ndim != 2 or y.dtype.kind not in "biuf":
        hint = "one column for each label, 1 where the row has it; task: multiclass, if a row has one class"
        message = f"labels {label!r} must be 0 or 1 of shape (N, K) (got {y.dtype} of shape {y.shape})"
        blame("E705", message, "path", hint=hint)
        return False
    if y.shape[1] != labels:
        message = f"'classes' says {labels} label{'s' if labels > 1 else ''} a row, but {label!r} has {y.shape[1]}"
        blame("E708", message, "classes", hint=f"classes: {y.shape[1]}" if y.shape[1] else None)
        return False
    bad = np.flatnonzero(~((y == 0) | (y == 1)).all(axis=1))
    if len(bad):
        row = y[bad[0]]
        value = row[(row != 0) & (row != 1)][0].item()
        others = f"; {len(bad):,} such rows: {_some(bad[:_SHOWN].tolist(), len(bad))})" if len(bad) > 1 else ")"
        blame("E705", f"labels {label!r} must be 0 or 1 (got {value} in row {bad[0]}{others}", "path")
    return not len(bad)


def _check_labels(y: Array, label: str, classes: int, named: bool, blame: Blame) -> bool:
    if y.ndim == 0 or (y.ndim > 1 and y.shape != (len(y), 1)):
        one_hot = y.ndim == 2 and y.shape[1] == classes
        hint = f"one-hot labels? save {label}.argmax(1); or task: multilabel, if a row has several" if one_hot else None
        blame("E705", f"labels {label!r} must be one class number a row, (N,) (got shape {y.shape})", "path", hint=hint)
        return False
    flat = y.reshape(len(y))
    if flat.dtype.kind not in "biuf":
        hint = "save class numbers, and the names in an array 'classes'"
        blame("E705", f"labels {label!r} must be class numbers (got dtype {y.dtype})", "path", hint=hint)
        return False
    right = (flat >= 0) & (flat < classes) & (np.floor(flat) == flat if flat.dtype.kind == "f" else True)
    bad = np.flatnonzero(~right)
    if len(bad):
        value = flat[bad[0]].item()
        message = f"labels {label!r} must be whole numbers from 0 to {classes - 1} (got {value} in row {bad[0]}"
        others = f"; {len(bad):,} such rows: {_some(bad[:_SHOWN].tolist(), len(bad))})" if len(bad) > 1 else ")"
        blame("E705", message + others, "path", hint=_classes_hint(flat, classes, named))
    return not len(bad)


def _classes_hint(y: Array, classes: int, named: bool) -> str | None:
    """What to do about labels (N,), some of which are not in [0, classes)."""
    if not (np.isfinite(y) & (np.floor(y) == y) & (y >= 0)).all():
        return None
    lowest, highest = int(y.min()), int(y.max())
    if lowest == 1 and highest == classes:
        return "labels that count from 1? save y - 1"
    return None if named else f"if there are {highest + 1} classes, classes: {highest + 1}"


def _check_classes(rows: Rows, good: bool, settings: DataSettings, blame: Blame) -> None:
    names = rows.class_names
    if names is not None and len(names) != settings.classes:
        found = f"the data have {len(names)} classes ({_some(names, len(names))})"
        message = f"'classes' says {settings.classes}, but {found}"
        blame("E708", message, "classes", hint=f"classes: {len(names)}")
        return
    labels = [part.y for part in rows.parts.values() if part.y.size]
    if names is not None or not good or not labels or settings.task == "multilabel":
        return
    top = max(int(y.max()) for y in labels) + 1
    if top < settings.classes:
        lowest = min(int(y.min()) for y in labels)
        message = f"'classes' says {settings.classes}, but the labels go from {lowest} to {top - 1}"
        blame("E708", message, "classes", hint=f"classes: {top}" if top > 1 else None)


def _some(items: list[int] | tuple[str, ...], count: int) -> str:
    return ", ".join(str(item)[:40] for item in items[:_SHOWN]) + (", ..." if count > _SHOWN else "")


def _listing(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(str(dim) for dim in shape)}]"
