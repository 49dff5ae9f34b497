"""A page as HTML. All that users wrote is escaped, and no script runs but the page's own, by its nonce."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from compiler.runtime.page.figures import Figure


def document(
    title: str,
    sections: Iterable[str],
    links: Mapping[str, str],
    figures: Sequence[Figure],
    *,
    evaluates: bool = False,
) -> str:
    """The whole page.

    Args:
        title: of the window.
        sections: HTML.
        links: of the navigation, titles by the ids of sections.
        figures: those that `drawn` has put into the sections.
        evaluates: whether scripts may make functions of text, as Plotly does for parallel coordinates.
    """
    nonce = secrets.token_urlsafe(16)
    named = {f"plot-{figure.name}": {**figure.figure, "height": figure.height} for figure in figures}
    scripts = f"script-src 'nonce-{nonce}'" + (" 'unsafe-eval'" if evaluates else "")
    policy = f"default-src 'none'; {scripts}; style-src 'unsafe-inline'; img-src data: blob:"
    shortcuts = "".join(f'<a href="#{name}">{escaped(shown)}</a>' for name, shown in links.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escaped(title)}</title>
<style>
{_file("page.css")}</style>
</head>
<body>
<nav aria-label="Sections">{shortcuts}</nav>
<main>
{"".join(sections)}</main>
<script nonce="{nonce}" type="application/json" id="figures">{_json(named)}</script>
<script nonce="{nonce}">{_plotly()}</script>
<script nonce="{nonce}">
{_file("page.js")}</script>
</body>
</html>
"""


def escaped(value: object) -> str:
    """Text as HTML."""
    return html.escape(str(value))


def drawn(figure: Figure, heading: str = "h2") -> str:
    """Where a figure will be, with its title and note."""
    note = f'<p class="note">{escaped(figure.note)}</p>' if figure.note else ""
    title = f"<{heading}>{escaped(figure.title)}</{heading}>"
    plot = f'<div class="plot" id="plot-{figure.name}" style="height:{figure.height}px"></div>'
    return f"<figure>{title}{note}{plot}</figure>"


def cell(value: object, shown: str | None = None) -> str:
    """A cell of a table; numbers are sorted as such, by `data-v`.

    Args:
        shown: HTML; by default the value.
    """
    if value is None:
        return "<td></td>"
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if shown is None:
        shown = escaped(f"{value:.6g}" if isinstance(value, float) else value)
    return f'<td class=n data-v="{value}">{shown}</td>' if numeric else f"<td>{shown}</td>"


def _json(value: object) -> str:
    """As JSON that ends no script element, whatever is in it."""
    from plotly.utils import PlotlyJSONEncoder

    text = json.dumps(value, cls=PlotlyJSONEncoder, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plotly() -> str:
    """The library, whole. It has no `</script`, so it can stand in the page as it is."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _file(name: str) -> str:
    return files(__package__ or "").joinpath(name).read_text("utf-8")
