"""The `search` section of the configuration, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field

from compiler.errors import Diagnostics, shown
from compiler.runtime.sweep.methods import Method, Random
from compiler.runtime.sweep.pruners import Keep, Pruner
from compiler.runtime.training.named import named
from compiler.settings import (
    Annotation,
    Bool,
    MaybePositiveInt,
    MaybePositiveNumber,
    NonNegativeInt,
    PositiveInt,
    PositiveNumber,
    Settings,
    field_error,
    is_int,
    rule,
)
from compiler.spec.located import Map, validated

Direction = Literal["minimize", "maximize"]


def _check_objectives(value: object, name: str) -> object:
    """One name, a list of names, or a mapping from names to directions; a name alone has its metric's direction."""
    if value is None:
        return ()
    given = [value] if isinstance(value, str) else value
    if isinstance(given, Mapping):
        pairs = list(cast("Mapping[Any, Any]", given).items())
    elif isinstance(given, (list, tuple)):
        pairs = [(item, None) for item in cast("list[Any] | tuple[Any, ...]", given)]
    else:
        raise field_error("E106", f"{name!r} must be a name, a list or a mapping to directions (got {shown(value)})")
    for key, direction in pairs:
        if not isinstance(key, str):
            raise field_error("E106", f"{name!r} names metrics (got {shown(key)})")
        if key.startswith("test."):
            hint = "val. in the place of test.: the winner's test is scored once, at the end"
            raise field_error("E107", f"a search that selects on {key!r} would fool itself", hint)
        if direction not in (None, "minimize", "maximize"):
            raise field_error("E117", f"a direction must be minimize or maximize (got {shown(direction)})")
    if len({key for key, _ in pairs}) < len(pairs):
        raise field_error("E107", f"{name!r} has a metric twice")
    return tuple(pairs)


def _check_mapping(value: object, name: str) -> object:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise field_error("E106", f"{name!r} must be a mapping (got {shown(value)})")
    return dict(cast("Mapping[Any, Any]", value))


def _check_mappings(value: object, name: str) -> object:
    given = [value] if isinstance(value, Mapping) else value or []
    if not isinstance(given, (list, tuple)):
        raise field_error("E106", f"{name!r} must be a list of mappings (got {shown(value)})")
    return tuple(_check_mapping(item, name) for item in cast("list[Any] | tuple[Any, ...]", given))


def _check_storage(value: object, name: str) -> object:
    if value is None:
        return None
    if not isinstance(value, str):
        raise field_error("E106", f"{name!r} must be a URL or null (got {shown(value)})")
    if "://" not in value:
        raise field_error("E107", f"{name!r} must be a URL (got {shown(value)})", "sqlite:///FILE, say")
    if urlsplit(value).password is not None:
        hint = "leave it out of the URL and set LAMINA_STORAGE_PASSWORD, or what the driver reads (~/.pgpass)"
        raise field_error("E107", f"{name!r} has a password, which would be written to every record of the sweep", hint)
    return value


def _storage_schema() -> dict[str, object]:
    return {"type": ["string", "null"]}


def _mapping_schema() -> dict[str, object]:
    return {"type": ["object", "null"]}


def _list_schema() -> dict[str, object]:
    return {"type": ["array", "object", "string", "null"]}


def strings(items: str) -> Annotation:
    """Annotation for a field that takes a list of strings, or one alone; `items` is what messages call them."""

    def check(value: object, name: str) -> object:
        given = [value] if isinstance(value, str) else value or []
        if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) for item in cast("list[Any]", given)):
            raise field_error("E106", f"{name!r} must be a list of {items} (got {shown(value)})")
        return tuple(cast("list[str]", given))

    return Annotation(check, lambda: {"type": ["array", "string", "null"]})


Objectives = Annotated[tuple[tuple[str, Direction | None], ...], Annotation(_check_objectives, _list_schema)]
Mapped = Annotated[dict[str, Any], Annotation(_check_mapping, _mapping_schema)]
Points = Annotated[tuple[dict[str, Any], ...], Annotation(_check_mappings, _list_schema)]
Folders = Annotated[tuple[str, ...], strings("folders")]
Storage = Annotated[str | None, Annotation(_check_storage, _storage_schema)]
Folds = Annotated[
    int | None,
    rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": ["integer", "null"], "minimum": 2}, none=True),
]
Resume = Annotated[
    bool | str,
    rule("auto, false or a folder", lambda v: v is False or isinstance(v, str), schema={"type": ["string", "boolean"]}),
]


class SearchSettings(Settings):
    """How a sweep draws its trials, and how long it goes on.

    Fields:
        method: how points are drawn.
        n_trials: how many are carried out; a grid has as many as it has points, where this is null.
        objectives: what is optimised, with its direction; null: `train.best.monitor`. Several make a Pareto front.
        pruner: which trials end early.
        space: parameters in Hydra's sweep grammar, `key: interval(0, 1)`; those of the command line lie over them.
        conditions: `{child: {parent: value or list}}`: the child exists only where the parent has one of the values.
        enqueue: points that are tried first.
        warm_start: folders of earlier sweeps, whose finished trials the method knows from the beginning.
        seed: of the method; with the number of a trial it seeds what is drawn for that.
        storage: where Optuna keeps the study: null for a journal in the sweep's folder, or a URL.
        resume: `auto` goes on with the newest unfinished sweep of the same definition; a folder; false begins anew.
        folds: a trial is trained so many times, each on other rows, and judged by the mean; null: once, on `val`.
        retries: how often a trial is begun again whose process died.
        max_failures: the sweep ends after so many failed trials; null: never.
        max_infeasible: the sweep ends after so many faulty points in a row.
        trial_timeout: seconds that a trial may take; null: any.
        trial_memory: GiB that a worker may hold; null: any.
        orphan_after: seconds without a sign of life after which a worker elsewhere counts as dead.
        reuse: whether a trial that equals a finished one takes over its result.
        test: whether the winner's test split is scored at the end.
    """

    method: Annotated[Method, named(Method)] = Random()
    n_trials: MaybePositiveInt = 20
    objectives: Objectives = ()
    pruner: Annotated[Pruner, named(Pruner)] = Keep()
    space: Mapped = Field(default_factory=dict)
    conditions: Mapped = Field(default_factory=dict)
    enqueue: Points = ()
    warm_start: Folders = ()
    seed: NonNegativeInt = 0
    storage: Storage = None
    resume: Resume = "auto"
    folds: Folds = None
    retries: NonNegativeInt = 1
    max_failures: MaybePositiveInt = None
    max_infeasible: PositiveInt = 200
    trial_timeout: MaybePositiveNumber = None
    trial_memory: MaybePositiveNumber = None
    orphan_after: PositiveNumber = 120.0
    reuse: Bool = True
    test: Bool = True


def read_search(section: Map, diagnostics: Diagnostics) -> SearchSettings | None:
    """The settings that the `search` section describes; None with the faults in `diagnostics`."""
    return validated(SearchSettings, section, diagnostics, subject="search")
