"""The located tree: plain YAML values, each with the place where the user wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from compiler.errors import Diagnostics, Note, Place
from compiler.settings import InvalidSettings, Path, Settings, validate

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar.

    Attributes:
        raw: its text in the file where YAML read a plain (unquoted) word as something else than that string;
            None otherwise. It explains `no`, `010` and `12:30`.
        notes: further places that explain the value, e.g. the variables of its expression.
    """

    value: Value
    place: Place
    raw: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Seq:
    """A list."""

    items: tuple[Tree, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; `keys` has the place of each key."""

    entries: Mapping[str, Tree]
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict[str, Place])

    def key_place(self, key: str) -> Place:
        """Where `key` stands, or where the mapping does."""
        return self.keys.get(key, self.place)

    def get(self, key: str) -> Tree | None:
        return self.entries.get(key)


Tree = Leaf | Seq | Map


def plain(tree: Tree) -> object:
    """The tree's value without places."""
    if isinstance(tree, Leaf):
        return tree.value
    if isinstance(tree, Seq):
        return [plain(item) for item in tree.items]
    return {key: plain(value) for key, value in tree.entries.items()}


def located(value: object, place: Place) -> Tree:
    """A tree for a plain value, all of it at one place."""
    if isinstance(value, Mapping):
        entries: dict[str, object] = {str(key): item for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any mapping
        return Map({key: located(item, place) for key, item in entries.items()}, place, dict.fromkeys(entries, place))
    if isinstance(value, (list, tuple)):
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # any list
        return Seq(tuple(located(item, place) for item in items), place)
    if value is None or isinstance(value, (str, int, float, bool)):
        return Leaf(value, place)
    raise TypeError(f"not a YAML value: {value!r}")


def at(tree: Tree, path: Path, *, key: bool = False) -> tuple[Place, Tree]:
    """The place and subtree at the end of `path`, or as far along it as the tree goes; with `key`, the last key's."""
    place = tree.place
    for step in path:
        if isinstance(tree, Map) and str(step) in tree.entries:
            place, tree = tree.key_place(str(step)), tree.entries[str(step)]
            if not (key and step is path[-1]):
                place = tree.place
        elif isinstance(tree, Seq) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
            place = tree.place
        else:
            break
    return place, tree


S = TypeVar("S", bound=Settings)


def validated(
    cls: type[S],
    tree: Map,
    diagnostics: Diagnostics,
    *,
    subject: str | None = None,
    place: Place | None = None,
    trail: tuple[str, ...] = (),
) -> S | None:
    """Make a `cls` from a located mapping; None, with the faults in `diagnostics`, where it does not.

    Args:
        subject: how messages name the record; the class's name by default.
        place: where a missing field is reported; the mapping's own place by default.
        trail: how the mapping is reached.
    """
    try:
        return validate(cls, {key: plain(value) for key, value in tree.entries.items()}, subject)
    except InvalidSettings as error:
        for problem in error.problems:
            spot, found = at(tree, problem.path, key=problem.at_key)
            if not problem.path and place:
                spot = place
            notes = found.notes if isinstance(found, Leaf) else ()
            hint = problem.hint or (trap_hint(found) if problem.code in ("E106", "E107") else None)
            diagnostics.report(problem.code, problem.message, spot, hint=hint, trail=trail, notes=notes)
        return None


def notes_of(tree: Tree) -> tuple[Note, ...]:
    """The places that explain a value: its own, or those of a list's first item."""
    if isinstance(tree, Leaf):
        return tree.notes
    return notes_of(tree.items[0]) if isinstance(tree, Seq) and tree.items else ()


def trap_hint(tree: Tree) -> str | None:
    """A hint where YAML made something else of a bare word than a string."""
    if isinstance(tree, Leaf) and tree.raw is not None:
        return f"YAML reads a bare {tree.raw} as {as_yaml(tree.value)}: quote it ('{tree.raw}') to mean the text"
    return None


def warn_of_traps(tree: Tree, diagnostics: Diagnostics) -> None:
    """Warn of numbers that YAML 1.1 reads in base 8 or 60 (010 is 8, and 12:30 is 750), unless they raised an error."""
    blamed = {(fault.place.source, fault.place.line, fault.place.column) for fault in diagnostics.faults if fault.place}

    def visit(tree: Tree) -> None:
        if not isinstance(tree, Leaf):
            for child in tree.items if isinstance(tree, Seq) else tree.entries.values():
                visit(child)
        elif tree.raw is not None and type(tree.value) in (int, float):
            place = tree.place
            if (place.source, place.line, place.column) not in blamed:
                base, numbers = ("60", "") if ":" in tree.raw else ("8", f"{int(tree.raw.replace('_', ''))} or ")
                message = f"YAML reads a bare {tree.raw} as {tree.value}, a number in base {base}"
                hint = f"write {numbers}{tree.value}, or quote it ('{tree.raw}') to mean the text"
                diagnostics.report("W010", message, place, hint=hint)

    visit(tree)


def as_yaml(value: object) -> str:
    """A value as YAML has it, for messages."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
