"""A figure of a page, as Plotly has it. Text of users is escaped: Plotly reads tags in it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Of about equal weight on white and on near-black.
COLOURS = {
    "complete": "#3f7fe0",
    "pruned": "#cf8a1d",
    "failed": "#d9534f",
    "infeasible": "#9b6dd7",
    "running": "#1fa3a3",
    "best": "#1f9d55",
    "rest": "#8b95a5",
}
SCALE = [[0.0, "#c3cedc"], [0.5, "#3f7fe0"], [1.0, "#0b2a6b"]]
"""From what matters less to what matters more; on a dark page its script takes the colours of `page.css`."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the page.

    Attributes:
        name: its id in the page.
        group: the section that it stands in.
        title: escaped by the page.
        figure: data and layout for Plotly.
        height: in pixels.
        note: what the figure leaves out, or how it is read; may be empty.
        wide: whether it takes a row of its own.
    """

    name: str
    group: str
    title: str
    figure: Mapping[str, Any]
    height: int = 380
    note: str = ""
    wide: bool = True


def plotted(traces: Sequence[Any], **layout: Any) -> Mapping[str, Any]:
    """Checked by Plotly; colours of text and lines are the page's, which follow the reader's light or dark."""
    import plotly.graph_objects as go

    made = go.Figure(data=list(traces), layout={"template": "none", "margin": {"l": 64, "r": 16, "t": 8, "b": 44}})
    made.update_layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **layout,
    )
    return made.to_plotly_json()


def text(value: object, most: int = 60) -> str:
    """A user's text in a figure: short, and no markup.

    >>> text("<b>" + 100 * "x", 8)
    '&lt;b&gt;xxxx…'
    """
    plain = str(value)
    return html.escape(plain if len(plain) <= most else plain[: most - 1] + "…", quote=False)


def room(values: Sequence[float]) -> dict[str, Any]:
    """An axis for values: logarithmic where they span more than three powers of ten; thousands are written in short."""
    low, high = min(values), max(values)
    scale = {"type": "log", "dtick": 1} if low > 0 and high / low > 1000 else {}
    return {**scale, "exponentformat": "SI" if high >= 1000 else "e", "automargin": True}
