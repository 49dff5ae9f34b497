"""The figures of an ensemble's page. Axes of members are numbered, as names may be alike once they are shortened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from compiler.runtime.ensemble.anatomy import Anatomy
from compiler.runtime.ensemble.blends import Values
from compiler.runtime.ensemble.comparison import Comparison
from compiler.runtime.ensemble.diversity import Pairs
from compiler.runtime.page.figures import COLOURS, SCALE, Figure, plotted, text

BARS = 40
"""Members that a figure has a bar for at most."""

TITLES = {
    "error_correlation": "Correlation of errors",
    "distance": "Root mean squared difference",
    "q": "Q statistic",
    "disagreement": "Disagreement",
    "double_fault": "Double fault",
    "kappa": "Kappa",
}
_SIGNED = ("error_correlation", "q", "kappa")
_WITH_NUMBERS = 12  # members up to which a heat map says its numbers
_SPLITS = {"val": COLOURS["complete"], "test": COLOURS["best"]}


def figures(made: Anatomy, compared: Mapping[str, Comparison]) -> Iterator[Figure]:
    """All figures for which an ensemble has something to show."""
    if any(each.rivals for each in compared.values()):
        yield _gains(compared)
    if made.weights is not None:
        yield _weights(made, made.weights)
    if len(made.sizes.sizes) > 1:
        yield _sizes(made)
    if any(made.worths.values()):
        yield _worths(made)
    if len(made.pairs.members) > 1:
        yield from _pairs(made)
        yield _errors(made)


def _names(made: Anatomy, members: Sequence[int], most: int = 28) -> dict[str, Any]:
    """An axis of members, at the numbers 0, 1, ..."""
    labels = [text(made.names[m], most) for m in members]
    return {"tickvals": list(range(len(members))), "ticktext": labels, "automargin": True}


def _downwards(made: Anatomy, members: Sequence[int]) -> dict[str, Any]:
    """The same from top to bottom, for bars."""
    return {**_names(made, members), "range": [len(members) - 0.4, -0.6], "ticksuffix": "  "}


def _gains(compared: Mapping[str, Comparison]) -> Figure:
    import plotly.graph_objects as go

    rivals = list(dict.fromkeys(name for each in compared.values() for name in each.rivals))
    traces: list[Any] = []
    for i, (split, each) in enumerate(compared.items()):
        found = [(rivals.index(name), rival.gain) for name, rival in each.rivals.items()]
        ends = [(gain.low, gain.high) for _, gain in found]
        up = [0.0 if high is None else high - gain.estimate for (_, gain), (_, high) in zip(found, ends, strict=True)]
        down = [0.0 if low is None else gain.estimate - low for (_, gain), (low, _) in zip(found, ends, strict=True)]
        traces.append(
            go.Scatter(
                x=[gain.estimate for _, gain in found],
                y=[at + 0.16 * (i - (len(compared) - 1) / 2) for at, _ in found],
                error_x={"type": "data", "array": up, "arrayminus": down, "thickness": 2, "width": 6},
                mode="markers",
                name=split,
                marker={"size": 10, "color": _SPLITS.get(split, COLOURS["rest"])},
                hovertemplate="%{x:.5f}<extra></extra>",
            )
        )
    figure = plotted(
        traces,
        xaxis={"title": {"text": "gain"}, "zeroline": True, "zerolinecolor": COLOURS["rest"], "automargin": True},
        yaxis={
            "tickvals": list(range(len(rivals))),
            "ticktext": [f"over {text(name)}" for name in rivals],
            "range": [len(rivals) - 0.4, -0.6],
            "automargin": True,
            "ticksuffix": "  ",
        },
        showlegend=True,
    )
    note = "Right of the line the ensemble is better. Bars are 95% intervals of paired bootstrap draws of the rows."
    return Figure("gains", "compared", "Gain", figure, height=130 + 60 * len(rivals), note=note)


def _weights(made: Anatomy, weights: Values) -> Figure:
    import plotly.graph_objects as go

    there = [m for m in made.ranked if weights[m] != 0]
    shown = there[:BARS]
    bar = go.Bar(
        x=[float(weights[m]) for m in shown],
        y=list(range(len(shown))),
        orientation="h",
        name="weight",
        marker={"color": COLOURS["complete"]},
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    folds = go.Scatter(
        x=[float(fold[m]) for m in shown for fold in made.by_fold],
        y=[i for i in range(len(shown)) for _ in made.by_fold],
        mode="markers",
        name="without one fold",
        marker={"size": 7, "color": COLOURS["pruned"], "symbol": "line-ns-open", "line": {"width": 2}},
        hovertemplate="%{x:.4f}<extra></extra>",
    )
    figure = plotted(
        [bar, folds], xaxis={"title": {"text": "weight"}, "rangemode": "tozero"}, yaxis=_downwards(made, shown)
    )
    idle = len(made.names) - len(there)
    note = f"{len(shown)} of {len(there)} members with a weight. " if len(shown) < len(there) else ""
    note += f"{idle:,} of {len(made.names):,} members have none." if idle else ""
    return Figure("weights", "weights", "Weights", figure, height=110 + 24 * len(shown), note=note.strip())


def _sizes(made: Anatomy) -> Figure:
    import plotly.graph_objects as go

    lines = {
        "cross-validated": (made.sizes.crossed, COLOURS["best"], "solid"),
        "in sample": (made.sizes.in_sample, COLOURS["rest"], "dot"),
        "plain mean of the best, cross-validated": (made.sizes.uniform, COLOURS["pruned"], "solid"),
    }
    traces = [
        go.Scatter(
            x=list(made.sizes.sizes),
            y=list(values),
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2, "dash": dash},
            hovertemplate="%{x}: %{y:.5f}<extra></extra>",
        )
        for name, (values, colour, dash) in lines.items()
    ]
    ticks = list(made.sizes.sizes)
    x = {"title": {"text": "members"}, "type": "log", "tickvals": ticks, "ticktext": [str(k) for k in ticks]}
    y = {"title": {"text": text(made.objective.key)}, "automargin": True}
    note = "Members come in by their weights; for each size the weights are found anew."
    return Figure("sizes", "sizes", "Loss by size", plotted(traces, xaxis=x, yaxis=y), note=note)


def _worths(made: Anatomy) -> Figure:
    import plotly.graph_objects as go

    shown = sorted((m for m, worth in made.worths.items() if worth), key=lambda m: -made.worths[m])
    bar = go.Bar(
        x=[made.worths[m] for m in shown],
        y=list(range(len(shown))),
        orientation="h",
        marker={"color": COLOURS["running"]},
        hovertemplate="%{y}: %{x:.6f}<extra></extra>",
    )
    x = {"title": {"text": "what the validation loss rises by without the member"}, "rangemode": "tozero"}
    figure = plotted([bar], xaxis={**x, "exponentformat": "e"}, yaxis=_downwards(made, shown))
    note = "Each is dropped, and the rest are weighed again, on the rows that the weights are fitted on."
    return Figure("worths", "worths", "Worth", figure, height=110 + 24 * len(shown), note=note)


def _pairs(made: Anatomy) -> Iterator[Figure]:
    import plotly.graph_objects as go

    pairs, places = made.pairs, alike(made.pairs)
    members = [pairs.members[i] for i in places]
    count = len(members)
    for name, matrix in pairs.matrices().items():
        z = [[None if np.isnan(value) else float(value) for value in row] for row in matrix[np.ix_(places, places)]]
        first = name == "error_correlation"
        scale: dict[str, Any] = {"zmin": -1, "zmax": 1, "zmid": 0} if name in _SIGNED else {"zmin": 0}
        numbers = {"texttemplate": "%{z:.2f}"} if count <= _WITH_NUMBERS else {}
        heat = go.Heatmap(
            z=z,
            colorscale=SCALE,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            colorbar={"thickness": 12, "outlinewidth": 0},
            hovertemplate="%{y}<br>%{x}<br>%{z:.3f}<extra></extra>",
            **scale,
            **numbers,
        )
        axis = _names(made, members, 28 if first else 14)
        hidden = {} if first else {"showticklabels": False}
        figure = plotted(
            [heat],
            xaxis={**axis, "showgrid": False, "tickangle": -50, **hidden},
            yaxis={**axis, "showgrid": False, "autorange": "reversed", **hidden},
        )
        note = _left_out(made) if first else ""
        height = max(420, 200 + 16 * count) if first else 300
        yield Figure(f"pairs-{name}", "pairs", TITLES[name], figure, height=height, note=note, wide=first)


def _left_out(made: Anatomy) -> str:
    shown, there = len(made.pairs.members), len(made.names)
    some = f"The {shown} of {there:,} members with the largest weights. " if shown < there else ""
    return some + "Those that err alike stand together."


def alike(pairs: Pairs) -> list[int]:
    """An order of the members of pairs in which those that err alike stand together: average linkage."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(pairs.members) < 3:
        return list(range(len(pairs.members)))
    apart = 1 - np.nan_to_num(pairs.error_correlation)
    np.fill_diagonal(apart, 0)
    return [int(i) for i in leaves_list(linkage(squareform(np.maximum(apart, 0), checks=False), "average"))]


def _errors(made: Anatomy) -> Figure:
    import plotly.graph_objects as go

    pairs = made.pairs
    across, label = (pairs.kappa, "kappa") if pairs.kappa is not None else (pairs.distance, "difference of the two")
    assert across is not None, "values have a distance"
    one, other = np.triu_indices(len(pairs.members), 1)
    weights = np.ones(len(made.names)) if made.weights is None else made.weights
    both = [bool(weights[pairs.members[i]] and weights[pairs.members[j]]) for i, j in zip(one, other, strict=True)]
    traces: list[Any] = []
    for used, name, colour in ((False, "other pairs", COLOURS["rest"]), (True, "both have a weight", COLOURS["best"])):
        chosen = [(i, j) for i, j, is_used in zip(one, other, both, strict=True) if is_used is used]
        chosen = [(i, j) for i, j in chosen if np.isfinite(across[i, j])]
        if not chosen:
            continue
        hover = [f"{text(made.names[pairs.members[i]])}<br>{text(made.names[pairs.members[j]])}" for i, j in chosen]
        traces.append(
            go.Scatter(
                x=[float(across[i, j]) for i, j in chosen],
                y=[float(pairs.errors[i] + pairs.errors[j]) / 2 for i, j in chosen],
                mode="markers",
                name=name,
                text=hover,
                marker={"size": 7, "color": colour, "opacity": 0.7},
                hovertemplate="%{text}<br>%{x:.3f}, %{y:.4f}<extra></extra>",
            )
        )
    y = "mean error of the two" if pairs.kappa is not None else "mean of their root mean squared errors"
    figure = plotted(
        traces, xaxis={"title": {"text": label}}, yaxis={"title": {"text": y}, "automargin": True}, showlegend=True
    )
    title = "Kappa and error of pairs" if pairs.kappa is not None else "Difference and error of pairs"
    better = "left: they differ" if pairs.kappa is not None else "right: they differ"
    note = f"Each mark is a pair of members. Lower: they are right more often; further {better}."
    if pairs.kappa is None:
        note = f"Each mark is a pair of members. Lower: they are nearer to the labels; further {better}."
    return Figure("errors", "errors", title, figure, height=420, note=note)
