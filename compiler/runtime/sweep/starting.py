"""What a sweep begins with: points in advance, and the finished trials of earlier sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.errors import ConfigError, Diagnostics, Fault
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.methods import Grid
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.settings import SearchSettings
from compiler.runtime.sweep.space import Space
from compiler.runtime.sweep.trials import WARM
from compiler.spec.located import Map, at, plain

if TYPE_CHECKING:
    from compiler.runtime.sweep.domains import Value
    from compiler.runtime.sweep.trials import TrialState

Point = Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A finished trial of another sweep.

    Attributes:
        origin: `warm:FOLDER#NUMBER`.
        point: what it was, of this sweep's parameters.
        trial: what became of it.
    """

    origin: str
    point: Point
    trial: TrialState


@dataclass(frozen=True, slots=True)
class Start:
    """What `Study.fill` makes.

    Attributes:
        slots: the origin of each trial, and the values that are fixed for it; all others are drawn.
        earlier: trials that the method knows from the beginning; they count for nothing.
    """

    slots: Sequence[tuple[str, Point]] = ()
    earlier: Sequence[Earlier] = ()


def read_start(
    search: SearchSettings, space: Space, objectives: Sequence[Objective], section: Map, diagnostics: Diagnostics
) -> Start:
    """What the sweep begins with; faults go to `diagnostics`.

    Args:
        section: the `search` section, for places.

    A point of `search.enqueue` that fixes some parameters only is drawn for the others. Of an earlier sweep
    (`search.warm_start`), complete and pruned trials are known whose parameters are this sweep's, with values that it
    can draw; it must have had the same objectives, and a folder that is no sweep is E803.
    """
    points: list[tuple[str, Point]] = [("enqueued", point) for point in _enqueued(search, space, section, diagnostics)]
    earlier = list(_earlier(search, space, objectives, section, diagnostics))
    if isinstance(search.method, Grid):
        grid = _grid(space, diagnostics)
        return Start([*points, *islice(grid, search.n_trials)], earlier)
    if search.n_trials is None:
        place = at(section, ("n_trials",))[0]
        message = "how many trials there are is said by search.n_trials: only a grid comes to an end by itself"
        diagnostics.report("E107", message, place, hint="search.n_trials=20")
    elif len(points) > search.n_trials:
        place = at(section, ("enqueue",))[0]
        message = f"search.enqueue has {len(points)} points, and search.n_trials is {search.n_trials}"
        diagnostics.report("E107", message, place, hint=f"search.n_trials={len(points)}, or more")
    drawn = (search.n_trials or 0) - len(points)
    return Start([*points, *([("drawn", {})] * drawn)], earlier)


def _grid(space: Space, diagnostics: Diagnostics) -> Iterator[tuple[str, Point]]:
    try:
        return (("grid", point) for point in space.grid())
    except ConfigError as error:
        _add(error, diagnostics)
        return iter(())


def _enqueued(search: SearchSettings, space: Space, section: Map, diagnostics: Diagnostics) -> Iterator[Point]:
    listed = not isinstance(section.get("enqueue"), Map)
    for i, point in enumerate(search.enqueue):
        try:
            yield space.parse(point, at(section, ("enqueue", i) if listed else ("enqueue",))[0])
        except ConfigError as error:
            _add(error, diagnostics)


def _earlier(
    search: SearchSettings,
    space: Space,
    objectives: Sequence[Objective],
    section: Map,
    diagnostics: Diagnostics,
) -> Iterator[Earlier]:
    from compiler.runtime.sweep.study import Study

    listed = not isinstance(plain(section.entries["warm_start"]), str) if "warm_start" in section.entries else True
    for i, root in enumerate(search.warm_start):
        place = at(section, ("warm_start", i) if listed else ("warm_start",))[0]
        try:
            study = Study.open(SweepFolder(Path(root)))
        except ConfigError as error:
            for fault in error.faults:
                diagnostics.add(Fault(fault.code, fault.message, place, fault.hint))
            continue
        if study.objectives != tuple(objectives):
            theirs = ", ".join(f"{objective.name} ({objective.direction})" for objective in study.objectives)
            message = f"the sweep '{root}' had other objectives: {theirs}"
            diagnostics.report("E107", message, place, hint="only sweeps with the same ones can be gone on from")
            continue
        for trial in study.trials():
            point = _fitting(space, trial.params) if trial.state in ("complete", "pruned") else None
            if point is not None:
                yield Earlier(f"{WARM}{root}#{trial.number}", point, trial)


def _fitting(space: Space, params: Mapping[str, Any]) -> Point | None:
    """The point of `space` that has these values; None where it has none, or would leave one to be drawn."""
    point: dict[str, Value] = {}
    for parameter in space.ordered:
        if space.exists(parameter, point):
            value = parameter.domain.find(params[parameter.key]) if parameter.key in params else None
            if value is None:
                return None
            point[parameter.key] = value
    return point if len(point) == len(params) else None


def _add(error: ConfigError, diagnostics: Diagnostics) -> None:
    for fault in error.faults:
        diagnostics.add(fault)
