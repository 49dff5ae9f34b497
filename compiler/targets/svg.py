"""CheckedGraph to a self-contained SVG: a box for each layer, a frame for each group, in light and dark."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from compiler.ir import CheckedGraph, CheckedNode
from compiler.targets.diagram import FAMILIES, family, gist, grouped, label_of, output_text, owners, short_name
from compiler.targets.svg_layout import LABEL, Box, Frame, Layout, Point, layout
from compiler.targets.svg_text import fitted, number, text, width_of
from compiler.targets.table import count_text, known_totals, plural

_SIZE = 11.5  # of the op's letters
_INSET = 10.0  # of words in their box
_BETWEEN = 12.0  # between words on the left and on the right
_ONE_LINE, _TWO_LINES = 26.0, 40.0
_NARROWEST, _ROOMY, _WIDEST = 120.0, 208.0, 232.0
_MARGIN = 24.0
_TIP = 6.0  # height of an arrow's head
_LEAST_WIDTH = 340.0

_COLOURS = {
    # family: light fill, light line, dark fill, dark line
    "input": ("#eef0f3", "#8b95a5", "#2a303a", "#8793a6"),
    "conv": ("#e3edfd", "#4f86d9", "#1b2d4a", "#5d94e6"),
    "dense": ("#ebe6fb", "#8468cf", "#2d2549", "#9b82e0"),
    "norm": ("#e0f3ee", "#3a9e85", "#15352f", "#48b095"),
    "activation": ("#fdf1d8", "#cf9a2b", "#3b2f14", "#d5a645"),
    "pooling": ("#fde7e3", "#d5705c", "#41231e", "#e0826f"),
    "merge": ("#e4f3dc", "#67a244", "#22361a", "#7fb95c"),
    "attention": ("#fbe4f1", "#c75b98", "#3f1f33", "#d874ab"),
    "recurrent": ("#dff2f8", "#3c97b8", "#15323d", "#4daccd"),
    "other": ("#f4f1ec", "#a0937e", "#322e28", "#a99d89"),
}
_STYLE = """text{font-family:Helvetica,Arial,"Liberation Sans",sans-serif}
.op,.label{font-weight:bold}
.edge{fill:none;stroke-width:1.3}
.frame{stroke-width:1;fill-opacity:.07;stroke-opacity:.4}
.node rect{stroke-width:1.2}
.shared rect{stroke-dasharray:4 2.5}
.output rect{stroke-width:2.4}
"""
_PAPERS = {
    # paper, ink, soft ink, edges, frames
    "light": ("#ffffff", "#1c2430", "#566273", "#8792a2", "#64748b"),
    "dark": ("#11151c", "#e8ecf2", "#a7b1bf", "#77849a", "#94a3b8"),
}


def to_svg(graph: CheckedGraph) -> str:
    """The diagram of a graph as the text of an SVG file that needs no other.

    A layer stands below all that it takes from. A box's title (its tooltip) has all arguments. Words are measured
    as Helvetica's and held to that width, so that they stay in their boxes in any font.
    """
    root = grouped(graph)
    owner = owners(root)
    words = {node.name: _Words.of(node, short_name(node, owner[node.name])) for node in graph}
    width = min(_WIDEST, max((line.least_width for line in words.values()), default=_NARROWEST))
    sizes = {name: line.size(width) for name, line in words.items()}
    plan = layout(root, sizes, [(operand.node, node.name) for node in graph for operand in node.node.inputs])
    inner = max(plan.width, _LEAST_WIDTH)
    outputs = {output.node: output.key for output in graph.outputs}
    header, header_height = _header(graph, inner)
    families = [name for name in FAMILIES if any(family(node) == name for node in graph)]
    size = f"{number(inner + 2 * _MARGIN)} {number(plan.height + header_height + 2 * _MARGIN)}"
    shift = f"{number(_MARGIN + (inner - plan.width) / 2)} {number(_MARGIN + header_height)}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{size.split()[0]}" '
            f'height="{size.split()[1]}" role="graphics-document document">',
            f"<title>{_totals(graph)}</title>",
            f"<style>\n{_style(families)}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            f'<g transform="translate({number(_MARGIN)} {number(_MARGIN)})">',
            *header,
            "</g>",
            f'<g transform="translate({shift})">',
            *_frames(plan),
            *_edges(plan),
            *(line for node in graph for line in _box(node, words[node.name], plan.nodes[node.name], outputs)),
            "</g>",
            "</svg>\n",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """What a box says."""

    op: str
    gist: str
    name: str | None
    shape: str
    small: bool  # merges and inputs are only as wide as their words

    @staticmethod
    def of(node: CheckedNode, name: str | None) -> _Words:
        words = gist(node)
        if node.node.shares is not None:
            name = f"weights of {node.node.shares}"
        return _Words(node.node.op, words, name, output_text(node), family(node) in ("merge", "input"))

    @property
    def first(self) -> float:
        """Width of the op and the gist."""
        return width_of(self.op, _SIZE, bold=True) + (5 + width_of(self.gist) if self.gist else 0)

    @property
    def one_line(self) -> float:
        return self.first + _BETWEEN + width_of(self.shape) + 2 * _INSET

    @property
    def least_width(self) -> float:
        second = (width_of(self.name) + _BETWEEN if self.name else 0) + width_of(self.shape)
        line = 0.0 if self.name or self.one_line > _ROOMY else self.one_line
        return max(_NARROWEST, self.first + 2 * _INSET, second + 2 * _INSET, line)

    def size(self, width: float) -> tuple[float, float]:
        """Width and height of the box, where boxes are `width` wide."""
        if self.name is None and self.one_line <= width:
            return self.one_line if self.small else width, _ONE_LINE
        return min(width, self.least_width) if self.small else width, _TWO_LINES


def _box(node: CheckedNode, words: _Words, box: Box, outputs: Mapping[str, str | None]) -> Iterator[str]:
    kind = family(node) + (" shared" if node.node.shares is not None else "")
    title = _title(node)
    if node.name in outputs:
        kind, title = f"{kind} output", f"{title}\noutput {outputs[node.name] or ''}".rstrip()
    yield f'<g class="node {kind}" role="graphics-symbol img">'
    yield f"<title>{escape(title, quote=False)}</title>"
    radius = _ONE_LINE / 2 if words.small else 6.0
    yield f'<rect {_at(box)} rx="{number(radius)}"/>'
    left, right, room = box.x + _INSET, box.right - _INSET, box.width - 2 * _INSET
    one_line = box.height == _ONE_LINE
    y = box.y + (17.0 if one_line else 16.5)
    op = fitted(words.op, room, _SIZE, bold=True)
    yield text(op, left, y, "op", _SIZE, bold=True)
    if words.gist:
        start = width_of(op, _SIZE, bold=True) + 5
        yield text(fitted(words.gist, room - start), left + start, y, "soft")
    y = y if one_line else box.y + 31.0
    shape = fitted(words.shape, room)
    yield text(shape, right, y, "ink", end=True)
    if words.name:
        yield text(fitted(words.name, room - width_of(shape) - _BETWEEN), left, y, "soft")
    yield "</g>"


def _title(node: CheckedNode) -> str:
    """All that is known of a node, as its tooltip."""
    lines = [f"{node.name}: {node.node.op}"]
    lines += [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in node.node.args.items()]
    if node.node.inputs:
        names = [(f"{x.argument}=" if x.argument else "") + x.node for x in node.node.inputs]
        lines.append(f"from {', '.join(names)}")
    lines += [f"weights of {node.node.shares}"] if node.node.shares is not None else []
    lines.append(f"gives {node.type}" if node.type else "gives what only Keras knows, at build")
    cost = [plural(node.params, "parameter")] if node.params else []
    cost += [f"{count_text(node.flops)}FLOPs a sample"] if node.flops else []
    return "\n".join([*lines, *([", ".join(cost)] if cost else [])])


def _header(graph: CheckedGraph, width: float) -> tuple[list[str], float]:
    """The totals, and the families' colours below; and the height of both."""
    lines = [text(fitted(_totals(graph), width, 12.0, bold=True), 0, 10, "op", 12.0, bold=True)]
    x, y = 0.0, 24.0
    if left_out := known_totals(graph)[2]:
        lines.append(text(fitted(left_out, width), 0, 26, "soft"))
        y += 16
    for name in FAMILIES:
        if not any(family(node) == name for node in graph):
            continue
        step = 14 + width_of(name) + 14
        if x and x + step - 14 > width:
            x, y = 0.0, y + 16
        lines.append(
            f'<g class="node {name}"><rect x="{number(x)}" y="{number(y)}" width="10" height="10" rx="3"/></g>'
        )
        lines.append(text(name, x + 15, y + 8.5, "soft"))
        x += step + 2
    return lines, y + 32


def _totals(graph: CheckedGraph) -> str:
    flops, _, _ = known_totals(graph)
    parts = [plural(graph.layers, "layer"), plural(graph.params, "parameter"), f"{count_text(flops)}FLOPs a sample"]
    return " · ".join(parts)


def _frames(plan: Layout) -> Iterator[str]:
    passing = _passing(plan)
    for at, frame in enumerate(plan.frames):
        yield f'<rect class="frame" {_at(frame.box)} rx="9"/>'
        label, x = _label(frame, passing[at])
        if label:
            yield text(label, x, frame.box.y + 14, "soft label", bold=True)


def _label(frame: Frame, passing: Sequence[float]) -> tuple[str, float]:
    """A group's label and where it begins: the first room between the edges that enter at the top, else the widest."""
    label = label_of(frame.group, frame.parent)
    stops = [frame.box.x + 4, *sorted(passing), frame.box.right - 4]
    rooms = [(a + 6, b - a - 12) for a, b in pairwise(stops)]
    wanted = width_of(label, bold=True)
    start, room = next((room for room in rooms if room[1] >= wanted), max(rooms, key=lambda room: room[1]))
    return fitted(label, room, bold=True), start


def _passing(plan: Layout) -> list[list[float]]:
    """For each frame, the x of the vertical lines that pass its label."""
    tops = sorted((frame.box.y, at) for at, frame in enumerate(plan.frames))
    passing: list[list[float]] = [[] for _ in plan.frames]
    for points in plan.edges.values():
        for (x, y), (x_next, y_next) in pairwise(points):
            if x != x_next:
                continue
            for _, at in tops[bisect_left(tops, (y - LABEL, -1)) : bisect_right(tops, (y_next, len(tops)))]:
                box = plan.frames[at].box
                if box.x < x < box.right:
                    passing[at].append(x)
    return passing


def _edges(plan: Layout) -> Iterator[str]:
    """One path for all edges of a node, then the arrows' heads."""
    paths: dict[str, dict[str, None]] = defaultdict(dict)
    for (source, _), points in plan.edges.items():
        paths[source] |= dict.fromkeys(_segments(points))
    for segments in paths.values():
        yield f'<path class="edge" d="{"".join(segments)}"/>'
    tips = {points[-1]: None for points in plan.edges.values()}
    heads = (f"M{number(x)} {number(y)}l-3.6 {number(-_TIP)}h7.2z" for x, y in tips)
    yield f'<path class="tip" d="{"".join(heads)}"/>'


def _segments(points: Sequence[Point]) -> Iterator[str]:
    end = points[-1][1] - _TIP + 1
    for (x, y), (x_next, y_next) in pairwise(points):
        start, stop = f"M{number(x)} {number(min(y, end))}", min(y_next, end)
        if x == x_next:
            if y < stop:
                yield f"{start}V{number(stop)}"
        else:
            middle = number((y + stop) / 2)
            yield f"{start}C{number(x)} {middle} {number(x_next)} {middle} {number(x_next)} {number(stop)}"


def _style(families: Sequence[str]) -> str:
    light, dark = (_scheme(name, families, 2 * at) for at, name in enumerate(_PAPERS))
    return f"{_STYLE}{light}@media (prefers-color-scheme:dark){{\n{dark}}}\n"


def _scheme(name: str, families: Sequence[str], at: int) -> str:
    paper, ink, soft, edge, frame = _PAPERS[name]
    rules: Mapping[str, str] = {
        ".paper": f"fill:{paper}",
        ".op,.ink": f"fill:{ink}",
        ".soft": f"fill:{soft}",
        ".edge": f"stroke:{edge}",
        ".tip": f"fill:{edge}",
        ".frame": f"fill:{frame};stroke:{frame}",
    } | {f".{kind} rect": f"fill:{_COLOURS[kind][at]};stroke:{_COLOURS[kind][at + 1]}" for kind in families}
    return "".join(f"{selector}{{{rule}}}\n" for selector, rule in rules.items())


def _at(box: Box) -> str:
    return f'x="{number(box.x)}" y="{number(box.y)}" width="{number(box.width)}" height="{number(box.height)}"'
