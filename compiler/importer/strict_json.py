"""JSON from elsewhere, in the child: no key twice, no NaN, no number beyond 64 bits, no depth or size without end."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn, cast

from compiler.importer.refused import Refused


def parse(content: bytes, *, nodes: int, depth: int) -> Any:
    """The value that UTF-8 text says.

    Args:
        nodes: how many values it may have; counted before anything is built.
        depth: how deeply they may be nested.

    Raises:
        Refused: E901, it is no JSON; E902, it has what JSON leaves open or forbids; E903, too many or too deep values.
    """
    counted = content.count(b",") + content.count(b"[") + content.count(b"{") + 1
    if counted > nodes:
        raise Refused("E903", f"more than {nodes:,} values")
    try:
        text = content.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_mapping, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except UnicodeDecodeError as error:
        raise Refused("E901", f"text that is not UTF-8 (byte {error.start:,})") from None
    except json.JSONDecodeError as error:
        raise Refused("E901", f"no JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except RecursionError:
        raise Refused("E903", f"values nested more than {depth} deep") from None
    _check(value, depth)
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused("E902", f"the key {twice[:40]!r} twice in one mapping")
    return found


def _constant(text: str) -> NoReturn:
    raise Refused("E902", f"the number {text}, which is none of JSON's")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise Refused("E902", f"the number {text[:40]}, which is beyond 64 bits")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or abs(value := int(text)) >= 1 << 64:
        raise Refused("E902", f"the number {text[:40]}, which is beyond 64 bits")
    return value


def _check(value: Any, depth: int) -> None:
    level: list[Any] = [value]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                mapping = cast(dict[str, Any], item)
                inner += mapping.values()
                _check_text("".join(mapping))
            elif isinstance(item, list):
                inner += cast(list[Any], item)
            elif isinstance(item, str):
                _check_text(item)
        if not inner:
            return
        level = inner
    raise Refused("E903", f"values nested more than {depth} deep")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("E902", "half of a character in a text") from None
