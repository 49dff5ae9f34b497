"""Choices by name: an optimizer, a schedule, a loss, a metric, each a class with Keras's arguments as typed fields.

A family is one abstract class; being defined below it registers a choice:

    class Optimizer(Named, family="optimizer"): ...
    class Adam(Optimizer): ...

A field of a family takes a name (`Adam`, `adam`) or the form of a layer (`{op: Adam, learning_rate: 1e-3}`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

from compiler.errors import did_you_mean, shown
from compiler.settings import Annotation, InvalidSettings, Problem, Settings, field_error, nested_error, validate


class Named(Settings):
    """Abstract: one choice of a family.

    Class attributes:
        family: what messages call the family.
        known: every accepted name of the family: the class's own, its snake_case, its aliases.
        refused: names that a user of Keras would try: why not, and what to do instead.
    """

    noun: ClassVar[str] = "argument"
    family: ClassVar[str]
    known: ClassVar[dict[str, type[Any]]]
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init_subclass__(
        cls, family: str | None = None, abstract: bool = False, aliases: tuple[str, ...] = (), **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if family is not None:
            cls.family, cls.known = family, {}
        elif not abstract:
            cls.known.update(dict.fromkeys((cls.__name__, snake(cls.__name__), *aliases), cls))

    @classmethod
    def choices(cls) -> tuple[type[Any], ...]:
        """The family's classes, each once, in declared order."""
        return tuple(dict.fromkeys(cls.known.values()))


def snake(name: str) -> str:
    """A class's name as Keras writes it in lower case.

    >>> snake("SparseCategoricalCrossentropy"), snake("AdamW"), snake("RMSprop")
    ('sparse_categorical_crossentropy', 'adamw', 'rmsprop')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).lower()


def chosen(family: type[Named], value: object, name: str) -> Any:
    """The record of `family` that a name or {op: NAME, ...} stands for; `name` is what messages call the field.

    Raises:
        InvalidSettings: with paths from `value` on; an unknown name is E117.
    """
    if isinstance(value, family):
        return value
    arguments = dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else {}
    if isinstance(value, Mapping) and "op" not in arguments:
        raise InvalidSettings([Problem((), "E105", f"{name!r} needs the key 'op', the name of {_a(family.family)}")])
    op = arguments.pop("op") if isinstance(value, Mapping) else value
    path = ("op",) if isinstance(value, Mapping) else ()
    if not isinstance(op, str):
        message = f"{name!r} must be the name of {_a(family.family)} or {{op: NAME, ...}} (got {shown(op)})"
        raise InvalidSettings([Problem(path, "E106", message)])
    if op not in family.known and op in family.refused:
        why, hint = family.refused[op]
        raise InvalidSettings([Problem(path, "E117", f"{op!r} is no {family.family} here: {why}", hint)])
    if op not in family.known:
        hint = did_you_mean(op, family.known) or "one of " + ", ".join(cls.__name__ for cls in family.choices())
        raise InvalidSettings([Problem(path, "E117", f"unknown {family.family} {op!r}", hint)])
    return validate(family.known[op], arguments, subject=op)


def within(step: str | int, error: InvalidSettings) -> Iterator[Problem]:
    """The problems of `error`, with `step` before their paths."""
    return (Problem((step, *p.path), p.code, p.message, p.hint, p.at_key) for p in error.problems)


def named(family: type[Named], *, none: bool = False) -> Annotation:
    """Annotation for a field that takes a choice of `family`; null too where `none`."""

    def check(value: object, name: str) -> object:
        if value is None and none:
            return None
        try:
            return chosen(family, value, name)
        except InvalidSettings as error:
            raise nested_error(error.problems) from None

    def schema() -> Mapping[str, object]:
        return {"anyOf": [named_schema(family), {"type": "null"}]} if none else named_schema(family)

    return Annotation(check, schema)


def several(family: type[Named]) -> Annotation:
    """Annotation for a field that takes a list of choices of `family`, each at most once."""

    def check(value: object, name: str) -> object:
        if not isinstance(value, (list, tuple)):
            hint = f"[{value}]" if isinstance(value, str) else None
            raise field_error("E106", f"{name!r} must be a list (got {shown(value)})", hint)
        made: list[Named] = []
        problems: list[Problem] = []
        for i, item in enumerate(cast("list[object] | tuple[object, ...]", value)):
            try:
                one: Named = chosen(family, item, family.family)
            except InvalidSettings as error:
                problems += within(i, error)
                continue
            if any(type(other) is type(one) for other in made):
                problems.append(Problem((i,), "E107", f"{name!r} has {type(one).__name__!r} twice"))
            made.append(one)
        if problems:
            raise nested_error(problems)
        return tuple(made)

    return Annotation(check, lambda: {"type": "array", "items": named_schema(family)})


def named_schema(family: type[Named]) -> dict[str, object]:
    """JSON Schema of a choice of `family`."""
    names: dict[str, object] = {"enum": list(family.known)}
    return {"anyOf": [names, {"type": "object", "properties": {"op": names}, "required": ["op"]}]}


def record(cls: type[Settings], *, none: bool = False) -> Annotation:
    """Annotation for a field that takes a nested section, made into a `cls`; null too where `none`."""

    def check(value: object, name: str) -> object:
        if isinstance(value, cls) or (value is None and none):
            return value
        if not isinstance(value, Mapping):
            words = "a mapping or null" if none else "a mapping"
            raise field_error("E106", f"{name!r} must be {words} (got {shown(value)})")
        try:
            return validate(cls, cast("Mapping[str, object]", value), subject=name)
        except InvalidSettings as error:
            raise nested_error(error.problems) from None

    def schema() -> dict[str, object]:
        nested: dict[str, object] = {"type": "object", "properties": {key: {} for key in cls.model_fields}}
        return {"anyOf": [nested, {"type": "null"}]} if none else nested

    return Annotation(check, schema)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
