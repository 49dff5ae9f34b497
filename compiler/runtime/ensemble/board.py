"""What an ensemble came to, as it is printed at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.comparison import Comparison
from compiler.runtime.ensemble.intervals import Interval
from compiler.runtime.ensemble.objectives import Objective

_MOST = 20  # members that are listed


def board(
    names: Sequence[str],
    weights: Values | None,
    singles: Values,
    objective: Objective,
    own: str,
    in_sample: float,
    compared: Mapping[str, Comparison],
    gap: float | None,
    penalised: bool,
    notes: Sequence[str],
    folder: Path,
) -> str:
    """The members with their weights, then the ensemble beside its rivals, by the objective.

    Args:
        names: of the members.
        weights: (M,); None where the blend has none.
        singles: the objective of each member alone, (M,).
        own: what the ensemble is called.
        in_sample: the objective on the validation rows that the weights were fitted to.
        compared: with its rivals, on `val` by cross-validated weights, and on `test` if it was scored.
        gap: how far what was minimised may be above its optimum.
        penalised: whether that is the objective with a penalty: a ridge of pooled logits, or the diversity.
        notes: what was decided on the way.
    """
    lines = [*_members(names, weights, singles, objective), "", *_rivals(compared, objective, own), ""]
    lines.append(f"val in sample {in_sample:.4f}: by the rows that the weights were fitted to, which flatters")
    if gap is not None:
        what = f"{objective.key} with its penalty" if penalised else objective.key
        lines.append(f"certified: {what} is at most {gap:.1e} above the optimum for these members and rows")
    return "\n".join([*lines, *notes, str(folder)])


def _members(names: Sequence[str], weights: Values | None, singles: Values, objective: Objective) -> list[str]:
    order = np.argsort(-weights if weights is not None else singles, kind="stable")
    shown = [m for m in order if weights is None or weights[m] > 0][:_MOST]
    lines = [f"  weight  {objective.key:>12} on val, alone"]
    for m in shown:
        weight = f"{weights[m]:8.4f}" if weights is not None else " " * 8
        lines.append(f"{weight}  {singles[m]:12.4f}  {names[m]}")
    rest = len(names) - len(shown)
    if rest:
        without = weights is not None and int((weights > 0).sum()) <= _MOST
        lines.append(f"{'':8}  {'':12}  and {rest} {'without weight' if without else 'more'}")
    return lines


def _rivals(compared: Mapping[str, Comparison], objective: Objective, own: str) -> list[str]:
    headings = {"val": "val, cross-validated weights", "test": "test"}
    rows: dict[str, list[str]] = {"": [headings[split] for split in compared]}
    for comparison in compared.values():
        rows.setdefault(own, []).append(_interval(comparison.value))
        for name, rival in comparison.rivals.items():
            rows.setdefault(name, []).append(_interval(rival.value))
    for comparison in compared.values():
        for name, rival in comparison.rivals.items():
            rows.setdefault(f"gain over {name}", []).append(_interval(rival.gain, "+"))
    width = max(len(name) for name in rows)
    heading = rows.pop("")
    lines = [f"{objective.key:{width}}  " + "  ".join(f"{cell:32}" for cell in heading).rstrip()]
    return lines + [
        f"{name:{width}}  " + "  ".join(f"{cell:32}" for cell in cells).rstrip() for name, cells in rows.items()
    ]


def _interval(found: Interval, sign: str = "") -> str:
    estimate = f"{found.estimate:{sign}.4f}"
    if found.low is None or found.high is None:
        return estimate
    return f"{estimate} [{found.low:{sign}.4f}, {found.high:{sign}.4f}]"
