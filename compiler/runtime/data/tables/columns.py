"""What a user says of columns: their types, and how they are filled, scaled and encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, cast

from compiler.errors import shown
from compiler.settings import (
    Annotation,
    Bool,
    InvalidSettings,
    MaybeNumber,
    Number,
    PositiveInt,
    Problem,
    Settings,
    choice,
    field_error,
    is_int,
    is_list_of,
    is_str,
    nested_error,
    rule,
    validate,
)

Type = Literal["auto", "numeric", "categorical", "text", "drop"]
Scale = Literal["standard", "minmax", "robust", "none"]
Impute = Literal["median", "mean", "constant"]
Encode = Literal["one_hot", "codes"]

TYPES = ("auto", "numeric", "categorical", "text", "drop")
SCALES = choice("standard", "minmax", "robust", "none")
IMPUTES = choice("median", "mean", "constant")
ENCODES = choice("one_hot", "codes")

_MAYBE_POSITIVE = rule("a positive integer", is_int, lambda n: n > 0, {"type": "integer", "minimum": 1}, none=True)
_MAYBE_BOOL = rule("true or false", lambda value: type(value) is bool, schema={"type": "boolean"}, none=True)


class Column(Settings):
    """One column, where it is other than the table says; null is what the table says.

    Fields:
        type: `auto` goes by the training rows' content; `text` is a category without regard to capitals and spaces.
        scale, impute, fill, indicator: of a numeric column.
        encode, min_count: of a categorical one.
    """

    type: Annotated[Type, choice(*TYPES)] = "auto"
    scale: Annotated[Scale | None, choice("standard", "minmax", "robust", "none", none=True)] = None
    impute: Annotated[Impute | None, choice("median", "mean", "constant", none=True)] = None
    fill: MaybeNumber = None
    indicator: Annotated[bool | None, _MAYBE_BOOL] = None
    encode: Annotated[Encode | None, choice("one_hot", "codes", none=True)] = None
    min_count: Annotated[int | None, _MAYBE_POSITIVE] = None


class Usual(Settings):
    """How columns are prepared that say nothing of their own."""

    scale: Annotated[Scale, SCALES] = "standard"
    impute: Annotated[Impute, IMPUTES] = "median"
    fill: Number = 0.0
    indicator: Bool = False
    encode: Annotated[Encode, ENCODES] = "one_hot"
    min_count: PositiveInt = 1


def usual(column: Column | None, table: Usual) -> Usual:
    """What holds for a column: its own words, else the table's."""
    own = {} if column is None else {name: getattr(column, name) for name in Usual.model_fields}
    return table.model_copy(update={name: value for name, value in own.items() if value is not None})


def _check_columns(value: object, name: str) -> object:
    if value is None or value == "auto":
        return {}
    if not isinstance(value, Mapping):
        words = "auto, or a mapping from columns to types"
        raise field_error("E106", f"{name!r} must be {words} (got {shown(value)})", "columns: {age: numeric}")
    made: dict[str, Column] = {}
    problems: list[Problem] = []
    for column, said in cast("Mapping[object, object]", value).items():
        if isinstance(said, Column):
            made[str(column)] = said
            continue
        keys = cast("Mapping[str, object]", said) if isinstance(said, Mapping) else {"type": said}
        try:
            made[str(column)] = validate(Column, keys, str(column))
        except InvalidSettings as error:
            bare = not isinstance(said, Mapping)
            for p in error.problems:
                path = (str(column),) if bare else (str(column), *p.path)
                problems.append(Problem(path, p.code, p.message, p.hint, p.at_key))
    if problems:
        raise nested_error(problems)
    return made


def _check_inputs(value: object, name: str) -> object:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value:
        words = "null, or a mapping from the model's inputs to lists of columns"
        raise field_error(
            "E106", f"{name!r} must be {words} (got {shown(value)})", "inputs: {numbers: [age], city: [city]}"
        )
    made: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for key, columns in cast("Mapping[object, object]", value).items():
        listed = [columns] if isinstance(columns, str) else columns
        if not is_list_of(is_str)(listed) or not listed:
            problems.append(Problem((str(key),), "E106", f"an input must list its columns (got {shown(columns)})"))
        else:
            made[str(key)] = tuple(cast("list[str]", listed))
    if problems:
        raise nested_error(problems)
    return made


def _names(value: object) -> bool:
    return (is_str(value) and value != "") or (is_list_of(is_str)(value) and len(cast("list[str]", value)) > 0)


def _tuple(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(cast("list[str]", value))


_MAPPING: Mapping[str, object] = {"type": "object"}
Columns = Annotated[dict[str, Column], Annotation(_check_columns, lambda: _MAPPING)]
InputColumns = Annotated[dict[str, tuple[str, ...]] | None, Annotation(_check_inputs, lambda: _MAPPING)]
Names = Annotated[
    tuple[str, ...],
    rule("the name of a column or a list of names", _names, schema={"type": ["string", "array"]}, convert=_tuple),
]
Texts = Annotated[tuple[str, ...], rule("a list of texts", is_list_of(is_str), schema={"type": "array"}, convert=tuple)]
