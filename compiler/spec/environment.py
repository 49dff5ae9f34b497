"""Variables in force at a point of a model, and the evaluation of located trees under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from compiler.errors import Diagnostics, Note, Place, Use
from compiler.spec.expression import (
    FAULTY,
    MAX_STEPS,
    Budget,
    ExpressionError,
    Faulty,
    evaluate,
    is_expression,
    parse,
)
from compiler.spec.located import Leaf, Map, Seq, Tree, as_yaml, located, plain

MAX_VARIABLES = 1_000


@dataclass(frozen=True, slots=True)
class Environment:
    """Values by name, each with the place that gave it.

    Attributes:
        budget: what all computing for one model may take; shared by every environment made from this one.
    """

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    origins: Mapping[str, Place] = field(default_factory=dict[str, Place])
    budget: Budget = field(default_factory=Budget, compare=False)

    def with_value(self, name: str, value: object, origin: Place) -> Environment:
        """This environment with one more name, which hides an outer one."""
        return self.with_values({name: value}, {name: origin})

    def with_values(self, values: Mapping[str, object], origins: Mapping[str, Place]) -> Environment:
        """This environment with more names, which hide outer ones."""
        return Environment({**self.values, **values}, {**self.origins, **origins}, self.budget)

    def emptied(self) -> Environment:
        """An environment without names, for what must not see them."""
        return Environment(budget=self.budget)


class Unevaluated(Exception):
    """An expression has a fault, which is in the diagnostics already."""


def afford(env: Environment, steps: int, place: Place, diagnostics: Diagnostics, trail: tuple[str, ...] = ()) -> None:
    """Take steps off the budget.

    Raises:
        Unevaluated: it is spent, which is reported once.
    """
    if env.budget.spend(steps):
        return
    if env.budget.tell():
        hint = "shorter lists, or fewer copies of what has them"
        message = f"the expressions, arguments and patches of this model take more than {MAX_STEPS:,} steps to compute"
        diagnostics.report("E209", message, place, hint=hint, trail=trail)
    raise Unevaluated


def compute(tree: Tree, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...] = ()) -> Tree:
    """`tree` with every expression in it replaced by its value.

    A value that depends on a variable from the command line takes that override as its place: there it can be mended.

    Raises:
        Unevaluated: an expression has a fault, or the budget is spent.
    """
    afford(env, 1, tree.place, diagnostics, trail)
    if isinstance(tree, Leaf):
        return _leaf(tree, env, diagnostics, trail)
    if isinstance(tree, Seq):
        items = tuple(compute(item, env, diagnostics, trail) for item in tree.items)
        same = all(new is old for new, old in zip(items, tree.items, strict=True))
        return tree if same else Seq(items, tree.place)
    entries: dict[str, Tree] = {}
    failed = False
    for key, value in tree.entries.items():  # all of them, so that every fault is reported
        try:
            entries[key] = compute(value, env, diagnostics, trail)
        except Unevaluated:
            failed = True
    if failed:
        raise Unevaluated
    same = all(new is old for new, old in zip(entries.values(), tree.entries.values(), strict=True))
    return tree if same else Map(entries, tree.place, tree.keys)


def _leaf(leaf: Leaf, env: Environment, diagnostics: Diagnostics, trail: tuple[str, ...]) -> Tree:
    text = leaf.value
    if not isinstance(text, str) or not text.startswith("$"):
        return leaf
    if not is_expression(text):
        return replace(leaf, value=text[1:]) if text.startswith("$$") else leaf
    origins: list[tuple[str, Place]] = []
    try:
        expression = parse(text)
        origins = [(name, env.origins[name]) for name in expression.names if name in env.origins]
        value = evaluate(expression, env.values, env.budget)
    except Faulty:
        raise Unevaluated from None
    except ExpressionError as error:
        notes = (*leaf.notes, *_values(origins, env)) if error.code == "E203" else leaf.notes
        place = leaf.place.part(text, error.offset, error.width)
        diagnostics.report(error.code, error.message, place, hint=error.hint, trail=trail, notes=notes)
        raise Unevaluated from None
    overridden = next((place for _, place in origins if place.overridden), None)
    if overridden is not None:
        return _noted(located(value, overridden), (Use(f"used here, in {text}", leaf.place),))
    return _noted(located(value, leaf.place), _values(origins, env))


def _values(origins: list[tuple[str, Place]], env: Environment) -> tuple[Note, ...]:
    """What an expression's first variables are, and where they got it."""
    return tuple(Note(f"{name} is {as_yaml(env.values[name])}", place) for name, place in origins[:2])


def _noted(tree: Tree, notes: tuple[Note, ...]) -> Tree:
    if isinstance(tree, Leaf):
        return replace(tree, notes=notes)
    if isinstance(tree, Seq):
        return Seq(tuple(_noted(item, notes) for item in tree.items), tree.place)
    return Map({key: _noted(value, notes) for key, value in tree.entries.items()}, tree.place, tree.keys)


def variables(section: Map, diagnostics: Diagnostics) -> Environment:
    """The environment that a `vars` section makes; variables may use each other in any order.

    Every fault is reported; a variable that has one is given as `FAULTY`, so that its users raise no second fault.
    """
    if len(section.entries) > MAX_VARIABLES:
        message = f"a model may have at most {MAX_VARIABLES:,} variables (this one has {len(section.entries):,})"
        diagnostics.report("E114", message, section.place)
        return Environment(dict.fromkeys(section.entries, FAULTY))
    for name in section.entries:
        if not name.isidentifier():
            diagnostics.report(
                "E212", f"a variable's name must be an identifier (got {name!r})", section.key_place(name)
            )
    order, loops = in_order({name: names_in(tree) for name, tree in section.entries.items()})
    done: dict[str, object] = {}
    for loop in loops:
        message = f"variables that need each other: {' -> '.join(loop)}"
        diagnostics.report("E214", message, section.entries[loop[-1]].place)
        done[loop[-1]] = FAULTY
    env = Environment(done, {name: tree.place for name, tree in section.entries.items()})
    for name in order:
        if name in done:
            continue
        try:
            done[name] = plain(compute(section.entries[name], env, diagnostics))
        except Unevaluated:
            done[name] = FAULTY
    return env


def in_order(needs: Mapping[str, set[str]]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The names, each behind those that it needs; and the loops, each ending with the name that it begins with."""
    done: dict[str, None] = {}
    loops: dict[str, tuple[str, ...]] = {}
    for start in needs:
        path = {} if start in done else {start: iter(sorted(needs[start]))}
        while path:
            name = next(reversed(path))
            needed = next(path[name], None)
            if needed is None:
                done[name] = None
                del path[name]
            elif needed in path:
                names = list(path)
                loops.setdefault(needed, (*names[names.index(needed) :], needed))
            elif needed in needs and needed not in done:
                path[needed] = iter(sorted(needs[needed]))
    return list(done), list(loops.values())


def names_in(tree: Tree) -> set[str]:
    """The variables that the expressions in a tree read."""
    if isinstance(tree, Leaf):
        if not isinstance(tree.value, str) or not is_expression(tree.value):
            return set()
        try:
            return set(parse(tree.value).names)
        except ExpressionError:
            return set()
    children = tree.items if isinstance(tree, Seq) else tree.entries.values()
    return {name for child in children for name in names_in(child)}
