"""What enters a fused model: one row for all members, and what makes each member's own row of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.runtime.data.dataset import Inputs
from compiler.runtime.data.images import prepare
from compiler.runtime.data.source import Blame, DataSettings, Shape
from compiler.runtime.serving.ensemble import Single
from compiler.runtime.serving.preprocessing import Preprocessing
from compiler.runtime.serving.sample import rows_of_data
from compiler.runtime.serving.shared import prepared_alike
from compiler.spec.located import Map, located

Rows = dict[str, NDArray[Any]]
"""Rows of each input by its name in the data; a single one has the name ""."""

OPEN = None
"""A size that a fused model leaves open."""

_NOWHERE = Place(Source("run.json", ""), 1, 1)


@dataclass(frozen=True, slots=True)
class Steps:
    """What makes a member's row of what enters: resizing, then a division, as `images.prepare` has them.

    Attributes:
        shapes: of the member's own inputs.
    """

    shapes: Mapping[str, Shape]
    size: tuple[int, int] | None
    divide_by: float | None

    def __call__(self, rows: Rows) -> Inputs:
        """The member's inputs, as its training had them."""
        made = {
            name: prepare(x, np.arange(len(x)), self.shapes[name], self.size, self.divide_by)
            for name, x in rows.items()
        }
        return made.get("", made)


@dataclass(frozen=True, slots=True)
class Entering:
    """What enters a fused model.

    Attributes:
        shapes: of a row of each input; sizes that no member knows are `OPEN`.
        steps: of each member, from left to right; None where rows enter as all members take them.
        kept: what the first member keeps of its data.
    """

    shapes: Mapping[str, tuple[int | None, ...]]
    steps: tuple[Steps, ...] | None
    kept: Preprocessing

    def rows(self, wanted: int) -> Rows | None:
        """At most so many rows of the members' own data; None where these are gone or changed."""
        settings, section = self.kept.settings, cast(Map, located(self.kept.section, _NOWHERE))
        if self.steps is None:
            return rows_of_data(settings, section, wanted)
        try:
            found = settings.read(Blame(section, Diagnostics()))
        except ConfigError:
            return None
        if found is None:
            return None
        part = found.parts.get("test") or next(iter(found.parts.values()))
        rows = {name: _as_declared(x[:wanted], self.shapes[name]) for name, x in part.x.items() if name in self.shapes}
        return rows if rows and all(_fits(x.shape[1:], self.shapes[name]) for name, x in rows.items()) else None

    def random(self, count: int) -> Rows:
        """So many rows of normal numbers; an open size is 16."""
        drawn = np.random.default_rng(0)
        sizes = {name: [size or 16 for size in shape] for name, shape in self.shapes.items()}
        return {name: drawn.normal(size=(count, *shape)).astype(np.float32) for name, shape in sizes.items()}

    def for_each(self, rows: Rows, members: int) -> tuple[Inputs, ...]:
        """Each member's inputs for rows that enter."""
        if self.steps is None:
            return (rows.get("", rows),) * members
        return tuple(step(rows) for step in self.steps)


def entering(members: Sequence[Single], kept: Sequence[Preprocessing], form: str) -> Entering:
    """What is to enter for these members: rows as all of them take them, where they all take the same; else rows as the
    data have them, which each member resizes and scales itself.

    Raises:
        ConfigError: E809, no row can be made into those of all members.
    """
    first = kept[0]
    if all(prepared_alike(first, other) for other in kept):
        return Entering(first.settings.shapes, None, first)
    for single, own in zip(members, kept, strict=True):
        if not _by_steps(own.settings):
            other = next(m.name for m, k in zip(members, kept, strict=True) if not prepared_alike(own, k))
            raise inexpressible(form, f"the members {single.name!r} and {other!r} prepare their rows differently")
        if set(own.settings.shapes) != set(first.settings.shapes):
            raise inexpressible(form, f"the members {members[0].name!r} and {single.name!r} have other inputs")
    steps = tuple(Steps(own.settings.shapes, own.settings.size, own.settings.divide_by) for own in kept)
    shapes = {name: _shape(name, members, steps, form) for name in first.settings.shapes}
    return Entering(shapes, steps, first)


def inexpressible(form: str, why: str) -> ConfigError:
    """E809: an ensemble cannot be one model."""
    hint = "to=bundle takes all members along as they are, and predict runs it"
    return ConfigError([Fault("E809", f"to={form} cannot express the ensemble: {why}", hint=hint)])


def _by_steps(settings: DataSettings) -> bool:
    """Whether a source's rows are prepared by `Steps`, and by nothing that was fitted."""
    cls = type(settings)
    return cls.prepared is DataSettings.prepared and cls.new_rows is DataSettings.new_rows


def _shape(name: str, members: Sequence[Single], steps: Sequence[Steps], form: str) -> tuple[int | None, ...]:
    """Of a row as the data have it: the shape of a member that does not resize, or open height and width."""
    known = {step.shapes[name]: single.name for single, step in zip(members, steps, strict=True) if step.size is None}
    if len(known) > 1:
        (one, a), (other, b) = list(known.items())[:2]
        raise inexpressible(form, f"rows have the shape {list(one)} for {a!r}, and {list(other)} for {b!r}")
    if known:
        return next(iter(known))
    return (OPEN, OPEN, steps[0].shapes[name][-1])


def _as_declared(x: NDArray[Any], shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    rows = x[..., np.newaxis] if x.ndim == len(shape) and shape[-1] == 1 else x
    return rows.astype(np.float32)


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(found) == len(shape) and all(size in (a, OPEN) for a, size in zip(found, shape, strict=True))
