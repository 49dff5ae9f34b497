"""Faults as data: what is wrong, where, and what to do about it. Printing is in `text.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text that a value can come from: a file, or one override of the command line.

    Attributes:
        name: the path as the user would type it, or the override itself.
        text: the whole text.
        kind: ``file`` or ``override``.
    """

    name: str
    text: str
    kind: Literal["file", "override"] = "file"


@dataclass(frozen=True, slots=True)
class Place:
    """A span of one line of a source; `line` and `column` count from 1."""

    source: Source
    line: int
    column: int
    width: int = 1

    @property
    def overridden(self) -> bool:
        """Whether the value stands on the command line."""
        return self.source.kind == "override"

    def within(self, text: str) -> Place:
        """The span of `text` in this one, where it stands there once, as between quotes or in an override's list."""
        lines = self.source.text.splitlines()
        line = lines[self.line - 1] if self.line <= len(lines) else ""
        before, found, after = line[self.column - 1 :][: self.width].partition(text)
        if not found or text in after:
            return self
        return replace(self, column=self.column + len(before), width=len(text))

    def part(self, text: str, offset: int, width: int | None = None) -> Place:
        """The span of a part of `text`, the value that stands here; where that is quoted, all of it.

        Args:
            offset: where the part begins in the text.
            width: None for all that follows.
        """
        if self.width != len(text):
            return self
        rest = len(text) - offset
        return replace(self, column=self.column + offset, width=max(1, min(width or rest, rest)))


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that explains a fault, e.g. where a variable got its value."""

    message: str
    place: Place


class Use(Note):
    """The place where an expression uses a value that the command line gave."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong (code ``E...``) or suspicious (code ``W...``).

    Attributes:
        code: a key of `codes.CODES`.
        message: the rule, then the value by repr with its type.
        place: where the user wrote it; None where nothing was written (an empty command line).
        hint: what to try, without the leading "hint:".
        trail: how the place is reached, outermost first (layer, block, copy).
        notes: further places that explain it.
    """

    code: str
    message: str
    place: Place | None = None
    hint: str | None = None
    trail: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E")

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for faults that a reader would call the same: one per copy of a repeat, or per use of an override."""
        if any(isinstance(note, Use) for note in self.notes):
            return (self.place,)
        return (self.code, self.message, self.place)


class ConfigError(Exception):
    """The user's input has faults; the program prints them and exits with status 2."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.code}: {fault.message}" for fault in self.faults))


@dataclass(slots=True)
class Diagnostics:
    """Collects the faults of all stages, so that they are reported at once."""

    _faults: dict[tuple[object, ...], Fault] = field(default_factory=dict[tuple[object, ...], Fault])

    @property
    def faults(self) -> list[Fault]:
        """What was collected, in order."""
        return list(self._faults.values())

    def add(self, fault: Fault) -> None:
        """Keep `fault`; of equal ones the first stands that says how its place is reached."""
        stands = self._faults.get(fault.identity)
        if stands is None or (fault.trail and not stands.trail):
            self._faults[fault.identity] = fault

    def report(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        hint: str | None = None,
        trail: tuple[str, ...] = (),
        notes: tuple[Note, ...] = (),
    ) -> None:
        """Build a fault and keep it."""
        self.add(Fault(code, message, place, hint, trail, notes))

    @property
    def has_errors(self) -> bool:
        return any(fault.is_error for fault in self._faults.values())

    def raise_errors(self) -> None:
        """Raise `ConfigError` with everything collected (warnings included) if one is an error."""
        if self.has_errors:
            raise ConfigError(self.faults)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest known word, or None where nothing is close.

    >>> did_you_mean("filter", ["filters", "strides"])
    "did you mean 'filters'?"
    """
    close = closest(word, known)
    return f"did you mean {close!r}?" if close else None


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` seems to mean, or None where nothing is close.

    >>> closest("conv2d", ["Conv2D", "Conv1D"])
    'Conv2D'
    """
    names = list(known)
    folded = {name.lower(): name for name in names}
    if word.lower() in folded and folded[word.lower()] != word:
        return folded[word.lower()]
    letters = sorted(word.lower())
    swapped = next((name for name in names if sorted(name.lower()) == letters and name != word), None)
    if swapped is not None:
        return swapped
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    return close[0] if close else None


def shown(value: object, limit: int = 60) -> str:
    """`value` by its repr, cut to `limit` characters, with its type, as messages show it.

    >>> shown("x")
    "'x', a str"
    """
    kind = type(value).__name__
    names = {"NoneType": "null", "dict": "a mapping", "list": "a list", "tuple": "a list"}
    article = "an" if kind[0] in "aeiou" else "a"
    described = names.get(kind, f"{article} {kind}")
    if value is None:
        return "null"
    text = repr(value)
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    return f"{text}, {described}"


def moved(fault: Fault, trail: tuple[str, ...]) -> Fault:
    """`fault` with `trail` in front of its own."""
    return replace(fault, trail=trail + fault.trail)
