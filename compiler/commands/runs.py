"""The command `runs`: a table of saved runs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.commands.text import Commands, Report, as_json, pairs, place_of, whole
from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source, did_you_mean

if TYPE_CHECKING:
    from compiler.runtime.runs.entry import Entry
    from compiler.runtime.runs.query import Query

_SETTINGS = {
    "where": "'$val.accuracy > 0.9'",
    "by": "val.log_loss",
    "best": "5",
    "per": "model.name",
    "mode": "max",
    "show": "test.accuracy,config.train.epochs",
}


def add(commands: Commands) -> None:
    """Register the command of this file."""
    runs = commands.add_parser("runs", help="a table of saved runs, filtered and ranked")
    runs.set_defaults(run=_runs)
    usage = "[FOLDER or GLOB] " + " ".join(f"[{key}={value}]" for key, value in _SETTINGS.items())
    runs.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=usage)
    runs.add_argument("--json", action="store_true", help="for programs: the runs, or the faults, as JSON")


def _runs(args: argparse.Namespace, report: Report) -> str:
    from compiler.runtime.runs.index import Runs
    from compiler.runtime.runs.pattern import Pattern
    from compiler.runtime.runs.table import counts, table

    roots = [word for word in args.settings if "=" not in word or Path(word).is_dir()]
    given = pairs([word for word in args.settings if word not in roots], "runs", {}, _SETTINGS)
    if len(roots) > 1:
        message = f"runs takes one folder or glob (got {roots[0]!r} and {roots[1]!r})"
        raise ConfigError([Fault("E007", message, hint="quote a glob, so that it comes here whole: 'outputs/runs/*'")])
    query, show = _query(given), [name for name in given.get("show", "").split(",") if name]
    pattern = Pattern.of(roots[0] if roots else "outputs")
    if not pattern.start.is_dir():
        raise ConfigError([Fault("E006", f"there is no folder '{pattern.start}'", _word(str(pattern.start), roots))])
    index = Runs(pattern.start, pattern.depth if pattern.steps else None)
    runs = [run for run in index.entries if not pattern.steps or pattern.matches(index.inside(run))]
    diagnostics = Diagnostics()
    found = query.matches(index, runs, diagnostics)
    ranked = query.best(index, [run for run in found or runs if run.complete], diagnostics)
    diagnostics.raise_errors()
    assert found is not None and ranked is not None, "there is no fault"
    if query.by is not None and query.k is None:
        first = set(ranked)
        ranked = [*ranked, *(run for run in found if run not in first)]
    listed = found if query.by is None else ranked
    index.measure(listed, show)
    index.keep()
    fields: list[str] = [*([query.by[0]] if query.by else []), *show]
    if args.json:
        return as_json([_as_data(run, fields) for run in listed])
    return (table(listed, fields) if listed else "") + counts(listed) + "\n"


def _as_data(run: Entry, fields: Sequence[str]) -> dict[str, object]:
    """What most asks for, and some fields besides."""
    from compiler.runtime.runs.entry import MISSING

    more = {name: run.get(name) for name in fields}
    known = {name: value for name, value in more.items() if value is not MISSING}
    return {"path": run.path, **run.head, "status": run.status, **known}


def _query(given: Mapping[str, str]) -> Query:
    """What is asked of the runs.

    Raises:
        ConfigError: E007, a setting that goes with `by` stands alone; E107 or E117, one has no legal value.
    """
    from compiler.runtime.runs.query import Query

    alone = [key for key in ("best", "per", "mode") if key in given and "by" not in given]
    if alone:
        message = f"{alone[0]!r} needs 'by': the field that the runs are compared by"
        raise ConfigError([Fault("E007", message, place_of(alone[0], given), hint="by=val.log_loss")])
    mode = given.get("mode")
    if mode is not None and mode not in ("min", "max"):
        hint = did_you_mean(mode, ("min", "max")) or "one of min, max"
        raise ConfigError([Fault("E117", f"unknown mode {mode!r}", place_of("mode", given), hint=hint)])
    where, by = ((given[key], place_of(key, given)) if key in given else None for key in ("where", "by"))
    per = tuple((name, place_of("per", given)) for name in given.get("per", "").split(",") if name)
    k = whole(given, "best") if "best" in given else 1 if per else None
    return Query(where, by, k, per, "min" if mode == "min" else "max" if mode == "max" else None)


def _word(text: str, roots: list[str]) -> Place | None:
    return Place(Source(roots[0], roots[0], "override"), 1, 1, len(text)) if roots else None
