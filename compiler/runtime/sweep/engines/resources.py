"""What the job of one trial asks for, by what its plan comes to: memory by parameters, time by the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from compiler.errors import ConfigError, Fault, did_you_mean, shown
from compiler.runtime.plan import Network
from compiler.runtime.sweep.engines.settings import launcher_place
from compiler.spec.expression import ExpressionError, Faulty, evaluate, parse

if TYPE_CHECKING:
    from compiler.runtime.plan import Plan

NAMES = ("params", "flops", "activation_bytes", "batch_size", "epochs")
"""What an expression may name: of the network (0 for what is none), a sample each; and of the training."""

FORM = '4, "$2 + params * 16e-9", or {PARAMETER: {VALUE: 4, other: 2}}'


def check_resources(wanted: Mapping[str, object], known: Sequence[str], mode: str, overrides: Sequence[str]) -> None:
    """Find what is wrong with `hydra.launcher.resources` whatever is drawn, before anything is queued.

    Args:
        known: what the engine can be asked for.
        mode: of the launcher.
        overrides: of which one may have given it, as the place.

    Raises:
        ConfigError: E841, with all faults.
    """
    faults: list[Fault] = []
    if wanted and mode != "job":
        message = "hydra.launcher.resources are of a trial's own job, and workers that pull have none"
        faults.append(Fault("E841", message, hint="hydra.launcher.mode=job"))
    for name, given in wanted.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"one of {', '.join(known)}"
            faults.append(Fault("E841", f"no resource is called {name!r}", hint=hint))
        for text in _expressions(given):
            try:
                unknown = [used for used in parse(text).names if used not in NAMES]
            except ExpressionError as error:
                faults.append(Fault("E841", f"hydra.launcher.resources.{name}: {error.message}", hint=error.hint))
                continue
            for used in unknown:
                hint = did_you_mean(used, NAMES) or f"known here: {', '.join(NAMES)}"
                faults.append(Fault("E841", f"hydra.launcher.resources.{name}: unknown variable {used!r}", hint=hint))
    if faults:
        place = launcher_place("resources", overrides)
        raise ConfigError([replace(fault, place=place) for fault in faults])


def _expressions(given: object) -> Iterator[str]:
    if isinstance(given, str) and given.startswith("$"):
        yield given
    elif isinstance(given, Mapping):
        for value in cast("Mapping[Any, Any]", given).values():
            yield from _expressions(value)


def resources_of(wanted: Mapping[str, object], plan: Plan, overrides: Sequence[str]) -> dict[str, float]:
    """The resources of a trial's job, as numbers.

    Args:
        wanted: by name: a number; an expression over `NAMES`; or such by the value of a parameter (or `other`).
        overrides: the trial's, which say what its parameters are.

    Raises:
        ConfigError: E841, one is no number in the end.
    """
    values = {key.lstrip("+~"): value for key, _, value in (text.partition("=") for text in overrides)}
    facts = _facts(plan)
    return {name: _number(name, given, facts, values) for name, given in wanted.items()}


def _number(name: str, given: object, facts: Mapping[str, object], values: Mapping[str, str]) -> float:
    if isinstance(given, Mapping):
        given = _by_parameter(name, cast("Mapping[Any, Any]", given), values)
    if isinstance(given, str) and given.startswith("$"):
        try:
            given = evaluate(parse(given), facts)
        except (ExpressionError, Faulty) as error:
            message = error.message if isinstance(error, ExpressionError) else str(error)
            hint = (error.hint if isinstance(error, ExpressionError) else None) or f"it may name {', '.join(NAMES)}"
            raise _fault(name, message, hint) from None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or given <= 0:
        raise _fault(name, f"it must come to a positive number (got {shown(given)})", FORM)
    return given


def _by_parameter(name: str, given: Mapping[Any, Any], values: Mapping[str, str]) -> object:
    if len(given) != 1 or not isinstance(next(iter(given.values())), Mapping):
        raise _fault(name, f"a mapping has one parameter, and numbers by its values (got {shown(dict(given))})", FORM)
    parameter, by_value = next(iter(given.items()))
    value = values.get(str(parameter))
    for text, number in by_value.items():
        if str(text) == value:
            return number
    if "other" in by_value:
        return by_value["other"]
    if value is None:
        hint = did_you_mean(str(parameter), values) or f"its parameters: {', '.join(values)}; or add `other:`"
        raise _fault(name, f"the trial has no parameter {str(parameter)!r}", hint)
    raise _fault(name, f"{parameter} may be {value}, which is not listed", "add `other:`")


def _facts(plan: Plan) -> dict[str, object]:
    graph = plan.model.graph if isinstance(plan.model, Network) else None
    return {
        "params": graph.params if graph else 0,
        "flops": (graph.flops or 0) if graph else 0,
        "activation_bytes": (graph.activation_bytes or 0) if graph else 0,
        "batch_size": plan.train.batch_size,
        "epochs": plan.train.epochs,
    }


def _fault(name: str, message: str, hint: str) -> ConfigError:
    return ConfigError([Fault("E841", f"hydra.launcher.resources.{name}: {message}", hint=hint)])
