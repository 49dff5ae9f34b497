"""Field types that several families of layers share: sizes over one, two or three axes, padding, data format.

A size over several axes is one number for all of them or a list of one for each. A list of equal numbers
becomes its number, so that `kernel_size: [3, 3]` and `kernel_size: 3` are one value; write defaults so too.
"""

from typing import Annotated

from compiler.errors import shown
from compiler.ir import Shape
from compiler.settings import Annotation, choice, field_error, is_bool, is_int, is_list_of, rule

Size = int | tuple[int, ...]
"""What a field of sizes holds once validated."""


def sizes(rank: int, *, least: int = 1, none: bool = False) -> Annotation:
    """Annotation for a field with an integer >= `least` for each of `rank` axes, or one for all of them."""
    integers = "integer" if rank == 1 else "integers"
    one, several = f"an integer >= {least}", f"{integers} >= {least}"
    if least == 1:
        one, several = "a positive integer", f"positive {integers}"
    item: dict[str, object] = {"type": "integer", "minimum": least}

    def in_range(value: int | list[int] | tuple[int, ...]) -> bool:
        return all(number >= least for number in ((value,) if isinstance(value, int) else value))

    return rule(
        f"{one} or a list of {rank} {several}",
        lambda value: is_int(value) or is_list_of(is_int, rank)(value),
        in_range,
        {"anyOf": [item, {"type": "array", "items": item, "minItems": rank, "maxItems": rank}]},
        none=none,
        convert=_shortest,
    )


def _shortest(value: int | list[int] | tuple[int, ...]) -> Size:
    if isinstance(value, int):
        return value
    return value[0] if len(set(value)) == 1 else tuple(value)


def each(size: Size, rank: int) -> tuple[int, ...]:
    """A field's value as one number for each of `rank` axes."""
    return (size,) * rank if isinstance(size, int) else size


Size1 = Annotated[Size, sizes(1)]
Size2 = Annotated[Size, sizes(2)]
Size3 = Annotated[Size, sizes(3)]
MaybeSize1 = Annotated[Size | None, sizes(1, none=True)]
MaybeSize2 = Annotated[Size | None, sizes(2, none=True)]
MaybeSize3 = Annotated[Size | None, sizes(3, none=True)]
MaybeOutputPadding1 = Annotated[Size | None, sizes(1, least=0, none=True)]
MaybeOutputPadding2 = Annotated[Size | None, sizes(2, least=0, none=True)]
MaybeOutputPadding3 = Annotated[Size | None, sizes(3, least=0, none=True)]

Padding = Annotated[str, choice("valid", "same")]
CausalPadding = Annotated[str, choice("valid", "same", "causal")]
"""With `causal`, zeros stand before the first step only, so that no output sees a later input."""

DataFormat = Annotated[str | None, choice("channels_last", "channels_first", none=True)]
"""Where the channels stand; null is `channels_last`."""


def split(x: Shape, data_format: str | None) -> tuple[Shape, int | None]:
    """The spatial dimensions and the channels of `x`."""
    return (x[1:], x[0]) if data_format == "channels_first" else (x[:-1], x[-1])


def joined(spatial: Shape, channels: int | None, data_format: str | None) -> Shape:
    """The inverse of `split`."""
    return (channels, *spatial) if data_format == "channels_first" else (*spatial, channels)


def by_x(numbers: Shape | tuple[int, ...]) -> str:
    """Sizes as messages write them: 3x3."""
    return "x".join("?" if number is None else str(number) for number in numbers)


def only_false(hint: str) -> Annotation:
    """Annotation for a field of Keras that makes no sense in a model file unless it is false."""

    def check(value: object, name: str) -> object:
        if not is_bool(value):
            raise field_error("E106", f"{name!r} must be false (got {shown(value)})")
        if value:
            raise field_error("E107", f"{name!r} must be false (got {shown(value)})", hint)
        return value

    return Annotation(check, lambda: {"const": False})
