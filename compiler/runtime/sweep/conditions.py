"""`search.conditions`: a parameter that exists only where others have certain values.

conditions: {train.optimizer.momentum: {train.optimizer.op: [SGD, RMSprop]}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.errors import Diagnostics, Place, did_you_mean, shown
from compiler.runtime.sweep.domains import Interval
from compiler.runtime.sweep.space import Condition, Parameter
from compiler.spec.located import Leaf, Map, Seq, Tree, plain


@dataclass(frozen=True, slots=True)
class _Rule:
    """One parent of one child, as it is written."""

    child: str
    parent: str
    values: Tree
    child_place: Place
    parent_place: Place


def conditioned(
    parameters: Sequence[Parameter],
    section: Map,
    fixed: Mapping[str, object],
    known: Mapping[str, Sequence[Parameter]],
    diagnostics: Diagnostics,
) -> tuple[Parameter, ...]:
    """The parameters with their conditions; those that can never exist are left out.

    Args:
        section: `search.conditions`.
        fixed: the values of overrides that do not change, by key: they can be parents too.
        known: by key, all that was said of a parameter: the command line may leave out a value that a file has.
    """
    children = {parameter.key: parameter for parameter in parameters}
    absent: set[str] = set()
    for rule in _rules(section, diagnostics):
        if rule.child not in children:
            if rule.child not in fixed:
                message = f"a condition is on {rule.child!r}, which is no parameter of the sweep"
                hint = did_you_mean(rule.child, children)
                diagnostics.report("E652", message, rule.child_place, hint=hint)
        elif rule.parent in children:
            texts = _texts(rule, children[rule.parent], known.get(rule.parent, ()), diagnostics)
            child = children[rule.child]
            children[rule.child] = replace(child, only=(*child.only, Condition(rule.parent, texts)))
        elif rule.parent in fixed:
            given = [plain(item) for item in _items(rule.values)]
            if not any(value == fixed[rule.parent] or str(value) == str(fixed[rule.parent]) for value in given):
                absent.add(rule.child)
        else:
            message = f"{rule.child!r} depends on {rule.parent!r}, which is no parameter of the sweep"
            diagnostics.report("E652", message, rule.parent_place, hint=did_you_mean(rule.parent, children))
    ring = _ring(children)
    if ring:
        message = f"conditions go in a circle: {' -> '.join((*ring, ring[0]))}"
        diagnostics.report("E652", message, section.key_place(ring[0]))
        return tuple(replace(parameter, only=()) for parameter in parameters)
    return _possible(children, absent)


def _rules(section: Map, diagnostics: Diagnostics) -> Iterator[_Rule]:
    for child, parents in section.entries.items():
        if not isinstance(parents, Map) or not parents.entries:
            message = f"the condition of {child!r} must be a mapping of parents to values (got {shown(plain(parents))})"
            diagnostics.report("E652", message, parents.place, hint="{train.optimizer.op: SGD}")
            continue
        for parent, values in parents.entries.items():
            yield _Rule(child, parent, values, section.key_place(child), parents.key_place(parent))


def _items(values: Tree) -> tuple[Tree, ...]:
    return values.items if isinstance(values, Seq) else (values,)


def _texts(rule: _Rule, parent: Parameter, known: Sequence[Parameter], diagnostics: Diagnostics) -> tuple[str, ...]:
    """The parent's texts that the rule names."""
    if isinstance(parent.domain, Interval) and not isinstance(parent.domain.low, int):
        message = f"{rule.child!r} depends on a value of {rule.parent!r}, which is {parent.domain}: no draw hits it"
        diagnostics.report("E652", message, rule.parent_place, hint="a parent has choices, a range or integers")
        return ()
    found: list[str] = []
    for item in _items(rule.values):
        value = parent.domain.find(plain(item))
        if value is not None:
            found.append(parent.domain.text(value))
        elif all(other.domain.find(plain(item)) is None for other in known):
            message = f"{rule.parent!r} is never {shown(plain(item))}, on which {rule.child!r} depends"
            word = str(item.value) if isinstance(item, Leaf) else ""
            among = f"it is one of {', '.join(parent.texts)}" if parent.texts else f"it is {parent.domain}"
            diagnostics.report("E652", message, item.place, hint=did_you_mean(word, parent.texts) or among)
    return tuple(dict.fromkeys(found))


def _ring(children: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Keys that depend on each other in a circle; empty where none do."""
    finished: set[str] = set()

    def visit(key: str, way: tuple[str, ...]) -> tuple[str, ...]:
        if key in way:
            return way[way.index(key) :]
        if key not in finished:
            for condition in children[key].only:
                if ring := visit(condition.parent, (*way, key)):
                    return ring
            finished.add(key)
        return ()

    return next((ring for key in children if (ring := visit(key, ()))), ())


def _possible(children: Mapping[str, Parameter], absent: set[str]) -> tuple[Parameter, ...]:
    """The parameters without those that can never exist, nor what depends on them."""
    gone = set(absent)
    while True:
        more = {
            parameter.key
            for parameter in children.values()
            if parameter.key not in gone and any(c.parent in gone or not c.texts for c in parameter.only)
        }
        if not more:
            return tuple(parameter for parameter in children.values() if parameter.key not in gone)
        gone |= more
