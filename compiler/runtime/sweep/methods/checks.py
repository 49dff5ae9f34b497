"""Whether the method and the pruner suit what is searched: found before anything is queued."""

from __future__ import annotations

from compiler.errors import ConfigError, Diagnostics
from compiler.runtime.extras import require
from compiler.runtime.sweep.methods.base import Method
from compiler.runtime.sweep.methods.cmaes import Cmaes
from compiler.runtime.sweep.pruners import Keep
from compiler.runtime.sweep.settings import SearchSettings
from compiler.runtime.sweep.space import Space
from compiler.runtime.training.named import snake
from compiler.spec.located import Map, at


def check_search(search: SearchSettings, objectives: int, space: Space, section: Map, diagnostics: Diagnostics) -> None:
    """Report what cannot be: E107, a method or pruner that does not suit the search; E808, a missing package.

    Args:
        objectives: how many there are.
        section: `search`, for the places.
    """
    method, pruner = search.method, search.pruner
    name, place = snake(type(method).__name__), at(section, ("method",))[0]
    try:
        require(method.packages, method.extra, f"search.method={name}", place)
    except ConfigError as error:
        for fault in error.faults:
            diagnostics.add(fault)
    if objectives > 1 and not method.several:
        able = ", ".join(snake(cls.__name__) for cls in Method.choices() if cls.several)
        diagnostics.report("E107", f"{name!r} takes one objective (got {objectives})", place, hint=f"one of {able}")
    if isinstance(method, Cmaes) and not method.numbers(space):
        message = f"{name!r} moves numbers that exist in all trials, and there are none here"
        diagnostics.report("E107", message, place, hint="search=tpe")
    name, place = snake(type(pruner).__name__), at(section, ("pruner",))[0]
    if objectives > 1 and not isinstance(pruner, Keep):
        message = f"the pruner {name!r} compares trials by one objective (got {objectives})"
        diagnostics.report("E107", message, place, hint="search.pruner=none")
    if pruner.by_fold and search.folds is None:
        message = f"the pruner {name!r} compares the folds of trials, and each is trained once"
        diagnostics.report("E107", message, place, hint="search.folds=5")
