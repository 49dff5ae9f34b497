"""The figures of a sweep's page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from compiler.runtime.page.figures import COLOURS, SCALE, Figure, plotted, room, text
from compiler.runtime.sweep.importances import Importances
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.report.axes import Axis, axes_of
from compiler.runtime.sweep.report.curves import Curve
from compiler.runtime.sweep.standing import Standing, is_scored, loss, values_of
from compiler.runtime.sweep.trials import TrialState
from compiler.runtime.sweep.wording import number

MARKS = 2000
"""Trials that a figure shows at most."""

SLICE_MARKS = 1000

_PAIRS = 6
"""Of objectives, each with a figure of the Pareto front."""

CURVES = 300
"""Learning curves that are drawn at most."""


def figures(
    standing: Standing,
    distributions: Mapping[str, Any],
    weights: Importances,
    curves: Sequence[Curve],
    step: str = "epoch",
) -> Iterator[Figure]:
    """All figures for which a sweep has something to show.

    Args:
        distributions: Optuna's, by the keys of the parameters.
        weights: how much each parameter matters.
        curves: the learning curves that are known.
        step: what they go on by.
    """
    scored = standing.scored
    for i, objective in enumerate(standing.objectives):
        if scored:
            yield _history(standing, i, objective)
    if len(standing.objectives) > 1 and scored:
        yield from _fronts(standing)
    if weights.by_objective:
        yield _importances(weights)
    if any(len(curve.epochs) > 1 for curve in curves):
        yield _curves(standing, curves, step)
    axes = axes_of(scored, distributions)
    if scored and axes:
        yield _parallel(standing, axes)
        for i, objective in enumerate(standing.objectives):
            yield from _slices(standing, axes, i, objective)


def some(standing: Standing, trials: Sequence[TrialState], most: int) -> list[TrialState]:
    """At most `most` of the complete trials: the best half of that number, and every so many of the rest."""
    if len(trials) <= most:
        return list(trials)
    first = standing.objectives[0]
    ranked = sorted(trials, key=lambda trial: loss(first, values_of(trial)[0]))
    best, rest = ranked[: most // 2], ranked[most // 2 :]
    room = most - len(best)
    chosen = best + [rest[i * len(rest) // room] for i in range(room)]
    return sorted(chosen, key=lambda trial: trial.number)


def about(standing: Standing, trial: TrialState) -> str:
    """What a mark says when one points at it."""
    lines = [f"<b>trial {trial.number}</b>, {trial.state}"]
    if is_scored(trial):
        pairs = zip(standing.objectives, values_of(trial), strict=True)
        lines += [f"{text(objective.name)}: {number(value)}" for objective, value in pairs]
    lines += [f"{text(key)}: {text(_short(value))}" for key, value in trial.params.items()]
    return "<br>".join(lines)


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value


def _marks(standing: Standing, trials: Sequence[TrialState], x: Sequence[Any], y: Sequence[Any], **more: Any) -> Any:
    import plotly.graph_objects as go

    hover = [about(standing, trial) for trial in trials]
    return go.Scatter(x=list(x), y=list(y), mode="markers", text=hover, hovertemplate="%{text}<extra></extra>", **more)


def _note(shown: int, there: int, what: str = "complete trials") -> str:
    return f"{shown:,} of {there:,} {what}: the best, and every so many of the others." if shown < there else ""


def _history(standing: Standing, i: int, objective: Objective) -> Figure:
    import plotly.graph_objects as go

    scored = standing.scored
    shown = some(standing, scored, MARKS)
    numbers, values = [trial.number for trial in shown], [values_of(trial)[i] for trial in shown]
    mark = {"size": 7, "color": COLOURS["complete"], "opacity": 0.75}
    traces: list[Any] = [_marks(standing, shown, numbers, values, name="complete", marker=mark)]
    pruned = [trial for trial in standing.trials if trial.state == "pruned" and trial.steps]
    if pruned and i == 0:
        pruned = pruned[:: len(pruned) // MARKS + 1]
        last = [trial.steps[max(trial.steps)] for trial in pruned]
        mark = {"size": 7, "color": COLOURS["pruned"], "symbol": "x-thin-open", "line": {"width": 1.5}}
        x = [trial.number for trial in pruned]
        traces.append(_marks(standing, pruned, x, last, name="pruned, at its last epoch", marker=mark))
    x, y = _best_so_far(scored, i, objective)
    line = {"color": COLOURS["best"], "width": 2, "shape": "hv"}
    traces.append(go.Scatter(x=x, y=y, mode="lines", name="best so far", line=line, hoverinfo="skip"))
    y_axis = {"title": {"text": text(objective.name)}, **room(values)}
    figure = plotted(traces, xaxis={"title": {"text": "trial"}, "tickformat": ",d"}, yaxis=y_axis)
    title = "Optimisation history" + (f": {objective.name}" if len(standing.objectives) > 1 else "")
    return Figure(f"history-{i}", "history", title, figure, note=_note(len(shown), len(scored)))


def _best_so_far(scored: Sequence[TrialState], i: int, objective: Objective) -> tuple[list[int], list[float]]:
    x, y = list[int](), list[float]()
    for trial in scored:
        if not y or loss(objective, values_of(trial)[i]) < loss(objective, y[-1]):
            x.append(trial.number)
            y.append(values_of(trial)[i])
    return [*x, scored[-1].number], [*y, y[-1]]


def _fronts(standing: Standing) -> Iterator[Figure]:
    import plotly.graph_objects as go

    front = {trial.number for trial in standing.front}
    rest = some(standing, [trial for trial in standing.scored if trial.number not in front], MARKS)
    count = len(standing.objectives)
    for i, j in islice(combinations(range(count), 2), _PAIRS):
        one, other = standing.objectives[i], standing.objectives[j]
        mark = {"size": 7, "color": COLOURS["rest"], "opacity": 0.6}
        x, y = [values_of(trial)[i] for trial in rest], [values_of(trial)[j] for trial in rest]
        traces: list[Any] = [_marks(standing, rest, x, y, name="beaten in every objective", marker=mark)]
        ordered = standing.front
        x, y = [values_of(trial)[i] for trial in ordered], [values_of(trial)[j] for trial in ordered]
        if count == 2:
            line = {"color": COLOURS["best"], "width": 1, "shape": "hv"}
            traces.append(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False))
        mark = {"size": 10, "color": COLOURS["best"], "symbol": "diamond"}
        traces.append(_marks(standing, ordered, x, y, name="Pareto front", marker=mark))
        every = [values_of(trial) for trial in standing.scored]
        figure = plotted(
            traces,
            xaxis={"title": {"text": _wished(one)}, **room([values[i] for values in every])},
            yaxis={"title": {"text": _wished(other)}, **room([values[j] for values in every])},
        )
        note = _note(len(rest), len(standing.scored) - len(front), "others")
        title = "Pareto front" if count == 2 else f"Pareto front: {one.name} and {other.name}"
        yield Figure(f"front-{i}-{j}", "front", title, figure, height=420, note=note)


def _wished(objective: Objective) -> str:
    return f"{text(objective.name)} ({'less' if objective.direction == 'minimize' else 'more'} is better)"


def _importances(weights: Importances) -> Figure:
    import plotly.graph_objects as go

    keys = list(dict.fromkeys(key for shares in weights.by_objective.values() for key in shares))[:20]
    colours = (COLOURS["complete"], COLOURS["pruned"], COLOURS["infeasible"], COLOURS["running"])
    names = [text(key, 40) for key in reversed(keys)]
    traces = [
        go.Bar(
            x=[shares.get(key, 0.0) for key in reversed(keys)],
            y=names,
            orientation="h",
            name=text(metric),
            marker={"color": colours[i % len(colours)]},
            text=[f"{shares.get(key, 0.0):.2f}" for key in reversed(keys)],
            textposition="outside",
            cliponaxis=False,
            hoverinfo="skip",
        )
        for i, (metric, shares) in enumerate(weights.by_objective.items())
    ]
    several = len(traces) > 1
    figure = plotted(
        traces,
        xaxis={"title": {"text": "share"}, "rangemode": "tozero"},
        yaxis={"automargin": True, "ticksuffix": "  "},
        barmode="group",
        showlegend=several,
    )
    height = 110 + (22 * len(traces) + 8) * len(keys)
    return Figure("importances", "importances", "Importance of the parameters", figure, height=height)


def _curves(standing: Standing, curves: Sequence[Curve], step: str) -> Figure:
    """All curves of a state are one line with gaps: hundreds of traces would be slow."""
    import plotly.graph_objects as go

    traces: list[Any] = []
    best = standing.best
    for state in ("complete", "pruned", "failed", "running"):
        x, y, hover = list[float | None](), list[float | None](), list[str | None]()
        for curve in curves:
            if curve.trial.state != state or curve.trial is best:
                continue
            label = about(standing, curve.trial)
            x += [*curve.epochs, None]
            y += [*curve.values, None]
            hover += [*(label for _ in curve.epochs), None]
        if x:
            line = {"color": COLOURS[state], "width": 1.2}
            alone = "lines+markers" if all(len(curve.epochs) == 1 for curve in curves) else "lines"
            traces.append(
                go.Scatter(
                    x=x,
                    y=y,
                    mode=alone,
                    name=state,
                    text=hover,
                    line=line,
                    opacity=0.45,
                    connectgaps=False,
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    for curve in curves:
        if curve.trial is best:
            line = {"color": COLOURS["best"], "width": 2.6}
            hover = [about(standing, curve.trial)] * len(curve.epochs)
            traces.append(
                go.Scatter(
                    x=list(curve.epochs),
                    y=list(curve.values),
                    mode="lines+markers",
                    text=hover,
                    line=line,
                    marker={"size": 4},
                    name=f"best, trial {curve.trial.number}",
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    values = [value for curve in curves for value in curve.values]
    figure = plotted(
        traces,
        xaxis={"title": {"text": step}, "rangemode": "tozero"},
        yaxis={"title": {"text": text(standing.objectives[0].name)}, **room(values)},
    )
    there = sum(trial.state in ("complete", "pruned", "failed", "running") for trial in standing.trials)
    note = ""
    if there > CURVES:
        note = f"{len(curves):,} curves of {there:,} trials: the best, and every so many of the others."
    return Figure("curves", "curves", "Learning curves", figure, height=420, note=note)


def _parallel(standing: Standing, axes: Sequence[Axis]) -> Figure:
    import plotly.graph_objects as go

    shown = some(standing, standing.scored, MARKS)
    dimensions: list[dict[str, Any]] = []
    for axis in axes:
        ticks = axis.ticks()
        named = (
            {"tickvals": [at for at, _ in ticks], "ticktext": [text(name, 18) for _, name in ticks]} if ticks else {}
        )
        values = [axis.position(trial) for trial in shown]
        dimensions.append({"label": text(axis.label, 24), "values": values, **axis.range(), **named})
    for i, objective in enumerate(standing.objectives):
        dimensions.append({"label": text(objective.name, 24), "values": [values_of(trial)[i] for trial in shown]})
    first = standing.objectives[0]
    line = {
        "color": [values_of(trial)[0] for trial in shown],
        "colorscale": SCALE,
        "reversescale": first.direction == "minimize",
        "showscale": True,
        "colorbar": {"thickness": 12, "outlinewidth": 0},
    }
    trace = go.Parcoords(dimensions=dimensions, line=line, labelside="top")
    figure = plotted([trace], margin={"l": 72, "r": 24, "t": 56, "b": 24})
    note = _note(len(shown), len(standing.scored)) + " Drag along an axis to pick trials; drag its name to move it."
    return Figure("parallel", "parallel", "Parallel coordinates", figure, height=440, note=note.strip())


def _slices(standing: Standing, axes: Sequence[Axis], i: int, objective: Objective) -> Iterator[Figure]:
    group = f"slices-{i}"
    for at, axis in enumerate(axes):
        having = [trial for trial in standing.scored if axis.key in trial.params]
        shown = some(standing, having, SLICE_MARKS)
        mark = {
            "size": 6,
            "opacity": 0.8,
            "color": [trial.number for trial in shown],
            "colorscale": SCALE,
            "showscale": False,
        }
        y = [values_of(trial)[i] for trial in shown]
        trace = _marks(standing, shown, axis.slice_values(shown), y, marker=mark, showlegend=False)
        scale: dict[str, Any] = {"type": "log"} if axis.log else {"type": "category"} if axis.names else {}
        if axis.names:
            scale |= {"categoryorder": "array", "categoryarray": [text(name, 18) for name in axis.names]}
        if axis.log and (dtick := _decades(axis)):
            scale["dtick"] = dtick
        figure = plotted(
            [trace],
            xaxis={"title": {"text": text(axis.label, 40)}, "exponentformat": "e", "automargin": True, **scale},
            yaxis={"title": {"text": text(objective.name, 30)}, **room(y)},
            margin={"l": 60, "r": 12, "t": 8, "b": 48},
        )
        note = _note(len(shown), len(having))
        yield Figure(f"{group}-{at}", group, axis.label, figure, height=280, note=note, wide=False)


def _decades(axis: Axis) -> int | None:
    low, high = axis.ends
    return 1 if math.log10(high / low) >= 1.5 else None
