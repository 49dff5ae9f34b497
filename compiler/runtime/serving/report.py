"""A report on an evaluation: by class with scikit-learn's `classification_report`, by target for regression."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.serving.evaluate import Evaluated

MOST_CLASSES = 20
"""With more of them a confusion matrix is not printed; it is in the JSON."""


def report(found: Evaluated) -> str:
    """The report as text."""
    head = f"{'  '.join(f'{name} {value:.4f}' for name, value in found.metrics.items())}  ({found.origin})\n"
    if found.task == "regression":
        return f"{head}\n{_targets_text(_targets(found), found.names)}"
    from sklearn import metrics

    text: Any = metrics.classification_report(*_pair(found), **_named(found), digits=4)
    if found.task == "multilabel" or len(found.names) > MOST_CLASSES:
        return f"{head}\n{text}"
    matrix = _matrix_text(_confusion(found), found.names)
    return f"{head}\n{text}\nrows: what is right, columns: what was said\n{matrix}"


def as_data(found: Evaluated) -> dict[str, Any]:
    """The same for programs."""
    data: dict[str, Any] = {"rows": len(found.y), "origin": found.origin, "metrics": dict(found.metrics)}
    if found.task == "regression":
        return {**data, "targets": _targets(found), "names": list(found.names)}
    from sklearn import metrics

    data["classes"] = list(found.names)
    data["report"] = metrics.classification_report(*_pair(found), **_named(found), output_dict=True)
    return data if found.task == "multilabel" else {**data, "confusion_matrix": _confusion(found).tolist()}


def _pair(found: Evaluated) -> tuple[NDArray[Any], NDArray[Any]]:
    """What is right and what was said: class numbers (N,), or labels (N, K), said above a probability of 0.5."""
    if found.task == "multilabel":
        return found.y, (found.predictions > 0.5).astype(int)
    return found.y, found.predictions.argmax(axis=1)


def _named(found: Evaluated) -> dict[str, Any]:
    names = found.names
    return {"labels": range(len(names)), "target_names": names, "zero_division": 0}


def _confusion(found: Evaluated) -> NDArray[np.int64]:
    from sklearn import metrics

    return cast(Any, metrics).confusion_matrix(*_pair(found), labels=range(len(found.names)))


def _targets(found: Evaluated) -> list[dict[str, float]]:
    """RMSE, MAE and R2 of each target."""
    from sklearn import metrics

    sklearn, raw = cast(Any, metrics), {"multioutput": "raw_values"}
    rmse = np.sqrt(sklearn.mean_squared_error(found.y, found.predictions, **raw))
    mae = sklearn.mean_absolute_error(found.y, found.predictions, **raw)
    r2 = sklearn.r2_score(found.y, found.predictions, **raw) if len(found.y) > 1 else np.full(len(mae), np.nan)
    return [
        {"rmse": float(a), "mae": float(b), **({} if np.isnan(c) else {"r2": float(c)})}
        for a, b, c in zip(rmse, mae, r2, strict=True)
    ]


def _targets_text(targets: list[dict[str, float]], names: tuple[str, ...]) -> str:
    called = names or tuple(str(number) for number in range(len(targets)))
    side = max(map(len, ("target", *called)))
    lines = [f"{'target':>{side}} {'rmse':>12} {'mae':>12} {'r2':>12}"]
    for name, scores in zip(called, targets, strict=True):
        values = " ".join(f"{scores[key]:12.5g}" if key in scores else " " * 12 for key in ("rmse", "mae", "r2"))
        lines.append(f"{name:>{side}} {values}".rstrip())
    return "\n".join(lines) + "\n"


def _matrix_text(matrix: NDArray[np.int64], names: tuple[str, ...]) -> str:
    short = [name if len(name) <= 12 else f"{name[:11]}…" for name in names]
    side = max(map(len, short))
    widths = [max(len(name), len(str(column.max()))) for name, column in zip(short, matrix.T, strict=True)]
    lines = ["  ".join([" " * side, *(f"{name:>{width}}" for name, width in zip(short, widths, strict=True))])]
    for name, row in zip(short, matrix, strict=True):
        lines.append("  ".join([f"{name:>{side}}", *(f"{n:>{width}}" for n, width in zip(row, widths, strict=True))]))
    return "\n".join(lines) + "\n"
