"""Functions that take elements by their places, and the one that makes places of numbers."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from compiler.errors import shown
from compiler.ir import Shape
from compiler.ops.axes import COUNTED, axis_index
from compiler.ops.base import Mismatch, dims
from compiler.ops.functions.base import SAME, Dtypes, OneTensor
from compiler.ops.functions.elementwise import MaybeDtypeName
from compiler.ops.functions.reductions import no_axis
from compiler.settings import Annotation, Bool, Int, MaybeInt, PositiveInt, field_error, is_int, is_list_of, rule

_SLICE = re.compile(r"(-?\d{1,9})?:(-?\d{1,9})?(?::(-?[1-9]\d{0,8})?)?")

Entry = int | str | None
"""A place, a slice as Python writes it (`1:`, `::2`), `...`, or null for a new axis."""


def _is_entry(value: object) -> bool:
    return value is None or is_int(value) or (isinstance(value, str) and (value == "..." or _is_slice(value)))


def _is_slice(value: str) -> bool:
    return _SLICE.fullmatch(value) is not None


def _check(value: Any, name: str) -> object:
    if not is_list_of(_is_entry)(value):
        words = "a list of integers, slices ('1:', '::2'), '...' and nulls"
        raise field_error("E106", f"{name!r} must be {words} (got {shown(value)})", "key: [':', 0] is x[:, 0]")
    if not value or value[0] not in (":", "...") or list(value).count("...") > 1:
        hint = "key: [':', 0] is x[:, 0]: the first entry is the batch's, and whole"
        raise field_error("E107", f"{name!r} must begin with ':' or '...' (got {shown(value)})", hint)
    return tuple(value)


_KEY = Annotation(
    _check,
    lambda: {
        "type": "array",
        "minItems": 1,
        "items": {
            "anyOf": [{"type": ["integer", "null"]}, {"type": "string", "pattern": r"^(\.\.\.|-?\d*:-?\d*(:-?\d*)?)$"}]
        },
    },
    "a list of integers, slices, '...' and nulls",
)


def slice_of(entry: str) -> slice:
    """The slice that a text means.

    >>> slice_of("1:"), slice_of("::-2")
    (slice(1, None, None), slice(None, None, -2))
    """
    found = _SLICE.fullmatch(entry)
    assert found is not None, "the field's rule takes nothing else"
    return slice(*(None if part is None else int(part) for part in found.groups()))


class GetItem(OneTensor, calls="get_item"):
    """x[key]: an integer takes one element of an axis, a text a slice, null makes a new axis."""

    call_arguments: ClassVar[tuple[str, ...]] = ("key",)

    key: Annotated[tuple[Entry, ...], _KEY]

    def values(self) -> dict[str, Any]:
        return {"key": tuple(self._index(entry) for entry in self.key)}

    @staticmethod
    def _index(entry: Entry) -> Any:
        return (Ellipsis if entry == "..." else slice_of(entry)) if isinstance(entry, str) else entry

    def infer(self, x: Shape) -> Shape:
        named = sum(entry is not None and entry != "..." for entry in self.key)
        rank = len(x) + 1
        if named > rank:
            raise Mismatch("E408", f"'key' is for {named} axes, and {dims(x)} and the batch are {rank}", argument="key")
        whole: tuple[Entry, ...] = (":",) * (rank - named)
        key = self.key if "..." in self.key else (*self.key, "...")
        at = key.index("...")
        y: list[int | None] = []
        left = iter((None, *x))
        for place, entry in enumerate((*key[:at], *whole, *key[at + 1 :])):
            if entry is None:
                y.append(1)
                continue
            y += self._taken(entry, next(left), x, batch=place == 0)
        return tuple(y[1:])

    def _taken(self, entry: Entry, size: int | None, x: Shape, *, batch: bool) -> list[int | None]:
        """What is left of one axis."""
        if batch and entry != ":":
            raise Mismatch("E408", "takes a part of the batch", hint="key: [':', ...]", argument="key")
        if isinstance(entry, int):
            if size is not None and not -size <= entry < size:
                raise Mismatch("E410", f"has no element {entry} in an axis of {size} of {dims(x)}", argument="key")
            return []
        part = slice_of(str(entry))
        if size is None:
            if part != slice(None) and not batch:
                message = f"cannot tell the size of {entry!r} of an axis of unknown size of {dims(x)}"
                raise Mismatch("E410", message, argument="key")
            return [None]
        taken = len(range(*part.indices(size)))
        if taken == 0:
            raise Mismatch("E410", f"takes nothing of an axis of {size} of {dims(x)}", argument="key")
        return [taken]

    def flops(self, x: Shape, y: Shape) -> int:
        return 0


_INDEX = {"type": "integer", "minimum": 0}


class Take(OneTensor, calls="take"):
    """The elements at the places `indices` of an axis: one of them without the axis, or a list."""

    call_arguments: ClassVar[tuple[str, ...]] = ("indices",)

    indices: Annotated[int | tuple[int, ...], rule(
        "an integer >= 0 or a list of them",
        lambda value: is_int(value) or is_list_of(is_int)(value),
        lambda value: value >= 0 if is_int(value) else len(value) > 0 and min(value) >= 0,
        {"anyOf": [_INDEX, {"type": "array", "items": _INDEX, "minItems": 1}]},
        convert=lambda value: value if is_int(value) else tuple(value),
    )]  # fmt: skip
    axis: MaybeInt = None

    def infer(self, x: Shape) -> Shape:
        if self.axis is None:
            raise no_axis("looks through")
        at = axis_index(self.axis, x)
        places = (self.indices,) if isinstance(self.indices, int) else self.indices
        has = x[at]
        if has is not None and max(places) >= has:
            raise Mismatch("E410", f"has no element {max(places)} in axis {self.axis} of {dims(x)}", argument="indices")
        return (*x[:at], *(() if isinstance(self.indices, int) else (len(places),)), *x[at + 1 :])


class OneHot(OneTensor, calls="one_hot"):
    """A new axis of `num_classes`, with 1 at the place that x names and 0 elsewhere."""

    dtypes: ClassVar[Dtypes] = Dtypes("integers", ("uint8", "int32", "int64"), dict.fromkeys(SAME.takes, "float32"))

    num_classes: PositiveInt
    axis: Int = -1
    dtype: MaybeDtypeName = None  # pyright: ignore[reportIncompatibleVariableOverride]  # what `Function` takes away is an argument here
    sparse: Bool = False

    def check(self) -> Iterable[Mismatch]:
        if self.sparse:
            yield Mismatch("E107", "'sparse' must be false: no layer takes sparse tensors", argument="sparse")

    def infer(self, x: Shape) -> Shape:
        if self.axis == -1:
            return (*x, self.num_classes)
        if not 1 <= self.axis <= len(x):
            message = f"'axis' must be -1 or from 1 to {len(x)} for an input of shape {dims(x)} (got {self.axis})"
            raise Mismatch("E408", message, hint=COUNTED, argument="axis")
        return (*x[: self.axis - 1], self.num_classes, *x[self.axis - 1 :])

    def output_dtype(self, inputs: Iterable[str], precision: str) -> str:
        default = super().output_dtype(inputs, precision)
        return self.dtype or default
