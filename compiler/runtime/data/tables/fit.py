"""What the training rows say of each column: its type, what fills it, its scale, its categories. All of it is JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.data.source import Blame
from compiler.runtime.data.tables.columns import Usual, usual
from compiler.runtime.data.tables.encode import Fitted, size, width
from compiler.runtime.data.tables.reading import TablePart, check_numbers, features_of, place_of
from compiler.runtime.data.tables.settings import TableSettings
from compiler.runtime.data.tables.suspicions import suspect
from compiler.runtime.data.tables.table import Table, Values
from compiler.runtime.data.tables.targets import rows_said

MOSTLY = 0.9
"""From this share of numbers on, other content is a mistake rather than a category."""

MOST_CATEGORIES = 10_000
"""One-hot features of one column; more are a mistake."""


def fit(settings: TableSettings, part: TablePart, rows: NDArray[np.int64], blame: Blame) -> dict[str, Any]:
    """What prepares the rows of a data set, and of new files, from its training rows: `rows` of `part`.

    Reports E708 where the declared shape is another, E722 for columns that are not what they should be, and W723.
    """
    fitted = fitted_columns(settings, part, rows, blame)
    suspect(settings, part, rows, fitted["columns"], blame)
    shapes = shapes_of(fitted)
    for name, columns in fitted["inputs"].items():
        declared = settings.shapes.get(name)
        if declared != shapes[name]:
            of = f"the {len(columns)} column{'s' if len(columns) != 1 else ''}{f' of {name!r}' if name else ''}"
            path = ("input_shape", name) if isinstance(settings.input_shape, dict) else ("input_shape",)
            message = f"'input_shape' says {_said(declared)}, but {of} become {shapes[name][0]} features"
            blame("E708", message, *path, hint=f"input_shape: auto, or {_hint(shapes)}")
    sizes = sizes_of(fitted)
    for name, said in settings.sizes.items():
        if said != sizes.get(name):
            blame(
                "E708",
                f"'sizes' says {said} for {name!r}, but it has {sizes.get(name)} codes",
                "sizes",
                name,
                hint="sizes: auto",
            )
    return fitted


def fitted_columns(settings: TableSettings, part: TablePart, rows: NDArray[np.int64], blame: Blame) -> dict[str, Any]:
    """`fit`, before it is held against what is declared."""
    train = part.table.take(rows)
    columns: dict[str, Fitted] = {}
    for name in features_of(settings, part.table):
        own = settings.columns.get(name)
        said = own.type if own else "auto"
        if said == "drop" or (settings.inputs and not any(name in listed for listed in settings.inputs.values())):
            continue
        column = _fitted(name, said, usual(own, settings.usual), train, rows, place_of(part, name, settings), blame)
        if column is not None:
            columns[name] = column
    check_numbers(columns, part.table, part.key, blame)
    inputs = settings.inputs or {"": tuple(columns)}
    if not columns:
        blame("E722", "no column is left as a feature", "columns", hint="columns: {NAME: categorical} takes one in")
    return {
        "task": settings.task,
        "classes": list(part.classes),
        "columns": columns,
        "inputs": {name: [column for column in listed if column in columns] for name, listed in inputs.items()},
    }


def shapes_of(fitted: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of a row of each input."""
    columns = fitted["columns"]
    return {name: (sum(width(columns[column]) for column in listed),) for name, listed in fitted["inputs"].items()}


def sizes_of(fitted: Mapping[str, Any]) -> dict[str, int]:
    """How many codes each column has that becomes codes."""
    columns = fitted["columns"]
    return {name: size(column) for name, column in columns.items() if column.get("encode") == "codes"}


def _fitted(
    name: str, said: str, usual: Usual, train: Table, rows: NDArray[np.int64], place: tuple[str, ...], blame: Blame
) -> dict[str, Any] | None:
    values = train.columns[name]
    if values.missing.all():
        message = f"the column {name!r} is missing in all {len(values):,} training rows"
        blame("E722", message, *place, hint=f"columns: {{{name}: drop}}")
        return None
    numbers = train.numbers(name)
    there = ~values.missing
    if said == "auto":
        share = float(np.isfinite(numbers[there]).mean())
        if MOSTLY <= share < 1:
            bad = np.flatnonzero(np.isnan(numbers) & there)
            text = str(values.content.iloc[int(bad[0])])[:40]
            message = f"the column {name!r} has numbers, but {text!r} in {rows_said(rows[bad])}"
            hint = f"rows count from 0; na: [..., {text}], if it stands for a missing value; or "
            hint += f"columns: {{{name}: categorical}}"
            blame("E722", message, *place, hint=hint)
            return None
        said = "numeric" if share == 1 else "categorical"
        if said == "categorical" and _names_rows(values):
            message = (
                f"the column {name!r} is left out: each of its {int(there.sum()):,} training rows has another text"
            )
            blame(
                "W723",
                message,
                *place,
                hint=f"columns: {{{name}: drop}} says so; {{{name}: categorical}} takes it in",
            )
            return None
    if said == "numeric":
        if np.isfinite(numbers).any():
            return _numeric(numbers, usual)
        text = str(values.content[there].iloc[0])[:40]
        message = f"the column {name!r} is to be numeric, but has no number in the training rows (it has {text!r})"
        blame("E722", message, *place, hint=f"columns: {{{name}: categorical}}")
        return None
    column = _categorical(values, said, usual)
    if usual.encode == "one_hot" and len(column["categories"]) > MOST_CATEGORIES:
        message = f"the column {name!r} would become {len(column['categories']):,} features, one for each category"
        hint = (
            f"min_count pools rare ones; columns: {{{name}: {{type: {said}, encode: codes}}}} makes one feature of it"
        )
        blame("E722", message, *place, hint=hint)
    return column


def _names_rows(values: Values) -> bool:
    """Whether a text is another one in each of some twenty rows or more."""
    there = values.content[~values.missing]
    return len(there) >= 20 and there.nunique() == len(there)


def _numeric(numbers: NDArray[np.float64], usual: Usual) -> dict[str, Any]:
    """What scikit-learn's SimpleImputer and then its scaler learn, as plain numbers."""
    from sklearn.impute import SimpleImputer

    imputer: Any = SimpleImputer(strategy=usual.impute, fill_value=usual.fill)
    filled = imputer.fit_transform(numbers[:, np.newaxis])
    centre, scale = _scale(filled, usual.scale)
    return {
        "type": "numeric",
        "fill": float(imputer.statistics_[0]),
        "indicator": bool(usual.indicator and np.isnan(numbers).any()),
        "centre": centre,
        "scale": scale,
    }


def _scale(filled: NDArray[np.float64], kind: str) -> tuple[float, float]:
    """What is taken from a number, and what it is then divided by."""
    from sklearn import preprocessing

    if kind == "none":
        return 0.0, 1.0
    name = {"standard": "StandardScaler", "minmax": "MinMaxScaler", "robust": "RobustScaler"}[kind]
    scaler: Any = getattr(preprocessing, name)().fit(filled)
    if kind == "minmax":
        return float(scaler.data_min_[0]), float(scaler.data_range_[0]) or 1.0
    return float((scaler.mean_ if kind == "standard" else scaler.center_)[0]), float(scaler.scale_[0])


def _categorical(values: Values, said: str, usual: Usual) -> dict[str, Any]:
    texts = values.texts(folded=said == "text")[~values.missing]
    counts = texts.value_counts()
    kept = sorted(str(text) for text in counts[counts >= usual.min_count].index)
    return {
        "type": said,
        "encode": usual.encode,
        "categories": kept,
        "other": len(kept) < len(counts),
        "missing": bool(values.missing.any()),
    }


def _said(shape: tuple[int, ...] | None) -> str:
    return "nothing of it" if shape is None else f"[{', '.join(str(size) for size in shape)}]"


def _hint(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if tuple(shapes) == ("",):
        return f"input_shape: [{shapes[''][0]}]"
    return f"input_shape: {{{', '.join(f'{name}: [{shape[0]}]' for name, shape in shapes.items())}}}"
