"""Typed settings: the base class of every op, object and config section, and the rules of its fields.

A rule is one type annotation. It states what is expected in words, tests it, and gives its JSON Schema;
so the message, the check and the schema cannot differ.

    class Dense(Settings):
        units: PositiveInt
        use_bias: Bool = True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from compiler.errors import closest, did_you_mean, shown

Path = tuple[str | int, ...]
Test = Callable[[Any], bool]


class Settings(BaseModel):
    """A frozen record of typed fields; unknown and missing ones are faults.

    Attributes:
        noun: what its fields are called in messages: ``argument`` of a layer, ``key`` of a section.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, ser_json_inf_nan="strings")
    noun: ClassVar[str] = "key"


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault inside one record, by the path of keys and indices that leads to it."""

    path: Path
    code: str
    message: str
    hint: str | None = None
    at_key: bool = False  # the key itself is wrong, rather than its value


class InvalidSettings(Exception):
    """Values do not make the record; `problems` has all the reasons."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


S = TypeVar("S", bound=Settings)


def validate(cls: type[S], values: Mapping[str, object], subject: str | None = None) -> S:
    """Make a `cls` from plain values.

    Args:
        cls: the record's class.
        values: plain values by field name.
        subject: how messages name the record; the class's name by default.

    Raises:
        InvalidSettings: with every problem, nested ones included.
    """
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidSettings(_problems(cls, error, subject or cls.__name__)) from None


def _problems(cls: type[Settings], error: ValidationError, subject: str) -> Iterable[Problem]:
    found = error.errors(include_url=False)
    misspelt = {
        (*details["loc"][:-1], closest(str(details["loc"][-1]), cls.model_fields))
        for details in found
        if details["type"] == "extra_forbidden"
    }
    for details in found:
        path: Path = details["loc"]
        context: dict[str, Any] = details.get("ctx", {})
        name = str(path[-1]) if path else subject
        if "problems" in context:
            for nested in context["problems"]:
                yield Problem(path + nested.path, nested.code, nested.message, nested.hint, nested.at_key)
        elif details["type"] == "extra_forbidden":
            hint = did_you_mean(name, cls.model_fields) or _listing(cls)
            yield Problem(path, "E104", f"{subject!r} has no {cls.noun} {name!r}", hint, at_key=True)
        elif details["type"] == "missing":
            if path in misspelt:
                continue  # the misspelt field is reported, with this one as its hint
            yield Problem(path[:-1], "E105", f"{subject!r} needs the {cls.noun} {name!r}")
        elif "code" in context:
            yield Problem(path, context["code"], context["message"], context.get("hint"))
        else:
            yield Problem(path, "E106", f"{name!r}: {details['msg']} (got {shown(details['input'])})")


def _listing(cls: type[Settings]) -> str | None:
    names = list(cls.model_fields)
    return f"it has {', '.join(names)}" if 0 < len(names) <= 12 else None


def non_defaults(record: Settings) -> dict[str, object]:
    """The fields that differ from their defaults, as plain values in declared order; nested objects as {op: ...}."""
    values = ((name, getattr(record, name), default) for name, default in _defaults(type(record)))
    return {name: plain(value) for name, value, default in values if value is not default and value != default}


@cache
def _defaults(cls: type[Settings]) -> tuple[tuple[str, object], ...]:
    """Every field with its default; pydantic's own mark for none where it is required, which equals no value."""
    return tuple((name, field.default) for name, field in cls.model_fields.items())


def plain(value: object) -> object:
    """A field's value as plain data: records become mappings with `op` first, tuples become lists."""
    if isinstance(value, Settings):
        return {"op": type(value).__name__, **non_defaults(value)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # a field's own list
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # a field's own mapping
    return value


# --- rules -----------------------------------------------------------------------------------


def field_error(code: str, message: str, hint: str | None = None) -> PydanticCustomError:
    """The error that a field's validator raises to make a problem with `code`."""
    context = {"message": message, "code": code, **({"hint": hint} if hint else {})}
    return PydanticCustomError("rule", "{message}", context)


def nested_error(problems: Iterable[Problem]) -> PydanticCustomError:
    """The error that a field's validator raises to pass on the problems of a nested record."""
    return PydanticCustomError("nested", "nested problems", {"problems": tuple(problems)})


def rule(
    expected: str,
    of_type: Test,
    in_range: Test | None = None,
    schema: Mapping[str, object] | None = None,
    *,
    none: bool = False,
    convert: Callable[[Any], object] | None = None,
) -> Annotation:
    """Annotation for a field whose value is `expected`.

    Args:
        expected: what is right, in words: "a positive integer".
        of_type: whether a value has the right type (else E106).
        in_range: whether a value of the right type is allowed (else E107).
        schema: JSON Schema of the value.
        none: whether null is a value too.
        convert: applied to a value that passes.
    """
    words = f"{expected} or null" if none else expected

    def check(value: object, name: str) -> object:
        if value is None and none:
            return None
        if not of_type(value):
            raise field_error("E106", f"{name!r} must be {words} (got {shown(value)})")
        if in_range is not None and not in_range(value):
            raise field_error("E107", f"{name!r} must be {words} (got {shown(value)})")
        return convert(value) if convert else value

    json_schema = dict(schema or {})
    if none and json_schema:
        json_schema = {"anyOf": [json_schema, {"type": "null"}]}
    return Annotation(check, lambda: json_schema, words)


class Annotation:
    """A field's whole contract with pydantic: a check of (value, field name), and the value's JSON Schema.

    Attributes:
        words: what is expected: "a positive integer or null"; empty where the schema says it all.
    """

    def __init__(
        self, check: Callable[[Any, str], object], schema: Callable[[], Mapping[str, object]], words: str = ""
    ) -> None:
        self.check, self.schema, self.words = check, schema, words

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        check = self.check

        def validator(value: object, info: core_schema.ValidationInfo) -> object:
            return check(value, info.field_name or "value")

        return core_schema.with_info_plain_validator_function(validator)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, object]:
        return dict(self.schema())


def is_int(value: object) -> bool:
    return type(value) is int


def is_number(value: object) -> bool:
    return type(value) in (int, float)


def is_bool(value: object) -> bool:
    return type(value) is bool


def is_str(value: object) -> bool:
    return type(value) is str


def is_list_of(test: Test, length: int | None = None) -> Test:
    def check(value: object) -> bool:
        if not isinstance(value, (list, tuple)):
            return False
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # any list
        return (length is None or len(items) == length) and all(test(item) for item in items)

    return check


def is_positive(value: float) -> bool:
    return value > 0


def choice(*values: str, none: bool = False) -> Annotation:
    """Annotation for a field that is one of `values`; another word is E117 with a suggestion."""
    words = ", ".join(repr(value) for value in values) + (" or null" if none else "")

    def check(value: object, name: str) -> object:
        if (value is None and none) or (type(value) is str and value in values):
            return value
        message = f"{name!r} must be one of {words} (got {shown(value)})"
        code = "E117" if type(value) is str else "E106"
        raise field_error(code, message, did_you_mean(str(value), values))

    return Annotation(check, lambda: {"enum": [*values, None] if none else list(values)}, f"one of {words}")


_INT: dict[str, object] = {"type": "integer"}
_NUM: dict[str, object] = {"type": "number"}

Bool = Annotated[bool, rule("true or false", is_bool, schema={"type": "boolean"})]
Int = Annotated[int, rule("an integer", is_int, schema=_INT)]
MaybeInt = Annotated[int | None, rule("an integer", is_int, schema=_INT, none=True)]
PositiveInt = Annotated[int, rule("a positive integer", is_int, is_positive, {**_INT, "minimum": 1})]
MaybePositiveInt = Annotated[
    int | None, rule("a positive integer", is_int, is_positive, {**_INT, "minimum": 1}, none=True)
]
NonNegativeInt = Annotated[int, rule("an integer >= 0", is_int, lambda v: v >= 0, {**_INT, "minimum": 0})]
Number = Annotated[float, rule("a finite number", is_number, math.isfinite, _NUM)]
MaybeNumber = Annotated[float | None, rule("a finite number", is_number, math.isfinite, _NUM, none=True)]
PositiveNumber = Annotated[
    float, rule("a finite number > 0", is_number, lambda v: 0 < v < math.inf, {**_NUM, "exclusiveMinimum": 0})
]
MaybePositiveNumber = Annotated[
    float | None,
    rule("a finite number > 0", is_number, lambda v: 0 < v < math.inf, {**_NUM, "exclusiveMinimum": 0}, none=True),
]
NonNegativeNumber = Annotated[
    float, rule("a finite number >= 0", is_number, lambda v: 0 <= v < math.inf, {**_NUM, "minimum": 0})
]
Rate = Annotated[
    float, rule("a number in [0, 1)", is_number, lambda v: 0 <= v < 1, {**_NUM, "minimum": 0, "exclusiveMaximum": 1})
]
Fraction = Annotated[
    float, rule("a number in [0, 1]", is_number, lambda v: 0 <= v <= 1, {**_NUM, "minimum": 0, "maximum": 1})
]
Str = Annotated[str, rule("a string", is_str, schema={"type": "string"})]
MaybeStr = Annotated[str | None, rule("a string", is_str, schema={"type": "string"}, none=True)]
