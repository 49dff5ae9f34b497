"""Words in an SVG: measured without a font, cut to their room, held to their width."""

from __future__ import annotations

from html import escape

from compiler.targets.table import elided

SMALL = 10.0
_ADVANCES = {
    "ijl'|": 222, " !,./:;It[]\\f": 278, "()-r`": 333, '"': 355, "*": 389, "^": 469, "Jcksvxyz": 500, "+<=>~": 584,
    "FTZ": 611, "&ABEKPSVXY": 667, "CDHNRUw": 722, "GOQ": 778, "Mm": 833, "%": 889, "W": 944, "…": 1000, "@": 1015,
}  # fmt: skip
_ADVANCE = {letter: width for letters, width in _ADVANCES.items() for letter in letters}
"""Widths of Helvetica's letters in thousandths of their size; 556 for all others (Adobe's font metrics)."""
_BOLD = 1.06  # how much wider bold letters are


def width_of(words: str, size: float = SMALL, bold: bool = False) -> float:
    """The width of words, in units of the drawing."""
    return sum(_ADVANCE.get(letter, 556) for letter in words) * size / 1000 * (_BOLD if bold else 1)


def fitted(words: str, room: float, size: float = SMALL, bold: bool = False) -> str:
    """`words`, elided until they are at most `room` wide; empty where not even a mark has room."""
    length = len(words)
    while length and width_of(elided(words, length), size, bold) > room + 0.01:
        length -= 1
    return elided(words, length) if length else ""


def text(words: str, x: float, y: float, kind: str, size: float = SMALL, bold: bool = False, end: bool = False) -> str:
    """A text element of class `kind` that begins (or ends) at x, with its baseline at y."""
    anchor = ' text-anchor="end"' if end else ""
    length = number(width_of(words, size, bold))
    return (
        f'<text class="{kind}" x="{number(x)}" y="{number(y)}" font-size="{number(size)}"{anchor} '
        f'textLength="{length}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
    )


def number(value: float) -> str:
    """A coordinate with one digit after the point, where it has one.

    >>> number(12.04), number(12.5)
    ('12', '12.5')
    """
    return f"{value + 0.0:.1f}".removesuffix(".0") if abs(value) >= 0.05 else "0"
