"""What differs between pieces of one structure: the slots whose values vary, and the parameters that stand for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from compiler.importer.tree import (
    REQUIRED,
    SHAPES,
    Block,
    Each,
    Items,
    Loop,
    Param,
    Path,
    Slots,
    Split,
    default_in,
    loops_around,
    owner_of,
)
from compiler.spec.model import RESERVED

_SIZES = {"filters", "units", "output_dim", "key_dim", "value_dim", "groups", "intermediate_dim", *SHAPES}
"""Arguments that count channels: where one varies as another does, they are meant to."""

_MULTIPLES = {2, 3, 4, 6, 8}
_WORDS = "i prev input min max round int float len abs sum str range and or not if else in is true false null"
_TAKEN = frozenset([*RESERVED, *_WORDS.split(), "None", "True", "False"])


@dataclass(frozen=True, slots=True)
class Column:
    """A parameter of a piece.

    Attributes:
        values: what it is in each occurrence.
        hint: what the argument that it fills is called.
        owner: what the item that has this argument is called.
        fallback: Keras's default of that argument.
        level: the loop inside the piece for each of whose copies it has a value; None where it is one value.
        fills: the slots, each with the factor by which it is multiplied there.
    """

    values: tuple[object, ...]
    hint: str
    owner: str
    fallback: object
    level: int | None
    fills: Mapping[Path, int]

    @property
    def path(self) -> Path:
        """The first slot that it fills as it is."""
        return next(path for path, factor in self.fills.items() if factor == 1)


class Unlike(Exception):
    """The pieces cannot be written as one."""


def columns(
    template: Items, occurrences: Sequence[Slots], blocks: Mapping[str, Block], *, apart: bool
) -> tuple[list[Column], Slots]:
    """What varies between `occurrences` of `template`, and the slots that have one value in all of them.

    Args:
        apart: whether the piece is to stand elsewhere, so that variables and loops around an occurrence are not seen.

    Raises:
        Unlike: a loop of unknown length would need another list, or a value varies within loops on both sides.
    """
    fixed: Slots = {}
    varying: dict[Path, tuple[object, ...]] = {}
    for path in dict.fromkeys(path for found in occurrences for path in found):
        values = [found.get(path, REQUIRED) for found in occurrences]
        alike = len({repr(value) for value in values}) == 1
        outside = any(_reaches(value, loops_around(template, path)) for value in values)
        if alike and not (apart and (outside or any(map(_has_param, values)))):
            fixed[path] = values[0]
            continue
        if outside and not apart:
            raise Unlike
        fallback = default_in(template, path, blocks) if REQUIRED in values else None
        varying[path] = _listed(
            template, path, [fallback if value is REQUIRED else value for value in values], occurrences
        )
    for path in [path for path in varying if path[-1] == "count"]:
        if any(_listed_in(path[:-1], at, template, values) for at, values in varying.items()):
            del varying[path]
            fixed[path] = None  # as many copies as its lists are long
    return grouped(template, varying, blocks), fixed


def named(found: Sequence[Column], taken: Collection[str]) -> dict[str, Column]:
    """The columns by the names of their parameters: the argument's, behind its layer's where several are called so."""
    hints = Counter(column.hint for column in found)
    names: dict[str, Column] = {}
    for column in found:
        plain = "n" if column.hint == "count" else re.sub(r"\W", "_", column.hint)
        base = f"{column.owner}_{plain}" if hints[column.hint] > 1 and column.owner else plain
        name, number = base, 2
        while name in names or name in taken or name in _TAKEN:
            name, number = f"{base}_{number}", number + 1
        names[name] = column
    return names


def params(found: Mapping[str, Column]) -> dict[Path, object]:
    """The parameters that stand in the slots of a template."""
    return {
        path: Param(name, factor, column.level)
        for name, column in found.items()
        for path, factor in column.fills.items()
    }


def argument(value: object, around: int) -> object:
    """The value of a parameter that stands within `around` loops of a block, as a call of the block says it."""
    match value:
        case Each(level, values) if level >= around:
            return Each(level - around, tuple(argument(inner, around) for inner in values))
        case Each(_, values):
            return [argument(inner, around) for inner in values]
        case Param(level=level) if level is not None:
            return replace(value, level=level - around if level >= around else None)
        case _:
            return value


def default_of(column: Column) -> object:
    """What a block's parameter is where a call says nothing: Keras's default, or else what most calls say."""
    if column.fallback is not REQUIRED and any(repr(value) == repr(column.fallback) for value in column.values):
        return column.fallback
    if any(isinstance(value, (Param, Each)) for value in column.values):
        return REQUIRED
    most, count = Counter(map(repr, column.values)).most_common(1)[0]
    return (
        next(value for value in column.values if repr(value) == most)
        if 10 * count > 7 * len(column.values)
        else REQUIRED
    )


def shifted(value: object, around: int) -> object:
    """A value of a slot within `around` loops of a piece around which there is one more loop now."""
    match value:
        case Each(level, values):
            inner = tuple(shifted(one, around) for one in values)
            return Each(level + 1 if level >= around else level, inner)
        case Param(level=level) if level is not None and level >= around:
            return replace(value, level=level + 1)
        case _:
            return value


def times(value: object, factor: int) -> object:
    """A size, a list of them or an expression, multiplied."""
    match value:
        case Each(level, values):
            return Each(level, tuple(times(inner, factor) for inner in values))
        case Param():
            return replace(value, factor=value.factor * factor)
        case int() if factor != 1:
            return value * factor
        case _:
            return value


# --- lists of loops ------------------------------------------------------------------------------


def _reaches(value: object, around: int) -> bool:
    """Whether a value changes with a loop outside the piece."""
    if isinstance(value, Each):
        return value.level >= around or any(_reaches(inner, around) for inner in value.values)
    return isinstance(value, Param) and value.level is not None and value.level >= around


def _has_param(value: object) -> bool:
    return isinstance(value, Param) or (isinstance(value, Each) and any(map(_has_param, value.values)))


def _inner_level(value: object, around: int) -> int | None:
    """The loop inside the piece for each of whose copies a value has one."""
    if isinstance(value, Each) and value.level >= around:
        return _inner_level(value.values[0], around)
    level = value.level if isinstance(value, (Each, Param)) else None
    return level if level is not None and level < around else None


def _listed(template: Items, path: Path, values: Sequence[object], occurrences: Sequence[Slots]) -> tuple[object, ...]:
    """Values of a slot in a loop of the piece: all of them lists, if one is."""
    around = loops_around(template, path)
    levels = {_inner_level(value, around) for value in values}
    if levels == {None} or None not in levels:
        if len(levels) > 1:
            raise Unlike
        return tuple(values)
    if levels != {None, 0}:
        raise Unlike
    inside = _innermost_loop(template, path)
    made: list[object] = []
    for value, found in zip(values, occurrences, strict=True):
        count = found.get((*inside, "count"))
        if _inner_level(value, around) is None:
            if type(count) is not int or isinstance(value, Each):
                raise Unlike
            value = Each(0, (value,) * count)
        made.append(value)
    return tuple(made)


def _listed_in(loop: Path, path: Path, template: Items, values: Sequence[object]) -> bool:
    """Whether a slot has a list for the copies of the loop at `loop`."""
    if path[: len(loop)] != loop or path == (*loop, "count"):
        return False
    around = loops_around(template, path)
    level = around - loops_around(template, (*loop, "count")) - 1
    return any(_inner_level(value, around) == level for value in values)


def _innermost_loop(items: Items, path: Path) -> Path:
    """The path of the innermost loop around a slot, which there is."""
    found = at = 0
    while True:
        item = items[cast(int, path[at])]
        at += 1
        match item:
            case Loop() if path[at] != "count":
                found, items = at, item.body
            case Split() if path[at] != "merge":
                items = item.paths[cast(int, path[at])]
                at += 1
            case _:
                return path[:found]


# --- groups --------------------------------------------------------------------------------------


def grouped(template: Items, varying: Mapping[Path, tuple[object, ...]], blocks: Mapping[str, Block]) -> list[Column]:
    """Columns for the slots that vary: one for those of equal values, or of multiples of them."""
    groups: dict[tuple[str, int | None, str], list[Path]] = {}
    for path, values in varying.items():
        around = loops_around(template, path)
        outside = [argument(value, around) for value in values]
        key = ("" if hint_of(path) in _SIZES else hint_of(path), _inner_level(values[0], around), repr(outside))
        groups.setdefault(key, []).append(path)
    made: list[Column] = []
    for (_, level, _), paths in sorted(groups.items(), key=lambda group: _sum(varying[group[1][0]])):
        paths.sort(
            key=lambda path: hint_of(path) in SHAPES
        )  # the size of a shape is named after what it is the size of
        values, hint, around = varying[paths[0]], hint_of(paths[0]), loops_around(template, paths[0])
        for at, base in enumerate(made):
            comparable = around == loops_around(template, base.path) or not any(map(_is_list, (*values, *base.values)))
            factor = _factor(values, base.values, hint, base.hint) if comparable and level == base.level else 0
            if factor:
                made[at] = replace(base, fills={**base.fills, **dict.fromkeys(paths, factor)})
                break
        else:
            fallback = REQUIRED if hint == "count" else default_in(template, paths[0], blocks)
            owner = owner_of(template, paths[0]).title or ""
            owner = owner.lower() if re.fullmatch(r"[A-Za-z_]{1,16}", owner) else ""
            made.append(Column(values, hint, owner, fallback, level, dict.fromkeys(paths, 1)))
    order = list(varying)
    return sorted(made, key=lambda column: (column.hint not in _SIZES, order.index(column.path)))


def hint_of(path: Path) -> str:
    """What the argument in a slot is called; that of the whole list for an item of one."""
    return str(next(part for part in reversed(path) if isinstance(part, str)))


def _is_list(value: object) -> bool:
    return isinstance(value, Each) or (isinstance(value, Param) and value.level is not None)


def _flat(values: Sequence[object]) -> list[object]:
    return [inner for value in values for inner in (_flat(value.values) if isinstance(value, Each) else [value])]


def _sum(values: Sequence[object]) -> float:
    return sum(value for value in _flat(values) if type(value) is int)


def _factor(values: Sequence[object], base: Sequence[object], hint: str, base_hint: str) -> int:
    """By what whole number all values are those of `base` multiplied; 0 where by none."""
    ours, theirs = _flat(values), _flat(base)
    if not {hint, base_hint} <= _SIZES or len(ours) != len(theirs):
        return 0
    factors: set[int] = set()
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, Param) and isinstance(b, Param) and (a.name, a.level) == (b.name, b.level):
            a, b = a.factor, b.factor
        if type(a) is not int or type(b) is not int or b <= 0 or a <= b or a % b:
            return 0
        factors.add(a // b)
    return factors.pop() if len(factors) == 1 and factors <= _MULTIPLES else 0
