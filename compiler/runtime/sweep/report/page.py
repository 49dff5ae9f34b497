"""The page of a sweep as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from compiler.runtime.page.document import cell, document, drawn, escaped
from compiler.runtime.page.figures import Figure
from compiler.runtime.sweep.closing import final_text
from compiler.runtime.sweep.report.axes import labels
from compiler.runtime.sweep.report.figures import some
from compiler.runtime.sweep.results import folder_of
from compiler.runtime.sweep.standing import Standing, is_scored, seconds, values_of, varied, why
from compiler.runtime.sweep.trials import TrialState
from compiler.runtime.sweep.wording import duration, number

if TYPE_CHECKING:
    from compiler.runtime.sweep.study import Study

ROWS = 2000
"""Trials that the table lists at most."""

_GROUPS = {
    "history": "Optimisation history",
    "front": "Pareto front",
    "importances": "Importance",
    "curves": "Learning curves",
    "parallel": "Parallel coordinates",
    "slices": "Slices",
}


def page(study: Study, standing: Standing, record: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """The whole page.

    Args:
        record: what `sweep.json` says.
        figures: in their order.
    """
    name = study.folder.root.resolve().name
    sections = [_heading(name, record), _best(record), *_sections(standing, record, figures)]
    sections += [_reasons(record), _table(study, standing)]
    return document(f"Sweep {name}", sections, _links(figures, record), figures, evaluates=True)


def _links(figures: Sequence[Figure], record: Mapping[str, Any]) -> dict[str, str]:
    links = {group: _GROUPS[group] for group in (figure.group.partition("-")[0] for figure in figures)}
    return links | ({"reasons": "Reasons"} if record["reasons"] else {}) | {"trials": "Trials"}


def _heading(name: str, record: Mapping[str, Any]) -> str:
    counts = "".join(f'<li class="{state}"><b>{count:,}</b> {state}</li>' for state, count in record["counts"].items())
    timings = record["timings"]
    facts = [f"method {record['method']}"]
    facts += [f"{each['direction']} {each['metric']}" for each in record["objectives"]]
    facts += [f"{duration(timings['seconds'])} in all"] if timings["seconds"] else []
    facts += ["not finished"] if record["status"] == "unfinished" else []
    told = "".join(f"<li>{escaped(fact)}</li>" for fact in facts)
    return f"""<header>
<h1>{escaped(name)}</h1>
<ul class="facts">{told}</ul>
<ul class="counts">{counts}</ul>
</header>
"""


def _best(record: Mapping[str, Any]) -> str:
    best = record["best"]
    if best is None:
        return '<section class="best"><h2>Best trial</h2><p>No trial is complete.</p></section>\n'
    several = len(record["objectives"]) > 1
    title = f"Best by {record['objectives'][0]['metric']}" if several else "Best trial"
    values = "".join(
        f'<div class="value"><b>{number(value)}</b><span>{escaped(metric)}</span></div>'
        for metric, value in best["values"].items()
    )
    final = ""
    if record["final"] is not None:
        final = f'<p class="final"><span>test</span> {escaped(final_text(record["final"], best["trial"]))}</p>'
    rows = "".join(
        f"<tr><th>{escaped(key)}</th><td>{escaped(value)}</td></tr>" for key, value in best["params"].items()
    )
    return f"""<section class="best">
<h2>{escaped(title)}: <a href="{_link(best["folder"])}">trial {best["trial"]}</a></h2>
<div class="values">{values}</div>
{final}<table class="params">{rows}</table>
<div class="command"><code>{escaped(best["command"])}</code><button type="button" id="copy">copy</button></div>
</section>
"""


def _link(folder: str) -> str:
    return escaped(quote(folder) + "/")


def _sections(standing: Standing, record: Mapping[str, Any], figures: Sequence[Figure]) -> Iterable[str]:
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.group, []).append(figure)
    anchored = set[str]()
    for group, members in groups.items():
        name = group.partition("-")[0]
        anchor = "" if name in anchored else f' id="{name}"'
        anchored.add(name)
        if name == "slices":
            objective = standing.objectives[int(group.partition("-")[2])]
            slices = "".join(drawn(member, "h3") for member in members)
            title = f"{objective.name} by each parameter"
            note = '<p class="note">The later a trial, the stronger its colour.</p>'
            yield f'<section{anchor}><h2>{escaped(title)}</h2>{note}<div class="grid">{slices}</div></section>\n'
        else:
            yield f"<section{anchor}>{''.join(drawn(member, 'h2') for member in members)}</section>\n"
    if reason := record["importances"]["reason"]:
        yield f"<section><h2>Importance of the parameters</h2><p>{escaped(reason)}.</p></section>\n"


def _reasons(record: Mapping[str, Any]) -> str:
    if not record["reasons"]:
        return ""
    rows = "".join(
        f'<tr><td><span class="state {each["state"]}">{each["state"]}</span></td><td>{len(each["trials"]):,}</td>'
        f"<td>{escaped(each['reason'] or '-')}</td><td>{_numbers(each['trials'])}</td></tr>"
        for each in record["reasons"]
    )
    head = "<tr><th>state</th><th>trials</th><th>reason</th><th>which</th></tr>"
    return f"""<section id="reasons"><h2>What did not come to its end, and why</h2>
<div class="scroll"><table class="list"><thead>{head}</thead><tbody>{rows}</tbody></table></div></section>
"""


def _numbers(trials: Sequence[int], most: int = 20) -> str:
    more = f" and {len(trials) - most} more" if len(trials) > most else ""
    return ", ".join(map(str, trials[:most])) + more


def _table(study: Study, standing: Standing) -> str:
    keys = varied(standing.trials)
    shown = _listed(standing)
    metrics = [objective.name for objective in standing.objectives]
    titles = ["trial", "state", *metrics, "epochs", "seconds"]
    head = "".join(f'<th scope="col"><button type="button">{escaped(title)}</button></th>' for title in titles)
    head += "".join(
        f'<th scope="col" title="{escaped(key)}"><button type="button">{escaped(short)}</button></th>'
        for key, short in zip(keys, labels(keys), strict=True)
    )
    head += '<th scope="col"><button type="button">reason</button></th>'
    best = standing.best
    rows = "".join(_row(study, standing, trial, keys, trial is best) for trial in shown)
    there = len(standing.trials)
    note = f"{len(shown):,} of {there:,} trials; all are in trials.csv. " if len(shown) < there else ""
    return f"""<section id="trials"><h2>Trials</h2>
<p class="note">{note}A number leads to the trial's folder; a heading sorts.
<input type="search" id="filter" class="filter" placeholder="filter" aria-label="filter"></p>
<div class="scroll"><table class="list sortable"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
</section>
"""


def _listed(standing: Standing) -> list[TrialState]:
    if len(standing.trials) <= ROWS:
        return list(standing.trials)
    others = [trial for trial in standing.trials if not is_scored(trial)][: ROWS // 2]
    scored = some(standing, standing.scored, ROWS - len(others))
    return sorted([*scored, *others], key=lambda trial: trial.number)


def _row(study: Study, standing: Standing, trial: TrialState, keys: Sequence[str], best: bool) -> str:
    values = values_of(trial) if is_scored(trial) else [None] * len(standing.objectives)
    took = seconds(trial)
    link = f'<a href="{_link(folder_of(study, trial))}">{trial.number}</a>'
    reason = why(trial) or (f"as trial {trial.reused_from}" if trial.reused_from is not None else "")
    cells = [
        cell(trial.number, link),
        cell(trial.state, f'<span class="state {trial.state}">{trial.state}</span>'),
        *(cell(value, "" if value is None else number(value)) for value in values),
        cell(max(trial.steps, default=None)),
        cell(took, "" if took is None else duration(took)),
        *(cell(trial.params.get(key)) for key in keys),
        cell(reason),
    ]
    return f"<tr{' class=winner' if best else ''}>{''.join(cells)}</tr>"
