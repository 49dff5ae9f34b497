"""CheckedGraph as text: the table of layers that `show` prints, and the one line of totals of `check`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from compiler.ir import CheckedGraph, CheckedNode, shape_text
from compiler.ops.base import POLICIES

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = ("layer", "op", "output", "from", "shares", "params", "FLOPs")
_NUMBERS = ("params", "FLOPs")
_BETWEEN = "  "
_PART = re.compile(r"(?<![\w-])([A-Za-z_])[\w-]+(?=\.)")
_LEAST = 12  # characters that an elided cell keeps
_STYLES = {"op": "cyan", "from": "dim", "shares": "magenta"}


def totals_line(graph: CheckedGraph, name: str) -> str:
    """The totals of the model `name` in one line: FLOPs and bytes are those of one sample.

    "mlp: 3 layers, 101,770 parameters, 203 kFLOPs and 3.6 KiB of activations a sample"
    """
    flops, memory, left_out = known_totals(graph)
    trainable = f" ({graph.trainable_params:,} trainable)" if graph.frozen else ""
    line = (
        f"{name}: {plural(graph.layers, 'layer')}, {plural(graph.params, 'parameter')}{trainable}, "
        f"{count_text(flops)}FLOPs and {bytes_text(memory)} of activations a sample"
    )
    return f"{line} ({left_out})" if left_out else line


def known_totals(graph: CheckedGraph) -> tuple[int, int, str]:
    """FLOPs and bytes of activations of what is known, and in words what they leave out (empty if nothing)."""
    flops = sum(node.flops or 0 for node in graph)
    memory = sum((node.type.bytes if node.type else None) or 0 for node in graph)
    unsized = [node for node in graph if node.type is not None and (node.type.bytes is None or node.flops is None)]
    layers = [node for node in unsized if node.node.op != "Input"]
    reasons = [f"{plural(len(graph.opaque), 'layer')} known at build"] if graph.opaque else []
    if layers:
        reasons.append(f"{plural(len(layers), 'layer')} of undefined size")
    elif unsized:
        reasons.append(f"{plural(len(unsized), 'input')} of undefined size")
    verb = "is" if len(graph.opaque) + len(layers or unsized) == 1 else "are"
    return flops, memory, f"{' and '.join(reasons)} {verb} not counted" if reasons else ""


def show(graph: CheckedGraph, console: Console) -> None:
    """Print the table of layers, then the totals.

    A terminal gets it in its own width, long names elided in their middle and those of the same group written
    from their last common dot on (`.conv`); anything else gets all of it.
    """
    from rich.text import Text

    rows = _rows(graph, relative=console.is_terminal)
    flops, _, _ = known_totals(graph)
    total = {"layer": "total", "op": plural(graph.layers, "layer"), "params": f"{graph.params:,}"}
    rows.append(dict.fromkeys(_COLUMNS, "") | total | {"FLOPs": count_text(flops).strip()})
    columns = [name for name in _COLUMNS if any(row[name] for row in rows)]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns}
    if console.is_terminal:
        widths = _fitted(widths, console.width - len(_BETWEEN) * (len(columns) - 1))
    ascii_only = console.options.ascii_only
    rule = ("-" if ascii_only else "─") * (sum(widths.values()) + len(_BETWEEN) * (len(columns) - 1))

    def line(row: Mapping[str, str], style: str | None = None) -> Text:
        text = Text()
        for name in columns:
            cell = elided(row[name], widths[name], ".." if ascii_only else "…")
            cell = cell.rjust(widths[name]) if name in _NUMBERS else cell.ljust(widths[name])
            text.append(cell if name == columns[-1] else cell + _BETWEEN, style or _STYLES.get(name))
        return text

    header = line({name: name for name in columns}, "bold")
    body = [header, Text(rule, "dim"), *map(line, rows[:-1]), Text(rule, "dim"), line(rows[-1], "bold")]
    footer = [Text(line_) for line_ in _footer(graph)]
    console.print(Text("\n").join([*body, *footer]), soft_wrap=True)


def _rows(graph: CheckedGraph, relative: bool) -> list[dict[str, str]]:
    policy = POLICIES.get(graph.precision, graph.precision)
    rows: list[dict[str, str]] = []
    before: str | None = None
    for checked in graph:
        node = checked.node
        path = node.name.rpartition(".")[0] + "."
        operands = [(f"{x.argument}=" if x.argument else "", x.node) for x in node.inputs]
        names = [argument + (_relative(name, path) if relative else name) for argument, name in operands]
        rows.append(
            {
                "layer": node.name,
                "op": node.op,
                "output": _output(checked, policy),
                "from": "" if operands == [("", before)] else ", ".join(names),
                "shares": node.shares or "",
                "params": f"{checked.params:,}" if checked.type or checked.params else "?",
                "FLOPs": "?" if checked.flops is None else count_text(checked.flops).strip(),
            }
        )
        before = node.name
    return rows


def _relative(name: str, path: str) -> str:
    return name[len(path) - 1 :] if len(path) > 1 and name.startswith(path) else name


def _output(checked: CheckedNode, policy: str) -> str:
    if checked.type is None:
        return "?"
    shape = shape_text(checked.type.shape)
    return shape if checked.type.dtype == policy else f"{shape} {checked.type.dtype}"


def _footer(graph: CheckedGraph) -> list[str]:
    flops, memory, left_out = known_totals(graph)
    trainable = graph.trainable_params
    lines = [
        f"parameters: {trainable:,} trainable, {graph.params - trainable:,} not",
        f"one sample: {count_text(flops)}FLOPs, {bytes_text(memory)} of activations",
    ]
    lines += [f"precision: {graph.precision}"] if graph.precision != "float32" else []
    return [*lines, left_out] if left_out else lines


def _fitted(widths: Mapping[str, int], room: int) -> dict[str, int]:
    """`widths` made narrower until all fit or nothing is left to give: references first, then names and ops."""
    fitted = dict(widths)
    for elidable in (("from", "shares"), ("layer", "op")):
        names = [name for name in elidable if name in fitted]
        while names and sum(fitted.values()) > room:
            widest = max(names, key=lambda name: fitted[name])
            if fitted[widest] <= _LEAST:
                break
            fitted[widest] -= 1
    return fitted


def elided(text: str, width: int, mark: str = "…") -> str:
    """`text` in `width` characters: leading parts of dotted names become initials, then the middle of all goes.

    >>> elided("middle.0.sep.1.SeparableConv2D", 24)
    'm.0.s.1.SeparableConv2D'
    >>> elided("middle.0.sep.1.SeparableConv2D", 20)
    'm.0.s.1…arableConv2D'
    """
    while len(text) > width and (shorter := _PART.sub(r"\g<1>", text, count=1)) != text:
        text = shorter
    if len(text) <= width:
        return text
    head = max(0, (width - len(mark)) * 2 // 5)
    tail = max(0, width - len(mark) - head)
    return text[:head] + mark + text[len(text) - tail :]


def plural(count: int, noun: str) -> str:
    """`count` with its noun: "1 layer", "1,024 layers"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def count_text(count: int) -> str:
    """A count with three digits and a prefix, ready for a unit.

    >>> count_text(1_234_567) + "FLOPs"
    '1.23 MFLOPs'
    """
    return _scaled(count, 1000, ("", "k", "M", "G", "T", "P"))


def bytes_text(count: int) -> str:
    """
    >>> bytes_text(1536)
    '1.5 KiB'
    """
    return _scaled(count, 1024, ("", "Ki", "Mi", "Gi", "Ti", "Pi"), exact=False) + "B"


def _scaled(count: int, step: int, prefixes: tuple[str, ...], exact: bool = True) -> str:
    value, power = float(count), 0
    while power + 1 < len(prefixes) and value >= step - 0.5:
        value, power = value / step, power + 1
    if power == 0:
        return f"{count} "
    digits = f"{value:.0f}" if value >= 100 else f"{value:.3g}" if exact else f"{value:.1f}"
    return f"{digits} {prefixes[power]}"
