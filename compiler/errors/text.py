"""Print faults as a good compiler does: place, excerpt, caret, hint, and the way there."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import combining, east_asian_width

from compiler.errors.fault import Fault, Place

_WIDTH = 120  # columns of a source line that are shown
_MOST = 50  # faults that are printed; who has more is not helped by them


def render(faults: Iterable[Fault]) -> str:
    """The whole text that a user sees for `faults`: errors and warnings in order of place, then a count."""
    ordered = in_order(faults)
    blocks = [render_fault(fault) for fault in ordered[:_MOST]]
    blocks += [f"... and {len(ordered) - _MOST} more"] if len(ordered) > _MOST else []
    errors = sum(fault.is_error for fault in ordered)
    warnings = len(ordered) - errors
    counts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return "\n\n".join([*blocks, " and ".join(counts)]) + "\n" if blocks else ""


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """`faults` by place: sources in the order in which they first appear, then lines and columns."""
    found = list(faults)
    sources = list(dict.fromkeys(fault.place.source.name for fault in found if fault.place))

    def key(fault: Fault) -> tuple[int, int, int]:
        place = fault.place
        return (sources.index(place.source.name), place.line, place.column) if place else (-1, 0, 0)

    return sorted(found, key=key)


def render_fault(fault: Fault) -> str:
    """One fault, without a trailing newline."""
    kind = "error" if fault.is_error else "warning"
    head = f"{kind}[{fault.code}]: {fault.message}"
    lines = [f"{_where(fault.place)}: {head}" if fault.place else head]
    if fault.place:
        lines += _excerpt(fault.place)
    for note in fault.notes:
        lines.append(f"  note: {_where(note.place)}: {note.message}")
        lines += _excerpt(note.place)
    tail = [f"hint: {fault.hint}"] if fault.hint else []
    tail += [f"in: {' > '.join(fault.trail)}"] if fault.trail else []
    if tail:
        lines.append("  " + "      ".join(tail))
    return "\n".join(lines)


def as_json(fault: Fault) -> dict[str, object]:
    """`fault` for programs: place by file, line and column (1-based), or by the override."""
    place = fault.place
    return {
        "code": fault.code,
        "severity": "error" if fault.is_error else "warning",
        "message": fault.message,
        "hint": fault.hint,
        "trail": list(fault.trail),
        "place": None if place is None else _place_json(place),
        "notes": [{"message": note.message, "place": _place_json(note.place)} for note in fault.notes],
    }


def _place_json(place: Place) -> dict[str, object]:
    return {place.source.kind: place.source.name, "line": place.line, "column": place.column, "width": place.width}


def _where(place: Place) -> str:
    if place.overridden:
        return f"override '{_clip(place.source.name, _WIDTH)}'"
    return f"{place.source.name}:{place.line}:{place.column}"


def _excerpt(place: Place) -> list[str]:
    lines = place.source.text.splitlines()
    if not 1 <= place.line <= len(lines):
        return []
    line = "".join(c if c.isprintable() else " " for c in lines[place.line - 1])
    start = max(0, min(place.column - _WIDTH // 2, len(line) - _WIDTH))
    shown = line[start : start + _WIDTH]
    column = place.column - start
    before, marked = shown[: column - 1], shown[column - 1 : column - 1 + place.width]
    caret = " " * _columns(before) + "^" * max(1, _columns(marked))
    if start > 0:
        shown = f"...{shown[3:]}"
    if start + _WIDTH < len(line):
        shown = f"{shown[:-3]}..."
    gutter = "      " if place.overridden else f"{place.line:>5} "
    return [f"{gutter}| {shown}", f"      | {caret}"]


def _columns(text: str) -> int:
    """How many columns of a terminal `text` takes: wide characters take two, combining ones none."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
