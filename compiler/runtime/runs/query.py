"""Which of many runs: first a condition, then the best of what is left. Its faults stand where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from compiler.errors import Diagnostics, Place
from compiler.runtime.runs.best import Best, Mode, mode_of
from compiler.runtime.runs.entry import Entry
from compiler.runtime.runs.folded import Folded
from compiler.runtime.runs.index import Runs
from compiler.runtime.runs.where import FieldError, Where, refuse_test, require_field
from compiler.spec.expression import ExpressionError

Run = TypeVar("Run", Entry, Folded, Entry | Folded)
Text = tuple[str, Place]
"""What the user wrote, and where."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question about runs.

    Attributes:
        where: the condition.
        by, k, per, mode: of `Best`; `mode` None for the metric's own.
    """

    where: Text | None = None
    by: Text | None = None
    k: int | None = None
    per: tuple[Text, ...] = ()
    mode: Mode | None = None

    def matches(self, index: Runs, runs: Sequence[Run], diagnostics: Diagnostics) -> Sequence[Run] | None:
        """The runs of which the condition holds; None with a fault in `diagnostics`.

        Args:
            index: where `runs` are from; it keeps metrics that have to be computed.
        """
        if self.where is None:
            return runs
        text, place = self.where
        try:
            condition = Where.of(text)
            index.measure(list(_entries(runs)), condition.names)
            return condition.matches(runs)
        except (FieldError, ExpressionError) as error:
            spot = place.part(text, error.offset, error.width)
            diagnostics.report(error.code, str(error), spot, hint=error.hint)
            return None

    def best(self, index: Runs, runs: Sequence[Run], diagnostics: Diagnostics) -> Sequence[Run] | None:
        """The best of `runs`, all of them complete, the best one first; None with a fault. Arguments: see `matches`."""
        if self.by is None:
            return runs
        by, place = self.by
        index.measure(list(_entries(runs)), [by])
        faults = [_complaint(name, place, runs, diagnostics) for name, place in (self.by, *self.per)]
        mode = self.mode or mode_of(by)
        if mode is None and not any(faults):
            message = f"whether {by!r} is to be small or large is not known"
            diagnostics.report("E601", message, place, hint="say mode: min, or mode: max")
        if mode is None or any(faults):
            return None
        return Best(by, self.k, tuple(name for name, _ in self.per), mode).of(runs)


def _complaint(name: str, place: Place, runs: Sequence[Entry | Folded], diagnostics: Diagnostics) -> bool:
    """Whether a field cannot be asked for, which is reported."""
    try:
        refuse_test(name)
        require_field(name, runs)
    except FieldError as error:
        diagnostics.report(error.code, str(error), place, hint=error.hint)
        return True
    return False


def _entries(runs: Sequence[Entry | Folded]) -> Iterator[Entry]:
    for run in runs:
        yield from run.runs if isinstance(run, Folded) else (run,)
