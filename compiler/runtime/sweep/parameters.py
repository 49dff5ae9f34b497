"""What the command line and the configuration say of a sweep, in Hydra's own grammar: what is fixed, and its space.

`hydra.sweeper.params` comes first, `search.space` lies over it, and the command line over both: a key that it fixes is
no parameter any more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from compiler.errors import Diagnostics, Place, Source
from compiler.runtime.sweep.conditions import conditioned
from compiler.runtime.sweep.domains import Choices, Domain, Interval, Range, Value
from compiler.runtime.sweep.space import Condition, Parameter, Space
from compiler.spec.located import Map, Seq, Tree, plain
from compiler.spec.overrides import for_hydra, in_grammar, override_place

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

__all__ = ["Condition", "Parameter", "Space", "Value", "read_parameter", "read_space"]

MOST = 100_000  # values of a range


class _Refused(Exception):
    """Why a sweep has no values: a message and a hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


def read_space(
    arguments: Sequence[str],
    search_section: Map,
    diagnostics: Diagnostics,
    *,
    sweeper_params: Mapping[str, object] | None = None,
    loader: ConfigLoader | None = None,
) -> tuple[list[str], Space]:
    """What all trials have in common, and what differs between them.

    Args:
        arguments: the command line's overrides, in the form for Hydra.
        search_section: the `search` section, with `space`, `conditions` and `seed`.
        diagnostics: gets E007 for what is no override, E651 for a sweep without values, E652 for a condition.
        sweeper_params: `hydra.sweeper.params`.
        loader: knows the options that `glob()` chooses from.

    Returns:
        The fixed overrides, without Hydra's own, and the space.
    """
    parser = OverridesParser.create(config_loader=loader)
    seed = search_section.get("seed")
    fixed: list[Override] = []
    swept: dict[str, Parameter] = {}
    known: dict[str, list[Parameter]] = {}
    for text, place in _texts(arguments, search_section, sweeper_params or {}):
        override = _parsed(parser, text, place, diagnostics)
        if override is None:
            continue
        key = _key(override)
        if not override.is_sweep_override():
            swept.pop(key, None)
            if override.is_delete() or not any(_lies_over(override, other) for other in swept.values()):
                fixed.append(override)
            else:  # it has to come behind what is drawn
                values = Choices((override.get_value_element_as_str(),))
                swept[key] = Parameter(key, values, place or override_place(override), (), _prefix(override))
            continue
        parameter = _parameter(override, place or override_place(override), plain(seed) if seed else 0, diagnostics)
        if parameter is not None:
            swept[key] = parameter
            known.setdefault(key, []).append(parameter)
    parameters = tuple(swept.values())
    section = search_section.get("conditions")
    if isinstance(section, Map):
        values = {_key(override): override.value() for override in fixed}
        parameters = conditioned(parameters, section, values, known, diagnostics)
    lines = [str(override.input_line) for override in fixed if not override.is_hydra_override()]
    return lines, Space(parameters)


def _texts(arguments: Sequence[str], section: Map, params: Mapping[str, object]) -> Iterator[tuple[str, Place | None]]:
    """All overrides with their places, those that lie over others last; None for the place in its own text."""
    space = section.get("space")
    told = list(_told(space, ())) if isinstance(space, Map) else []
    lines = [f"{key}={value}" for key, value in params.items()]
    read = [f"{key}={text}" for key, text, _ in told]
    given = [text for text in arguments if _names_model_file(text)]
    lines = for_hydra([*given, *lines])[len(given) :] if given else for_hydra(lines)
    rewritten = for_hydra([*given, "~model", *read])[len(given) + 1 :] if given else for_hydra(read)
    yield from ((line, None) for line in lines)
    yield from ((line, place) for line, (_, _, place) in zip(rewritten, told, strict=True))
    yield from ((line, None) for line in arguments)


def _told(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[str, str, Place]]:
    """Key, values and place of all that `search.space` has; a list is a choice of its items."""
    if isinstance(tree, Map):
        for key, value in tree.entries.items():
            yield from _told(value, (*path, key))
    elif isinstance(tree, Seq):
        texts = tuple(in_grammar(plain(item)) for item in tree.items)
        yield ".".join(path), Choices(texts).source if texts else "choice()", tree.place
    else:
        yield ".".join(path), tree.value if isinstance(tree.value, str) else in_grammar(tree.value), tree.place


def _names_model_file(text: str) -> bool:
    return text.lstrip("+").startswith("model_file=") and not text.endswith("=null")


def _key(override: Override) -> str:
    return override.get_key_element().lstrip("+~")


def _prefix(override: Override) -> str:
    return override.get_key_element().removesuffix(_key(override))


def _lies_over(override: Override, parameter: Parameter) -> bool:
    """Whether a value that is given after a swept one changes it, so that their order matters: mappings merge."""
    key = _key(override)
    inside = key.startswith(f"{parameter.key}.") and any(text.startswith("{") for text in parameter.texts)
    return inside or (parameter.key.startswith(f"{key}.") and isinstance(override.value(), dict))


def _parsed(parser: OverridesParser, text: str, place: Place | None, diagnostics: Diagnostics) -> Override | None:
    try:
        return parser.parse_overrides([text])[0]  # `parse_override` does not hand on the loader, which globs need
    except HydraException as error:
        spot = place or Place(Source(text, text, "override"), 1, 1, max(1, len(text)))
        reason = str(error).splitlines()[0]
        hint = "key=value, key=a,b or key=interval(0, 1); quote a value with spaces, commas or colons"
        diagnostics.report("E007", f"{text!r} is no override: {reason}", spot, hint=hint)
        return None


def _parameter(override: Override, place: Place, seed: object, diagnostics: Diagnostics) -> Parameter | None:
    key = _key(override)
    prefix = _prefix(override)
    try:
        if override.is_hydra_override() or key.partition(".")[0] in ("search", "hydra"):
            raise _Refused(f"{key!r} is of the sweep itself, which is one", "give it one value")
        if prefix == "~":
            raise _Refused(f"{key!r} is deleted in every trial, or in none", f"~{key}")
        domain = _domain(override, f"{seed}:{key}")
    except _Refused as refused:
        diagnostics.report("E651", refused.message, place, hint=refused.hint)
        return None
    return Parameter(key, domain, place, (), prefix)


def read_parameter(text: str, seed: object = 0) -> Parameter:
    """The parameter that one override describes, with `seed` for its shuffling.

    Raises:
        ValueError: it is none.
    """
    diagnostics = Diagnostics()
    override = _parsed(OverridesParser.create(), text, None, diagnostics)
    found = _parameter(override, override_place(override), seed, diagnostics) if override else None
    if found is None:
        raise ValueError(f"{text!r} is no parameter")
    return found


def _domain(override: Override, seed: str) -> Domain:
    """The values of a sweep.

    Raises:
        _Refused: it has none, or they cannot be drawn.
    """
    sweep: Any = override.value() if override.is_sweep_override() else None
    if isinstance(sweep, IntervalSweep):
        return _interval(sweep)
    if isinstance(sweep, RangeSweep):
        return _range(sweep, override.get_value_string(), seed)
    return _choices(override, sweep, seed)


def _interval(sweep: IntervalSweep) -> Interval:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None and high is not None, "Hydra's grammar asks for both"
    if "int" in sweep.tags:
        low, high = int(low), int(high)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _Refused(f"an interval has finite ends (got {low} and {high})")
    if low > high:
        raise _Refused(f"an interval goes up (got {low} to {high})", f"interval({high}, {low})")
    if log and low <= 0:
        raise _Refused(f"a logarithmic interval begins above 0 (got {low})")
    return Interval(low, high, log)


def _range(sweep: RangeSweep, source: str, seed: str) -> Domain:
    start, stop, step, log = sweep.start, sweep.stop, sweep.step, "log" in sweep.tags
    assert start is not None and stop is not None, "Hydra's grammar asks for both"
    if not all(math.isfinite(number) for number in (start, stop, step)):
        raise _Refused(f"a range has finite numbers (got {start}, {stop} and {step})")
    if step == 0:
        raise _Refused("a range has a step")
    if (stop - start) / step > MOST:
        raise _Refused(f"a range has at most {MOST:,} values", f"interval({min(start, stop)}, {max(start, stop)})")
    numbers: tuple[Any, ...] = tuple(cast("Any", sweep.range()))
    if not numbers:
        raise _Refused(f"range({start}, {stop}, {step}) is empty", "its end is excluded, as in Python")
    if log and (min(numbers) <= 0 or not isinstance(numbers[0], int) or abs(step) != 1):
        hint = f"tag(log, interval({min(numbers)}, {max(numbers)}))"
        raise _Refused("a logarithmic range has positive integers and a step of 1", hint)
    if sweep.shuffle:
        random.Random(seed).shuffle(shuffled := list(numbers))
        numbers = tuple(shuffled)
    return Range(numbers, abs(step), source, log)


def _choices(override: Override, sweep: ChoiceSweep | Glob, seed: str) -> Choices:
    if isinstance(sweep, ChoiceSweep) and sweep.shuffle:
        texts = [in_grammar(item) for item in sweep.list]
        random.Random(seed).shuffle(texts)
    else:
        texts = list(override.sweep_string_iterator())
    if not texts:
        wanted = f"glob({', '.join(sweep.include)})" if isinstance(sweep, Glob) else "choice()"
        raise _Refused(f"{wanted} has no values", "a glob chooses among the files of a group, such as model")
    return Choices(tuple(dict.fromkeys(texts)))


def without_sweeps(arguments: Sequence[str]) -> list[str]:
    """The overrides that have one value, and those that Hydra cannot read."""
    found: list[str] = []
    for text in arguments:
        override = _parsed(OverridesParser.create(), text, None, Diagnostics())
        if override is None or not override.is_sweep_override():
            found.append(text)
    return found
