"""The page of an ensemble as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from compiler.runtime.ensemble.anatomy import Anatomy
from compiler.runtime.ensemble.comparison import Comparison
from compiler.runtime.ensemble.intervals import Interval, McNemar
from compiler.runtime.ensemble.report.figures import TITLES, figures
from compiler.runtime.page.document import cell, document, drawn, escaped
from compiler.runtime.page.figures import Figure
from compiler.runtime.sweep.wording import number

ROWS = 2000
"""Lines of a table at most."""

_SPLITS = {
    "val": "validation, by weights that have not seen the row",
    "test": "test",
    "val_in_sample": "validation in sample: flatters",
}
_GROUPS = {
    "weights": "Weights",
    "sizes": "Size",
    "worths": "Worth",
    "pairs": "Pairs",
    "errors": "Kappa and error",
}


def page(
    name: str,
    facts: Sequence[str],
    metrics: Mapping[str, Mapping[str, float]],
    compared: Mapping[str, Comparison],
    made: Anatomy,
) -> str:
    """The page, for the file PAGE of an ensemble's run directory.

    Args:
        name: of the ensemble.
        facts: the method, the certificate and what else is to stand below the name.
        metrics: as `run.json` has them: `val`, `val_in_sample` and `test`.
        compared: by split, `val` and `test`, with what the ensemble has to beat.
    """
    by_group: dict[str, list[Figure]] = {}
    every = list(figures(made, compared))
    for figure in every:
        by_group.setdefault(figure.group, []).append(figure)
    sections = [_heading(name, facts), _scores(metrics, made), _compared(compared, by_group.get("compared", []))]
    links = {"compared": "Comparison"}
    for group, title in _GROUPS.items():
        if group in by_group:
            sections.append(_section(group, by_group[group]))
            links[group] = title
        if group == "weights" and made.split is not None:
            sections.append(_split(made))
            links["split"] = "Where the loss comes from"
    sections += [_members(made), _pairs(made)]
    return document(f"Ensemble {name}", sections, {**links, "members": "Members", "table": "Table of pairs"}, every)


def _heading(name: str, facts: Sequence[str]) -> str:
    told = "".join(f"<li>{escaped(fact)}</li>" for fact in facts)
    return f'<header><h1>{escaped(name)}</h1><ul class="facts">{told}</ul></header>\n'


def _scores(metrics: Mapping[str, Mapping[str, float]], made: Anatomy) -> str:
    key = made.objective.key
    values = "".join(
        f'<div class="value" id="score-{split}"><b>{number(metrics[split][key])}</b><span>{title}</span></div>'
        for split, title in _SPLITS.items()
        if key in metrics.get(split, {})
    )
    names = list(dict.fromkeys(name for split in _SPLITS for name in metrics.get(split, {})))
    there = [split for split in _SPLITS if split in metrics]
    head = "".join(f'<th scope="col">{escaped(title)}</th>' for title in ["", *(_SPLITS[split] for split in there)])
    rows = "".join(
        f"<tr><td>{escaped(each)}</td>{''.join(_number(metrics[split].get(each)) for split in there)}</tr>"
        for each in names
    )
    table = f'<div class="scroll"><table class="list"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f"""<section class="best"><h2>{escaped(key)}</h2>
<div class="values">{values}</div>{table}</section>
"""


def _number(value: float | None) -> str:
    return cell(value, None if value is None else number(value))


def _compared(compared: Mapping[str, Comparison], figures: Sequence[Figure]) -> str:
    head = "".join(
        f'<th scope="col">{title}</th>'
        for title in (
            "split",
            "model",
            "value",
            "95%",
            "gain",
            "95%",
            "only the ensemble right",
            "only it",
            "McNemar, mid-p",
        )
    )
    rows = ""
    for split, each in compared.items():
        rows += f"<tr class=winner><td>{split}</td><td>ensemble</td>{_interval(each.value)}{'<td></td>' * 5}</tr>"
        for name, rival in each.rivals.items():
            cells = _interval(rival.value) + _interval(rival.gain, signed=True) + _mcnemar(rival.mcnemar)
            rows += f"<tr><td>{split}</td><td>{escaped(name)}</td>{cells}</tr>"
    table = f'<table class="list"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f"""<section id="compared"><h2>What the ensemble has to beat</h2>
<p class="note">The gain is of the ensemble over the model; McNemar's test is of the rows that only one has right.</p>
<div class="scroll">{table}</div>{"".join(drawn(figure, "h3") for figure in figures)}</section>
"""


def _interval(found: Interval, signed: bool = False) -> str:
    sign = "+" if signed else ""
    ends = "" if found.low is None or found.high is None else f"{found.low:{sign}.5f} to {found.high:{sign}.5f}"
    return cell(found.estimate, f"{found.estimate:{sign}.5f}") + f'<td class="n">{ends}</td>'


def _mcnemar(found: McNemar | None) -> str:
    if found is None:
        return "<td></td>" * 3
    return cell(found.gained) + cell(found.lost) + cell(found.mid, f"{found.mid:.2g}")


def _section(group: str, figures: Sequence[Figure]) -> str:
    wide = "".join(drawn(figure) for figure in figures if figure.wide)
    small = "".join(drawn(figure, "h3") for figure in figures if not figure.wide)
    grid = f'<div class="grid">{small}</div>' if small else ""
    return f'<section id="{group}">{wide}{grid}</section>\n'


def _split(made: Anatomy) -> str:
    split = made.split
    assert split is not None, "the caller has looked"
    lines = {
        "the members' loss, by their weights": split.members,
        "less what their differences are worth (ambiguity)": split.ambiguity,
        "less what the confidence of the blend is worth": split.confidence,
        "the ensemble's loss": split.ensemble,
    }
    rows = "".join(f"<tr><th>{title}</th><td>{value:.6f}</td></tr>" for title, value in lines.items())
    return f"""<section id="split"><h2>Where the loss comes from</h2>
<p class="note">On the rows that the weights are fitted on; exact: the first less the next two is the last.</p>
<table class="params">{rows}</table></section>
"""


def _members(made: Anatomy) -> str:
    shown = made.ranked[:ROWS]
    place = {m: i for i, m in enumerate(made.pairs.members)}
    alone = made.objective.key
    error = "error" if made.pairs.kappa is not None else "rmse"
    titles = ["member", "weight", "least, over folds", "most, over folds", f"{alone} alone", "worth",
              f"{error} alone", "mean correlation of errors"]  # fmt: skip
    best = int(np.argmax(made.singles) if made.objective.best == "max" else np.argmin(made.singles))
    rows = ""
    weights = made.weights
    for m in shown:
        folds = [float(fold[m]) for fold in made.by_fold]
        at = place.get(m)
        cells = [
            cell(made.names[m]),
            _float(None if weights is None else float(weights[m]), 4),
            _float(min(folds, default=None), 4),
            _float(max(folds, default=None), 4),
            _float(float(made.singles[m]), 5),
            _float(made.worths.get(m), 6),
            _float(None if at is None else float(made.pairs.errors[at]), 4),
            _float(None if at is None else _mean_to_others(made.pairs.error_correlation[at], at), 3),
        ]
        rows += f"<tr{' class=winner' if m == best else ''}>{''.join(cells)}</tr>"
    some = f"{len(shown):,} of {len(made.names):,} members. " if len(shown) < len(made.names) else ""
    note = f"{some}The best one alone is marked; a heading sorts."
    return _table("members", "Members", note, titles, rows)


def _mean_to_others(row: np.ndarray, at: int) -> float | None:
    others = np.delete(row, at)
    known = others[np.isfinite(others)]
    return float(known.mean()) if len(known) else None


def _float(value: float | None, digits: int) -> str:
    return cell(value, None if value is None else f"{value:.{digits}f}")


def _pairs(made: Anatomy) -> str:
    matrices = made.pairs.matrices()
    one, other = np.triu_indices(len(made.pairs.members), 1)
    closest = np.argsort(-np.nan_to_num(made.pairs.error_correlation[one, other], nan=-2), kind="stable")[:ROWS]
    rows = ""
    for i, j in zip(one[closest], other[closest], strict=True):
        names = [cell(made.names[made.pairs.members[k]]) for k in (i, j)]
        numbers = [_float(None if np.isnan(each[i, j]) else float(each[i, j]), 4) for each in matrices.values()]
        rows += f"<tr>{''.join([*names, *numbers])}</tr>"
    some = f"{len(closest):,} of {len(one):,} pairs, those that err most alike. " if len(closest) < len(one) else ""
    titles = ["member", "other member", *(TITLES[name].lower() for name in matrices)]
    return _table("table", "Pairs of members", f"{some}A heading sorts.", titles, rows)


def _table(name: str, title: str, note: str, titles: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col"><button type="button">{escaped(each)}</button></th>' for each in titles)
    return f"""<section id="{name}"><h2>{title}</h2>
<p class="note">{note} <input type="search" class="filter" placeholder="filter" aria-label="filter"></p>
<div class="scroll"><table class="list sortable"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
</section>
"""
