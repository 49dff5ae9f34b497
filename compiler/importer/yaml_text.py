"""The sections of a model file as YAML, laid out as a person would: a layer a line where it fits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from compiler.spec.reader import read_scalar

WIDTH = 120

_PLAIN = re.compile(r"[A-Za-z_$./][A-Za-z0-9_$.*/ +-]*")
_LISTS = ("layers", "shortcut")


def yaml_text(sections: Mapping[str, object], comment: str = "") -> str:
    """The text of a model file, with `comment` at its head."""
    lines = [f"# {line}" for line in comment.splitlines()]
    for key, value in sections.items():
        if key == "layers":
            lines += [f"{key}:", *_entries(value, 2)]
        elif key == "blocks":
            lines.append("blocks:")
            for name, block in cast(Mapping[str, Mapping[str, object]], value).items():
                lines += [f"  {name}:", *_body(block, 4)]
        elif key == "inputs":
            lines.append("inputs:")
            lines += [f"  {name}: {flow(one)}" for name, one in cast(Mapping[str, object], value).items()]
        else:
            lines += _pair(key, value, 0)
    return "\n".join(lines) + "\n"


def _entries(entries: object, indent: int) -> list[str]:
    return [line for entry in cast(Sequence[object], entries) for line in _entry(entry, indent)]


def _entry(entry: object, indent: int) -> list[str]:
    """One item of a list of layers."""
    dash = " " * indent + "- "
    if not isinstance(entry, Mapping):
        return [f"{dash}{flow(entry)}"]
    keys = cast(Mapping[str, object], entry)
    if not _nested(keys) and len(one := f"{dash}{flow(keys)}") <= WIDTH:
        return [one]
    lines = _body(keys, indent + 2)
    return [f"{dash}{lines[0].lstrip()}", *lines[1:]]


def _nested(entry: object) -> bool:
    return isinstance(entry, Mapping) and any(key in cast(Mapping[str, object], entry) for key in (*_LISTS, "paths"))


def _body(body: Mapping[str, object], indent: int) -> list[str]:
    """The keys of a mapping, one a line or more."""
    lines: list[str] = []
    pad = " " * indent
    for key, value in body.items():
        if key in _LISTS:
            short = f"{pad}{key}: [{', '.join(map(flow, cast(Sequence[object], value)))}]"
            if len(cast(Sequence[object], value)) == 1 and len(short) <= WIDTH and not _any_nested(value):
                lines.append(short)
            else:
                lines += [f"{pad}{key}:", *_entries(value, indent + 2)]
        elif key == "paths":
            lines.append(f"{pad}{key}:")
            for path in cast(Sequence[Sequence[object]], value):
                lines += _path(path, indent + 2)
        else:
            lines += _pair(key, value, indent)
    return lines


def _path(path: Sequence[object], indent: int) -> list[str]:
    short = f"{' ' * indent}- [{', '.join(map(flow, path))}]"
    if len(path) <= 1 and len(short) <= WIDTH and not _any_nested(path):
        return [short]
    lines = _entries(path, indent + 2)
    return [f"{' ' * indent}- {lines[0].lstrip()}", *lines[1:]]


def _any_nested(entries: object) -> bool:
    return any(_nested(entry) for entry in cast(Sequence[object], entries))


def _pair(key: str, value: object, indent: int) -> list[str]:
    """`key: value`, over several lines where it is too long for one."""
    pad = " " * indent
    one = f"{pad}{key}: {flow(value)}"
    if len(one) <= WIDTH:
        return [one]
    if isinstance(value, Mapping):
        inner = [
            line for name, item in cast(Mapping[str, object], value).items() for line in _pair(name, item, indent + 2)
        ]
        return [f"{pad}{key}:", *inner]
    if isinstance(value, (list, tuple)):
        lines, current = [f"{pad}{key}: ["], ""
        for item in map(flow, cast(Sequence[object], value)):
            piece = f"{item}, "
            if current and indent + 2 + len(current) + len(piece) > WIDTH:
                lines.append(f"{pad}  {current.rstrip()}")
                current = ""
            current += piece
        return [*lines, f"{pad}  {current.rstrip(', ')}", f"{pad}]"]
    return [one]


def flow(value: object) -> str:
    """A value on one line.

    >>> flow({"op": "Conv2D", "filters": "$width*2", "dilation_rate": [1, 2], "padding": None})
    '{op: Conv2D, filters: $width*2, dilation_rate: [1, 2], padding: null}'
    """
    if isinstance(value, Mapping):
        pairs = (f"{scalar(key)}: {flow(item)}" for key, item in cast(Mapping[str, object], value).items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, cast(Sequence[object], value))) + "]"
    return scalar(value)


def scalar(value: object) -> str:
    """A scalar that is read back as itself, quoted where it must be.

    >>> scalar("relu"), scalar("no"), scalar("a: b"), scalar(1e-05), scalar(None), scalar(True)
    ('relu', '"no"', '"a: b"', '1e-5', 'null', 'true')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if not isinstance(value, str):
        return str(value)
    if _PLAIN.fullmatch(value) and value == value.strip() and read_scalar(value) == value:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, e, power = repr(value).partition("e")
    return f"{digits}e{int(power)}" if e else digits
