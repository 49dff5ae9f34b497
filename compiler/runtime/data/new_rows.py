"""Rows that came after a training, prepared as in it; and what a run keeps for that, its `preprocessing.json`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.archive import NpyFiles, open_archive
from compiler.runtime.data.checks import check_finite, check_y, row_shape, targets
from compiler.runtime.data.dataset import Array, Dataset, Inputs
from compiler.runtime.data.images import PreparedRows
from compiler.runtime.data.paths import is_file, is_folder
from compiler.runtime.data.source import Blame, DataSettings, Unreadable
from compiler.spec.located import Map, plain

ARTEFACT = "preprocessing.json"
"""What a run's record of its preprocessing is called."""


NAMES = "rows.csv"
"""What a run's list of its rows' names is called, where they have names."""


@dataclass(frozen=True, slots=True, eq=False)
class NewRows:
    """Rows that a model is asked about.

    Attributes:
        x: inputs as the training had them, (N, *input_shape), or a mapping of these by input.
        y: labels or targets as a `Split` has them; None where they were not asked for.
        ids: what the rows are called, (N,): row numbers, or text such as file names.
        class_names: as the input itself has them; None where it has none.
    """

    x: Inputs
    y: Array | None
    ids: NDArray[Any]
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)


def preprocessing(settings: DataSettings, section: Map, dataset: Dataset) -> dict[str, object]:
    """What has to be known to prepare further rows as `dataset` was prepared; a run saves it as `ARTEFACT`.

    Args:
        section: the resolved `data` section of the configuration.
    """
    return {
        "data": plain(section),
        "task": dataset.task,
        "class_names": list(dataset.class_names),
        "inputs": {name: list(shape) for name, shape in settings.shapes.items()},
        "fitted": dict(dataset.fitted),
    }


def names_text(names: Sequence[str]) -> str:
    """Names of a data set's rows by number, as a CSV table; a run saves it as `NAMES`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("row", "name"), *enumerate(names)])
    return text.getvalue()


def array_rows(settings: DataSettings, path: Path, blame: Blame, *, labels: bool) -> NewRows | None:
    """Rows of a file of arrays: `x` (or one `x.NAME` for each input) and `y` of an .npz file, or one .npy file.

    Args:
        settings: those of the training.
        labels: whether `y` is wanted too.

    Returns:
        None where `blame` was told why not: E701 to E705, E707, E708.
    """
    if not is_file(path):
        what = f"{str(path)!r} is a folder" if is_folder(path) else f"no file {str(path)!r}"
        hint = "an .npz or .npy file" if is_folder(path) else "paths are relative to the folder that you are in"
        blame("E701", what, "path", hint=hint)
        return None
    try:
        arrays = _arrays(settings, path, labels)
    except Unreadable as error:
        blame("E702", f"{str(path)!r} {error}", "path", hint=error.hint)
        return None
    checked = [_check_x(arrays[label], label, name, settings, blame) for name, label in _labels(settings).items()]
    checked += [check_y(arrays["y"], "y", settings, blame, named=True)] if labels else []
    good = all(checked)
    lengths = {label: array.shape[:1] for label, array in arrays.items() if label != "classes"}
    if good and len(set(lengths.values())) > 1:
        said = " and ".join(f"{n:,} in {label!r}" for label, (n,) in lengths.items())
        blame("E703", f"there must be one row for each sample in every array (got {said})", "path")
        good = False
    if not good:
        return None
    count = next(iter(lengths.values()))[0]
    every = np.arange(count, dtype=np.int64)
    x = {
        name: PreparedRows(arrays[label], every, settings.shapes[name], settings.size, settings.divide_by)
        for name, label in _labels(settings).items()
    }
    names = arrays.get("classes")
    return NewRows(
        x=x.get("", x),
        y=targets(arrays["y"], settings.task) if labels else None,
        ids=every,
        class_names=None if names is None else tuple(str(name) for name in names.ravel()),
    )


def _labels(settings: DataSettings) -> dict[str, str]:
    """What the array of each input is called."""
    return {name: f"x.{name}" if name else "x" for name in settings.shapes}


def _arrays(settings: DataSettings, path: Path, labels: bool) -> Mapping[str, Array]:
    """The arrays of a file that are needed, by name, and `classes` where there are labels and it has it."""
    wanted = [*_labels(settings).values(), *(["y"] if labels else [])]
    needed = f"{' and '.join(wanted)}" if len(wanted) < 3 else ", ".join(wanted)
    if path.suffix.lower() == ".npy":
        if wanted != ["x"]:
            raise Unreadable("is a single array", hint=f"an .npz file with {needed}")
        array = NpyFiles(path.parent, {"x": path}).mapped("x")
        return {"x": array}
    archive = open_archive(path)
    absent = [name for name in wanted if name not in archive.names]
    if absent:
        has = ", ".join(repr(name) for name in archive.names[:8]) or "none"
        raise Unreadable(f"has no array {absent[0]!r} (it has {has})", hint=f"an .npz file with {needed}")
    wanted += ["classes"] if labels and "classes" in archive.names and settings.task != "regression" else []
    arrays = {
        name: archive.mapped(name) if name[0] == "x" else None for name in wanted
    }  # large ones stay where they are
    return {name: archive.read(name) if array is None else array for name, array in arrays.items()}


def _check_x(x: Array, label: str, name: str, settings: DataSettings, blame: Blame) -> bool:
    """Whether an array can be prepared; E702, E704, E707, E708."""
    declared = settings.shapes[name]
    if x.dtype.kind not in "biuf":
        blame("E702", f"{label!r} must hold numbers (got dtype {x.dtype})", "path")
        return False
    if x.ndim == 0 or len(x) == 0:
        blame("E707", f"{label!r} has no rows", "path")
        return False
    shape = row_shape(x, declared)
    resized = settings.size is not None and len(shape) == 3 and 0 not in shape
    if (declared if resized and shape[2] == declared[2] else shape) != declared:
        was = "images of any size with" if resized else "rows of shape"
        message = f"the rows of {label!r} have shape {list(shape)}, but the run was trained on"
        wanted = f"{was} {declared[2]} channels" if resized else f"{was} {list(declared)}"
        single = tuple(x.shape) == declared
        blame("E708", f"{message} {wanted}", "path", hint="a single row? save x[None]" if single else None)
        return False
    return check_finite(x, label, blame, settings.divide_by)
