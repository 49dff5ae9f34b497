"""From what `ensemble.members` says to runs: folders, globs and selectors.

members:
  - outputs/runs/a                                   # a run, of whatever kind
  - outputs/sweeps/x/trials/*                        # the complete runs that a glob matches
  - {run: outputs/runs/b}                            # the same, as mappings
  - {glob: outputs/sweeps/**}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compiler.errors import ConfigError, Diagnostics, Place, did_you_mean, shown
from compiler.runtime.runs.entry import Entry, read_entry
from compiler.runtime.runs.index import runs_below
from compiler.runtime.runs.pattern import Pattern, is_pattern
from compiler.spec.form import known_keys
from compiler.spec.located import Leaf, Map, Seq, Tree, plain

Form = Literal["run", "folds", "ensemble"]
_KINDS = ("run", "glob")


@dataclass(frozen=True, slots=True)
class Selected:
    """A member that a selector chose. Its files are not looked at yet.

    Attributes:
        name: how it is called; the folder's path, as typed.
        runs: the folders of its runs; several for `folds` alone.
        form: `ensemble` where the run is one itself.
        place: of its selector.
    """

    name: str
    runs: tuple[Path, ...]
    form: Form
    place: Place


def resolve(members: Tree, diagnostics: Diagnostics, root: Path = Path()) -> tuple[Selected, ...]:
    """The members, in the order of the selectors; of one selector, by path. Every fault goes to `diagnostics`.

    Args:
        members: `ensemble.members`.
        root: where relative paths begin.
    """
    items = members.items if isinstance(members, Seq) else (members,)
    found = [one for item in items for one in _selected(item, diagnostics, root)]
    if not items:
        hint = "ensemble.members=[outputs/runs/*]"
        diagnostics.report("E116", "the ensemble has no members", members.place, hint=hint)
    return tuple(found)


def _selected(item: Tree, diagnostics: Diagnostics, root: Path) -> Iterator[Selected]:
    if isinstance(item, Map):
        yield from _of_mapping(item, diagnostics, root)
    elif isinstance(item, Leaf) and isinstance(item.value, str) and item.value:
        text = item.value
        if is_pattern(text) and not (root / text).is_dir():
            yield from _of_glob(text, item.place, diagnostics, root)
        else:
            yield from _of_folder(text, item.place, diagnostics, root)
    else:
        message = f"a member must be a folder, a glob or a selector (got {shown(plain(item))})"
        diagnostics.report("E106", message, item.place)


def _of_mapping(item: Map, diagnostics: Diagnostics, root: Path) -> Iterator[Selected]:
    known_keys(item, _KINDS, "a selector", diagnostics)
    kinds = [key for key in _KINDS if key in item.entries]
    if len(kinds) != 1:
        message = f"a selector has one of {', '.join(_KINDS)} (got {' and '.join(kinds) or 'none'})"
        diagnostics.report("E105", message, item.place)
        return
    value = item.entries[kinds[0]]
    if not isinstance(value, Leaf) or not isinstance(value.value, str) or not value.value:
        message = f"{kinds[0]!r} must be a path (got {shown(plain(value))})"
        diagnostics.report("E106", message, value.place)
    elif kinds[0] == "glob":
        yield from _of_glob(value.value, value.place, diagnostics, root)
    else:
        yield from _of_folder(value.value, value.place, diagnostics, root)


def _of_folder(text: str, place: Place, diagnostics: Diagnostics, root: Path) -> Iterator[Selected]:
    folder = root / text
    status, fields = read_entry(folder)
    if status == "complete":
        yield _member(Entry(folder, status, fields), place, root)
        return
    if not folder.is_dir():
        beside = [each.name for each in folder.parent.glob("*") if each.is_dir()] if folder.parent.is_dir() else []
        hint = did_you_mean(folder.name, beside)
        diagnostics.report("E006", f"there is no folder {text!r}", place, hint=hint)
        return
    reason = f": {fields['reason']}" if fields.get("reason") else ""
    diagnostics.report("E803", f"the run {text!r} is not complete: its status is {status!r}{reason}", place)


def _of_glob(text: str, place: Place, diagnostics: Diagnostics, root: Path) -> Iterator[Selected]:
    pattern = Pattern.of(text)
    start = root / pattern.start
    try:
        below = runs_below(start, pattern.depth)
    except ConfigError:
        diagnostics.report("E213", f"the glob {text!r} matches nothing: there is no folder '{pattern.start}'", place)
        return
    matched = [entry for entry in below if pattern.matches(_path(entry, start))]
    complete = [entry for entry in matched if entry.complete]
    if not complete:
        states = ", ".join(sorted({entry.status for entry in matched}))
        told = f"no complete run: {len(matched)} that are {states}" if matched else "no run"
        diagnostics.report("E213", f"the glob {text!r} matches {told}", place)
    for entry in complete:
        yield _member(entry, place, root)


def _member(entry: Entry, place: Place, root: Path) -> Selected:
    form: Form = "ensemble" if entry.fields.get("kind") == "ensemble" else "run"
    return Selected(_path(entry, root), (entry.path,), form, place)


def _path(entry: Entry, start: Path) -> str:
    path = entry.path
    inside = path.relative_to(start) if path.is_relative_to(start) else path
    return "" if inside == Path() else inside.as_posix()
