"""From what `ensemble.members` says to runs.

members:
  - outputs/runs/a                                # a run, of whatever kind; an ensemble's too
  - outputs/sweeps/x/trials/*                     # the complete runs that a glob matches
  - {glob: outputs/runs/**, where: "$val.accuracy > 0.9 and kind in ['keras', 'gbdt']"}
  - {sweep: outputs/sweeps/x, best: {k: 5, by: val.log_loss, per: model.name}}
  - {folds: outputs/runs/cv-*}                    # one run of each fold: together one member
  - {lock: outputs/runs/e/members.lock.yaml}      # the members of another ensemble
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ConfigError, Diagnostics, Place, did_you_mean, shown
from compiler.runtime.ensemble.choices import CHOICES, read_query
from compiler.runtime.ensemble.lock import LOCK, Form, read_lock, run_of
from compiler.runtime.run.files import RECORD
from compiler.runtime.run.reader import read_run
from compiler.runtime.runs.entry import Entry, read_parts
from compiler.runtime.runs.folded import Folded, folded
from compiler.runtime.runs.index import Runs
from compiler.runtime.runs.pattern import Pattern, is_pattern
from compiler.runtime.runs.query import Query
from compiler.spec.form import known_keys
from compiler.spec.located import Leaf, Map, Seq, Tree, plain

KINDS = ("run", "glob", "sweep", "folds", "lock")
"""What a selector can name: its first key."""

_GOES_WITH = {"where": ("glob", "sweep", "folds"), "best": ("glob", "sweep")}


@dataclass(frozen=True, slots=True)
class Selected:
    """A member that a selector chose. Its files are not looked at yet.

    Attributes:
        name: how it is called: its folder as one would type it, of `folds` their glob; in a lock as it is called there.
        runs: the folders of its runs; several for `folds` alone.
        form: `ensemble` where the run is one itself.
        place: of its selector.
    """

    name: str
    runs: tuple[Path, ...]
    form: Form
    place: Place


def resolve(members: Tree, diagnostics: Diagnostics, root: Path = Path()) -> tuple[Selected, ...]:
    """The members, in the order of the selectors; of one selector by path, or the best first.

    Every fault goes to `diagnostics`, at its selector: E006 no such folder; E213 nothing is selected; E803 a run that
    is not complete, or a lock that cannot be used; E101, E105, E106, E107, E117 of the selector's form; E201, E202,
    E203, E601, E850 of `where` and `best`.

    Args:
        members: `ensemble.members`.
        root: where relative paths begin.
    """
    items = members.items if isinstance(members, Seq) else (members,)
    if not items:
        hint = "ensemble.members=[outputs/runs/*]"
        diagnostics.report("E116", "the ensemble has no members", members.place, hint=hint)
    selectors = [_read(item, diagnostics, root) for item in items]
    return tuple(one for selector in selectors if selector for one in selector.selected(diagnostics))


def _read(item: Tree, diagnostics: Diagnostics, root: Path) -> _Selector | None:
    """The selector that an item is; None with the fault in `diagnostics`."""
    if isinstance(item, Leaf) and isinstance(item.value, str) and item.value:
        several = is_pattern(item.value) and not (root / item.value).is_dir()
        place = item.place.within(item.value)
        return _Selector("glob" if several else "run", item.value, place, Query(), place, root)
    if not isinstance(item, Map):
        message = f"a member must be a folder, a glob or a selector (got {shown(plain(item))})"
        diagnostics.report("E106", message, item.place)
        return None
    known_keys(item, (*KINDS, *CHOICES), "a selector", diagnostics)
    kinds = [key for key in KINDS if key in item.entries]
    if not kinds and not item.entries.keys() <= {*KINDS, *CHOICES}:
        return None  # the unknown key is the fault
    if len(kinds) != 1:
        message = f"a selector has one of {', '.join(KINDS)} (got {' and '.join(kinds) or 'none'})"
        diagnostics.report("E105", message, item.place)
        return None
    kind = kinds[0]
    for key, those in _GOES_WITH.items():
        if key in item.entries and kind not in those:
            message = f"{key!r} goes with {', '.join(those)}, and not with {kind!r}"
            diagnostics.report("E101", message, item.key_place(key))
            return None
    query, value = read_query(item, diagnostics), item.entries[kind]
    if not isinstance(value, Leaf) or not isinstance(value.value, str) or not value.value:
        diagnostics.report("E106", f"{kind!r} must be a path (got {shown(plain(value))})", value.place)
        return None
    place = value.place.within(value.value)
    spot = next((item.key_place(key) for key in CHOICES if key in item.entries), place)
    return _Selector(kind, value.value, place, query, spot, root) if query else None


@dataclass(frozen=True, slots=True)
class _Selector:
    """One selector.

    Attributes:
        kind: one of `KINDS`.
        text, place: the path or glob, and where it stands.
        query: which of what is found; `query_place` is where it begins.
        root: where relative paths begin.
    """

    kind: str
    text: str
    place: Place
    query: Query
    query_place: Place
    root: Path

    def selected(self, diagnostics: Diagnostics) -> Iterator[Selected]:
        """The members; where there are none, a fault says why."""
        if self.kind == "run":
            return self._run(diagnostics)
        return self._locked(diagnostics) if self.kind == "lock" else self._many(diagnostics)

    def _run(self, diagnostics: Diagnostics) -> Iterator[Selected]:
        folder = self.root / self.text
        if not folder.is_dir():
            beside = [each.name for each in folder.parent.iterdir()] if folder.parent.is_dir() else []
            hint = did_you_mean(folder.name, beside)
            diagnostics.report("E006", f"there is no folder {self.text!r}", self.place, hint=hint)
            return
        if not (folder / RECORD).is_file():
            message = f"{self.text!r} is not a run: it has no {RECORD}"
            diagnostics.report("E803", message, self.place, hint=_meant(folder, self.text))
            return
        head, _ = read_parts(folder)
        status, why = head["status"], f": {head['reason']}" if head.get("reason") else ""
        if status == "complete":
            yield self._one(self.text, (folder,), head.get("kind"))
        else:
            message = f"the run {self.text!r} is not complete: its status is {status!r}{why}"
            hint = "it is still at work, or was killed" if status == "running" else None
            diagnostics.report("E803", message, self.place, hint=hint)

    def _locked(self, diagnostics: Diagnostics) -> Iterator[Selected]:
        path = self.root / self.text
        if path.name != LOCK or not path.is_file():
            diagnostics.report("E006", f"there is no {LOCK} at {self.text!r}", self.place)
            return
        try:
            for locked in read_lock(read_run(path.parent, verify=False)):
                runs = tuple(run_of(run, path.parent).root for run in locked.runs)
                yield Selected(locked.name, runs, locked.form, self.place)
        except ConfigError as error:
            for fault in error.faults:
                diagnostics.report(fault.code, fault.message, self.place, hint=fault.hint)

    def _many(self, diagnostics: Diagnostics) -> Iterator[Selected]:
        patterns = [Pattern.of(text) for text in self._globs()]
        start = patterns[0].start
        if not (self.root / start).is_dir():
            message = f"the {self.kind} {self.text!r} has no runs: there is no folder '{start}'"
            diagnostics.report("E213", message, self.place)
            return
        depths = [pattern.depth for pattern in patterns]
        index = Runs(self.root / start, None if None in depths else max(depth or 0 for depth in depths))
        matched = [run for run in index.entries if any(each.matches(index.inside(run)) for each in patterns)]
        there = self._candidates(matched)
        if not there:
            diagnostics.report("E213", self._nothing(matched), self.place)
            return
        matches = self.query.matches(index, there, diagnostics)
        found = self.query.best(index, matches, diagnostics) if matches is not None else None
        index.keep()
        if found is None:
            return
        if not found:
            message = f"of {len(there)} complete run{'s' * (len(there) > 1)} none is left"
            hint = f"python -m compiler runs '{start}' shows what they say"
            diagnostics.report("E213", message, self.query_place, hint=hint)
        elif self.kind == "folds":
            yield self._one(self.text, [Path(one.path) for one in found], "folds")
        else:
            for one in found:
                runs = [Path(run.path) for run in (one.runs if isinstance(one, Folded) else (one,))]
                path = Path(one.path)
                name = path.relative_to(self.root) if path.is_relative_to(self.root) else path
                yield self._one(name.as_posix(), runs, "folds" if isinstance(one, Folded) else one.get("kind"))

    def _globs(self) -> Sequence[str]:
        """What the runs' folders match; a sweep's trial with folds has them one level further down."""
        if self.kind != "sweep":
            return (self.text,)
        trials = f"{self.text.rstrip('/')}/trials"
        return (f"{trials}/*", f"{trials}/*/fold-*")

    def _candidates(self, matched: Sequence[Entry]) -> Sequence[Entry | Folded]:
        """What can be a member, in the order of the paths."""
        complete = [run for run in matched if run.complete]
        return sorted(folded(complete), key=_path) if self.kind == "sweep" else complete

    def _nothing(self, matched: Sequence[Entry]) -> str:
        states = ", ".join(f"{number} {status}" for status, number in Counter(run.status for run in matched).items())
        told = f"no complete run ({states})" if matched else "no run"
        return f"the {self.kind} {self.text!r} has {told}"

    def _one(self, name: str, runs: Sequence[Path], kind: object) -> Selected:
        form: Form = "ensemble" if kind == "ensemble" else "folds" if kind == "folds" else "run"
        return Selected(name, tuple(runs), form, self.place)


def _path(run: Entry | Folded) -> str:
    return run.path


def _meant(folder: Path, text: str) -> str | None:
    """What may be meant by a folder that is no run."""
    if (folder / "trials").is_dir():
        return f"it is a sweep: {{sweep: {text}}}"
    return f"its runs: {text.rstrip('/')}/*" if next(folder.glob(f"*/{RECORD}"), None) else None
