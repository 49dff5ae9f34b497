"""What can be said of a sweep before anything is queued: what is at fault whatever is drawn, and the points of a grid.

A combination that does not work is no reason to refuse a sweep: its trial is infeasible, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hydra._internal.config_loader_impl import ConfigLoaderImpl

from compiler.errors import ConfigError, Fault, Note
from compiler.runtime.sweep.composer import Composer
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.domains import Value
from compiler.runtime.sweep.methods import Grid
from compiler.runtime.sweep.points import at_random, completed, extremes
from compiler.runtime.sweep.space import Parameter, Space
from compiler.spec.located import Seq

TRIES = 30
"""Points among which one without a fault is looked for."""

SHOWN = 20  # faults that are listed of a grid

_OF_A_VALUE = ("E006", "E007", "E008", "E101", "E102", "E104", "E106", "E107", "E117", "E206")
"""Codes of a value that is wrong by itself, where the fault is at its own override."""

Point = Mapping[str, Value]
_Tried = tuple[Point, tuple[Fault, ...]]


def preflight(definition: Definition, loader: ConfigLoaderImpl) -> list[Fault]:
    """Look at a sweep before it begins: at each point of a grid, else at what can be said of all points.

    Returns:
        Warnings: W656, points or values that are at fault.

    Raises:
        ConfigError: no point of it can be trained, or a value of it never can.
    """
    composer = Composer(loader, definition.config_name, definition.fixed)
    if isinstance(definition.search.method, Grid):
        found = check_grid(definition.space, composer, definition.search.n_trials).report(definition.space)
    else:
        found = probe(definition, composer)
    if any(fault.is_error for fault in found):
        raise ConfigError(found)
    return found


def probe(definition: Definition, composer: Composer) -> list[Fault]:
    """What is wrong with a sweep whatever is drawn: with errors it is not worth starting.

    Every choice, and both ends of ranges and intervals, are tried one at a time beside a point that has no fault.

    Returns:
        Errors: E653 of an enqueued point; the faults that all points have; E655 where each has another; the fault of a
        value that is wrong by itself. Warnings: W656, a value that had a fault beside the others.
    """
    space = definition.space
    faults, enqueued = _enqueued(definition)
    tried: list[_Tried] = []
    for point in _candidates(space, enqueued):
        found = faults_of(composer, space, point)
        tried.append((point, found))
        if not found:
            return _located([*faults, *_one_at_a_time(composer, space, point)], space)
        if _no_such_key(tried, space, composer):
            break
    return _located([*faults, *_of_all(tried, space)], space)


def faults_of(composer: Composer, space: Space, point: Point) -> tuple[Fault, ...]:
    """The errors of a point; none where it can be trained."""
    try:
        composer.plan(space.overrides(point))
    except ConfigError as error:
        return tuple(fault for fault in error.faults if fault.is_error)
    return ()


def _enqueued(definition: Definition) -> tuple[list[Fault], list[Point]]:
    faults: list[Fault] = []
    points: list[Point] = []
    tree = definition.tree.get("enqueue")
    for i, given in enumerate(definition.search.enqueue):
        place = tree.items[i].place if isinstance(tree, Seq) and i < len(tree.items) else tree.place if tree else None
        try:
            points.append(definition.space.parse(given, place))
        except ConfigError as error:
            faults += error.faults
    return faults, points


def _candidates(space: Space, enqueued: Sequence[Point]) -> Iterator[Point]:
    yield completed(space, {}, {})
    if len(space):
        yield from (completed(space, point, {}) for point in enqueued)
        yield from (at_random(space, seed) for seed in range(TRIES))


def _one_at_a_time(composer: Composer, space: Space, base: Point) -> Iterator[Fault]:
    for parameter in space:
        for value in extremes(parameter):
            point = completed(space, {parameter.key: value}, base)
            if point == base:
                continue
            found = faults_of(composer, space, point)
            own = [fault for fault in found if _is_of(fault, parameter.override(value))]
            if own:
                yield from own
            elif found:
                yield _doubtful(parameter, value, found)


def _is_of(fault: Fault, override: str) -> bool:
    """Whether a fault says that the override's value is wrong, rather than what it does to others."""
    places = (fault.place, *(note.place for note in fault.notes))
    return fault.code in _OF_A_VALUE and any(place and place.source.text == override for place in places)


def _doubtful(parameter: Parameter, value: Value, found: Sequence[Fault]) -> Fault:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    message = f"{parameter.override(value)} is at fault beside the other values: {first.code}: {first.message}{more}"
    hint = "such trials are infeasible; search.conditions says which parameters exist where"
    return Fault("W656", message, parameter.place, hint=hint)


def _no_such_key(tried: Sequence[_Tried], space: Space, composer: Composer) -> bool:
    """Whether a key is missing everywhere: that depends on the files alone, and each try has Hydra compose."""
    enough = 8 if any(composer.is_group(parameter.key) for parameter in space) else 2
    return len(tried) >= enough and any(fault.code == "E007" for fault in _common(tried, space))


def _common(tried: Sequence[_Tried], space: Space) -> list[Fault]:
    """The faults of the first point that all others have too."""
    same = set.intersection(*({_identity(fault, space) for fault in found} for _, found in tried))
    return [fault for fault in tried[0][1] if _identity(fault, space) in same]


def _of_all(tried: Sequence[_Tried], space: Space) -> list[Fault]:
    """The faults that all points have; E655 where there are none."""
    if common := _common(tried, space):
        return common
    seen: dict[object, Fault] = {}
    for _, found in tried:
        for fault in found:
            seen.setdefault(_identity(fault, space), fault)
    worst = [f"{fault.code}: {fault.message}" for fault in list(seen.values())[:3]]
    message = f"none of {len(tried)} points of the space is without a fault: {'; '.join(worst)}"
    return [Fault("E655", message, next((p.place for p in space), None), hint="begin with fewer parameters")]


def _identity(fault: Fault, space: Space) -> tuple[object, ...]:
    """What two faults of different points have in common: the same override's, or at the same place in a file."""
    if fault.place is None:
        return (fault.code, fault.message)
    source = fault.place.source
    key = source.text.partition("=")[0].lstrip("+~")
    if fault.place.overridden and key in space.by_key:
        return (fault.code, key)
    return (fault.code, source.name, fault.place.line, fault.place.column)


def _located(faults: Sequence[Fault], space: Space) -> list[Fault]:
    """The faults, each once, with a note where a file says the parameter at whose override they are."""
    found: dict[object, Fault] = {}
    for fault in faults:
        text = fault.place.source.text if fault.place and fault.place.overridden else ""
        parameter = space.by_key.get(text.partition("=")[0].lstrip("+~"))
        written = parameter.place if parameter else None
        if written and not written.overridden and written != fault.place:
            fault = replace(fault, notes=(*fault.notes, Note("the parameter is here", written)))
        found.setdefault((fault.code, fault.message, text), fault)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class CheckedGrid:
    """A grid, looked at whole.

    Attributes:
        points: all of them, in order.
        faults: of those that have some, by their place in `points`.
    """

    points: tuple[Point, ...]
    faults: Mapping[int, tuple[Fault, ...]]

    @property
    def feasible(self) -> int:
        """How many points can be trained."""
        return len(self.points) - len(self.faults)

    def report(self, space: Space) -> list[Fault]:
        """Each fault once, with the points that have it: warnings (W656), but errors where no point is without."""
        groups: dict[object, list[tuple[int, Fault]]] = {}
        for number, faults in self.faults.items():
            for fault in faults:
                text = fault.place.source.name if fault.place else ""
                groups.setdefault((fault.code, fault.message, text), []).append((number, fault))
        told = [self._told(group, space) for group in list(groups.values())[:SHOWN]]
        if len(groups) > SHOWN:
            told.append(Fault(told[0].code, f"and {len(groups) - SHOWN} other faults of the grid's points"))
        return told

    def _told(self, group: Sequence[tuple[int, Fault]], space: Space) -> Fault:
        first = group[0][1]
        which = self._which({number for number, _ in group}, space)
        where = f"in {len(group)} of {len(self.points)} points: {which}"
        if not self.feasible:
            return replace(first, message=f"{first.message} ({where})")
        hint = first.hint or "they are infeasible; the others are carried out"
        return Fault("W656", f"{first.code}: {first.message} ({where})", first.place, hint, first.trail, first.notes)

    def _which(self, numbers: set[int], space: Space) -> str:
        """The overrides that the points have in common, or the first point's where they have none."""
        points = [self.points[number] for number in sorted(numbers)]
        common = {key: value for key, value in points[0].items() if all(point.get(key) == value for point in points)}
        changing = {key: value for key, value in common.items() if any(p.get(key) != value for p in self.points)}
        if changing:
            return " ".join(space.overrides(changing))
        return "all" if len(points) == len(self.points) else f"{' '.join(space.overrides(points[0]))}, ..."


def check_grid(space: Space, composer: Composer, most: int | None = None) -> CheckedGrid:
    """Look at each point of a grid, or at the first `most`.

    Raises:
        ConfigError: E654, it has no grid.
    """
    points: list[Point] = []
    faults: dict[int, tuple[Fault, ...]] = {}
    for number, point in enumerate(space.grid()):
        if most is not None and number >= most:
            break
        points.append(point)
        if found := faults_of(composer, space, point):
            faults[number] = found
    return CheckedGrid(tuple(points), faults)
