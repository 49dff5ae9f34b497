"""Field types for the statistics that normalisations are given: means, variances, bounds."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from compiler.errors import did_you_mean, shown
from compiler.settings import Annotation, field_error, is_number, rule

Numbers = float | tuple[Any, ...]
"""A number, or lists of them nested to any depth."""


def numbers_shape(value: object) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers; None where they are ragged or hold something else."""
    if is_number(value):
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        return None
    items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # any list
    shapes = {numbers_shape(item) for item in items}
    first = next(iter(shapes))
    return (len(items), *first) if len(shapes) == 1 and first is not None else None


def flat(numbers: Numbers) -> Iterator[float]:
    """The numbers one after another."""
    if isinstance(numbers, (int, float)):
        yield numbers
    else:
        for part in numbers:
            yield from flat(part)


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value  # pyright: ignore[reportUnknownArgumentType]  # nested lists


MaybeNumbers = Annotated[
    Numbers | None,
    rule(
        "a finite number or nested lists of them, all of one length at each depth,",
        lambda value: numbers_shape(value) is not None,
        lambda value: all(map(math.isfinite, flat(value))),
        schema={"type": ["number", "array"]},
        none=True,
        convert=_frozen,
    ),
]

_CLIPS = ("rmin", "rmax", "dmax")


def _check_clips(value: object, name: str) -> object:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise field_error("E106", f"{name!r} must be a mapping or null (got {shown(value)})")
    clips: dict[object, object] = dict(value)  # pyright: ignore[reportUnknownArgumentType]  # any mapping
    for key, clip in clips.items():
        if key not in _CLIPS:
            hint = did_you_mean(str(key), _CLIPS) or f"it has {', '.join(_CLIPS)}"
            raise field_error("E104", f"{name!r} has no key {key!r}", hint)
        if not is_number(clip):
            raise field_error("E106", f"{key!r} of {name!r} must be a number (got {shown(clip)})")
    rmin, rmax, dmax = (clips.get(key) for key in _CLIPS)
    if is_number(rmin) and is_number(rmax) and not rmin <= rmax:  # pyright: ignore[reportOperatorIssue]  # both are numbers
        raise field_error("E107", f"'rmin' of {name!r} must be at most its 'rmax' (got {rmin!r} and {rmax!r})")
    if is_number(dmax) and not dmax >= 0:  # pyright: ignore[reportOperatorIssue]  # a number
        raise field_error("E107", f"'dmax' of {name!r} must be >= 0 (got {dmax!r})")
    return clips


_CLIP_SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "object", "properties": {clip: {"type": "number"} for clip in _CLIPS}, "additionalProperties": False},
        {"type": "null"},
    ]
}
Clips = Annotated[dict[str, float] | None, Annotation(_check_clips, lambda: _CLIP_SCHEMA)]
"""Bounds of batch renormalisation: rmin <= r <= rmax and -dmax <= d <= dmax."""
