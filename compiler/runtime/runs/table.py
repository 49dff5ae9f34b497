"""Runs as a table for the eye."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from compiler.runtime.runs.entry import MISSING, Entry

_FIRST = ("name", "kind", "status")
_GAP = "  "


def table(runs: Sequence[Entry], more: Sequence[str] = ()) -> str:
    """Name, kind and status, the metrics of `val`, further fields, when it ended, and where it is; a line each.

    Args:
        more: fields that are shown too. Those of the test split are shown only where they are asked for.
    """
    metrics = dict.fromkeys(name for run in runs for name in run.head if name.startswith("val."))
    middle = list(dict.fromkeys([*metrics, *more]))
    titles = [*_FIRST, *middle, "finished", "path"]
    columns = [[_cell(run.get(title)) for run in runs] for title in _FIRST]
    columns += [[_cell(run.get(title)) for run in runs] for title in middle]
    columns += [[_when(run) for run in runs], [run.path for run in runs]]
    right = [all(_is_number(run.get(title)) for run in runs) if title in middle else False for title in titles]
    laid = [_laid(title, cells, to_right) for title, cells, to_right in zip(titles, columns, right, strict=True)]
    return "".join(_GAP.join(cells).rstrip() + "\n" for cells in zip(*laid, strict=True))


def counts(runs: Iterable[Entry]) -> str:
    """How many there are, and how many in each state.

    >>> counts([Entry("a", "complete", {}, lambda part: {}), Entry("b", "failed", {}, lambda part: {})])
    '2 runs: 1 complete, 1 failed'
    """
    found = Counter(run.status for run in runs)
    total = sum(found.values())
    states = ", ".join(f"{number:,} {status}" for status, number in found.most_common())
    return f"{total:,} run{'' if total == 1 else 's'}" + (f": {states}" if states else "")


def _laid(title: str, cells: list[str], right: bool) -> list[str]:
    width = max(len(title), *map(len, cells)) if cells else len(title)
    return [text.rjust(width) if right else text.ljust(width) for text in (title, *cells)]


def _cell(value: object) -> str:
    if value is MISSING or value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e6 or not value else f"{value:.3g}"
    return " ".join(str(value).split())  # a reason may have several lines


def _is_number(value: object) -> bool:
    return value is MISSING or type(value) in (int, float)


def _when(run: Entry) -> str:
    """When it ended, or began; UTC, to the second."""
    return str(run.head.get("finished") or run.head.get("started") or "")[:19].replace("T", " ")
